"""A calibration's record as files: the sheet's JSON, and an A4 page of it to print, as a PNG by matplotlib.

The page is a function of the JSON alone; what the JSON lacks the page leaves out.
"""

import json
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from binnode_tools import sheet_section
from binnode_tools.sheet_page import LEADING, PT_MM, WIDTH_MM, Page
from binnode_tools.sheet_section import number
from binnode_tools.sheet_values import NONE, facts, strapping, values

_LEFT, _RIGHT, _MIDDLE = 14.0, WIDTH_MM - 12.0, 106.0  # mm: margins for a binder's holes; the right column's left edge
_CODE_MM = 26.0
_BOTTOM = 277.0  # of the checks; below it: signature and format
_SECTION_MM = (122.0, 84.0)  # its height: as there is room
_PINGS_MM = 30.0
_MARK_MM = 19.0  # for a check's level
_CHECK_SIZES = (8.0, 7.5, 7.0, 6.5, 6.0, 5.5, 5.0)
_NAME_BYTES = 60  # of a file's name
_NEAR_MM = 15  # a ping as near as this to what was taken heard the same thing
_LEVELS = {"error": "ERROR", "warning": "WARNING", "ok": "ok"}


def write(sheet: dict, folder: Path) -> tuple[Path, Path]:
    """NAME-YYYYMMDD-HHMM.json and .png in `folder`, which is made; where one of them exists both get -2, -3 ...

    OSError when they can't be written; the JSON is there first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(sheet, indent=2, ensure_ascii=False, allow_nan=False)
    base, count = file_name(sheet), 1
    while True:
        name = base if count == 1 else f"{base}-{count}"
        as_json, as_png = folder / f"{name}.json", folder / f"{name}.png"
        count += 1
        if as_png.exists():
            continue
        try:
            file = as_json.open("x", encoding="utf-8", errors="backslashreplace", newline="\n")
        except FileExistsError:
            continue
        with file:
            file.write(text + "\n")
        draw_png(sheet, as_png)
        return as_json, as_png


def file_name(sheet: dict) -> str:
    """For any file system, without an ending."""
    node = sheet.get("node") or {}
    name = str(node.get("name") or node.get("dev_eui") or node.get("device_id") or "node")
    name = "".join(one if one.isalnum() or one in "-_." else "_" for one in name).lstrip(".-") or "node"
    short = name.encode(errors="ignore")[:_NAME_BYTES].decode(errors="ignore") or "node"
    made = _made(sheet)
    return f"{short}-{made:%Y%m%d-%H%M}" if made else f"{short}-undated"


def draw_png(sheet: dict, path: Path) -> None:
    """The page: A4 at 200 dpi, 1654 x 2339 pixels. FileExistsError when there is such a file."""
    page = Page()
    y = _head(page, sheet)
    checks = [check for check in sheet.get("checks") or [] if isinstance(check, dict)]
    checks.sort(key=lambda check: [*_LEVELS, check.get("level")].index(check.get("level")))
    most, least = _SECTION_MM
    room = _BOTTOM - y - _PINGS_MM - 20
    size, laid = next(
        (size, laid)
        for size in _CHECK_SIZES
        if _height(laid := _lay(page, checks, size), size) <= room - least or size == _CHECK_SIZES[-1]
    )
    across = _MIDDLE - 6 - _LEFT
    most = max(least, min(most, sheet_section.height_mm(sheet, across)))
    height = max(least, min(most, room - _height(laid, size)))
    sheet_section.draw(page, sheet, _LEFT, y, across, height)
    _tables(page, sheet, y, height)
    y += height + 6
    _pings(page, sheet, y)
    y += _PINGS_MM + 8
    _checks(page, checks, laid, size, y)
    _foot(page, sheet)
    page.save(path)


def _head(page: Page, sheet: dict) -> float:
    """Name, code, who, where, when, what; the y below it."""
    node = sheet.get("node") or {}
    name, eui = (" ".join(str(node.get(one) or "").split()) for one in ("name", "dev_eui"))
    room = _RIGHT - _LEFT - _CODE_MM - 4
    page.text(_LEFT, 15, "Calibration of a bin's level sensor", 8.5, room, color="#444444")
    y = 23.0
    size, lines = page.paragraph(name or eui or str(node.get("device_id") or "node"), 18, room, 2, bold=True)
    for line in lines:
        page.text(_LEFT, y, line, size, room, bold=True)
        y += 0.44 * size
    code = eui.upper() or name
    if code and len(code.encode(errors="replace")) <= 48:
        page.code(code.encode(errors="replace").decode(), _RIGHT + 2, 8, _CODE_MM)
    y = max(y + 0.5, 36)
    made, saved = _made(sheet), sheet.get("saved")
    when = f"{made:%Y-%m-%d %H:%M %z}".strip() if made else str(sheet.get("made") or "")
    firmware = " ".join(filter(None, [str(node.get("firmware") or ""), _in_brackets(node.get("commit"))]))
    left = [("Place", sheet.get("place")), ("Made by", sheet.get("by")), ("Made at", when)]
    left.append(("Saved", "on the node" if saved else "no, the node keeps what it had"))
    right = [("DevEUI", _grouped(eui)), ("Board", node.get("board")), ("Firmware", firmware)]
    right.append(("MicroPython", node.get("micropython")))
    bottom = y
    for x, width, rows in ((_LEFT, _MIDDLE - 6 - _LEFT, left), (_MIDDLE, _RIGHT - _MIDDLE, right)):
        at = y
        for title, value in rows:
            page.text(x, at, title, 7.5, color="#444444")
            size, lines = page.paragraph(" ".join(str(value or "").split()) or NONE, 8.5, width - 22, 3)
            for line in lines:
                page.text(x + 22, at, line, size, width - 22)
                at += 0.5 * size
        bottom = max(bottom, at)
    page.rule(bottom - 0.8, _LEFT, _RIGHT, 1.2)
    return bottom + 3.5


def _tables(page: Page, sheet: dict, y: float, height: float) -> None:
    """Values before and after; then what was measured, by what, in which bin."""
    rows = values(sheet)
    told = facts(sheet)
    lines = page.wrapped(strapping(sheet), 6.5, _RIGHT - _MIDDLE)
    pitch = min(4.9, height / (len(rows) + len(told) + 3 + 0.75 * len(lines)))
    size = min(8.0, pitch / PT_MM / 1.42)
    columns = _RIGHT - 27, _RIGHT
    page.text(columns[0], y + 2, "before", size, align="right", bold=True)
    page.text(columns[1], y + 2, "after" if sheet.get("saved") else "proposed", size, align="right", bold=True)
    page.rule(y + 3.2, _MIDDLE, _RIGHT)
    y += 3 + pitch
    for title, before, after in rows:
        page.text(_MIDDLE, y, title, size, 38, color="#333333")
        page.text(columns[0], y, before, size, 26, "right")
        page.text(columns[1], y, after, size, 25, "right", bold=before != after)
        y += pitch
    page.rule(y - 0.7 * pitch, _MIDDLE, _RIGHT)
    y += 0.4 * pitch
    for title, value in told:
        page.text(_MIDDLE, y, title, size, 38, color="#333333")
        page.text(_RIGHT, y, value, size, 53, "right")
        y += pitch
    for line in lines:
        page.text(_MIDDLE, y, line, 6.5, _RIGHT - _MIDDLE)
        y += 0.75 * pitch


def _pings(page: Page, sheet: dict, y: float) -> None:
    """What each ping heard, one row for each reading, over one scale for the empty and the full bin."""
    measured, bin_ = sheet.get("measured") or {}, sheet.get("bin") or {}
    parts = {name: measured.get(name) or {} for name in ("empty", "full")}
    heard = {name: [_heard(reading) for reading in part.get("readings") or []][:20] for name, part in parts.items()}
    every = [mm for rows in heard.values() for row in rows for mm in row if mm is not None]
    furthest = max([1.0, *every, number(bin_.get("empty_mm")) or 0.0])
    width = (_RIGHT - _LEFT - 12) / 2
    for name, x in (("empty", _LEFT), ("full", _RIGHT - width)):
        _strip(page, parts[name], heard[name], f"Pings, bin {name}", furthest, (x, y, width), sheet)


def _strip(
    page: Page, taken: dict, rows: list, title: str, furthest: float, at: tuple[float, float, float], sheet: dict
) -> None:
    x, y, width = at
    distance, rim = number(taken.get("distance_mm")), number(taken.get("rim_to_full_mm")) is not None
    echoes = [mm for row in rows for mm in row if mm is not None]
    page.text(x, y, title, 7.5, bold=True)
    said = "-" if distance is None else f"{'taken' if rows else 'typed'}: {distance:.0f} mm{', the rim' if rim else ''}"
    page.text(x + width, y, said, 7.5, width - 30, "right")
    axes = page.panel(x, y + 2, width, _PINGS_MM - 9)
    axes.set(xlim=(0, furthest * 1.04), ylim=(max(1, len(rows)) + 0.5, 0.5))
    axes.set_xticks(sheet_section.ticks(furthest, width / 12))
    axes.tick_params(axis="x", labelsize=6, length=2, width=0.5, pad=1.5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(lw=0.5, color="#777777")
    blind = number((sheet.get("module") or {}).get("blind_mm"))
    if blind and blind > 0:
        axes.axvspan(0, blind, facecolor="none", edgecolor="#999999", hatch="//////", lw=0)
    if distance is not None:
        axes.axvline(distance, color="black", lw=0.8, ls=(0, (4, 2)))
    for place, row in enumerate(rows, 1):
        heard = [mm for mm in row if mm is not None]
        axes.plot(heard, [place] * len(heard), "|", ms=5.5, mew=0.6, color="black", clip_on=True)
    count = sum(map(len, rows))
    if not count:
        page.text(x + width / 2, y + 12, "no pings were recorded", 7, width, "center", color="#555555")
        return
    text = f"{len(echoes)} of {count} pings heard something"
    if echoes and distance is not None:
        near = sum(abs(mm - distance) <= _NEAR_MM for mm in echoes)
        text += f"; {near} within {_NEAR_MM} mm of the dashed line; median {median(echoes):.0f} mm"
    page.text(x, y + _PINGS_MM, text, 6.5, width)


def _heard(reading: Any) -> list[float | None]:
    row = reading.get("heard_mm") if isinstance(reading, dict) else None
    return [number(mm) for mm in (row or [])[:100]]


def _lay(page: Page, checks: list[dict], size: float) -> list[list[str]]:
    """The lines of each check, what is wrong and then what to do."""
    room = _RIGHT - _LEFT - _MARK_MM
    parts = [[str(check.get("text") or check.get("code") or NONE), str(check.get("remedy") or "")] for check in checks]
    return [[line for part in both for line in page.wrapped(part, size, room)] for both in parts]


def _height(laid: list[list[str]], size: float) -> float:
    return sum((len(lines) * LEADING + 0.45) * size * PT_MM for lines in laid)


def _checks(page: Page, checks: list[dict], laid: list[list[str]], size: float, y: float) -> None:
    counts = {level: sum(check.get("level") == level for check in checks) for level in ("error", "warning")}
    parts = [f"{count} {level}{'s' if count != 1 else ''}" for level, count in counts.items() if count]
    summary = "Checks: " + (", ".join(parts) or ("nothing is wrong" if checks else "none were made"))
    page.text(_LEFT, y, summary, 9, bold=True)
    page.rule(y + 1.5, _LEFT, _RIGHT)
    line_mm = size * LEADING * PT_MM
    y += 2.5 + line_mm
    for number_, (check, lines) in enumerate(zip(checks, laid, strict=True)):
        if y + (len(lines) - 1) * line_mm > _BOTTOM:
            page.text(_LEFT, _BOTTOM + 2, f"{len(checks) - number_} more are in the JSON file.", size, bold=True)
            return
        level = str(check.get("level"))
        _mark(page, y, size, level)
        for line in lines:
            page.text(_LEFT + _MARK_MM, y, line, size, _RIGHT - _LEFT - _MARK_MM)
            y += line_mm
        y += 0.45 * size * PT_MM


def _mark(page: Page, y: float, size: float, level: str) -> None:
    """White on black is an error, black in a frame a warning: so that it shows on any printer."""
    word = _LEVELS.get(level, level)
    box = {
        "boxstyle": "square,pad=0.15",
        "lw": 0.7,
        "edgecolor": "white" if level == "ok" else "black",
        "facecolor": "black" if level == "error" else "white",
    }
    colour = "white" if level == "error" else "black"
    page.text(_LEFT + 1, y, word, size * 0.85, _MARK_MM - 3, bold=level != "ok", color=colour, bbox=box)


def _foot(page: Page, sheet: dict) -> None:
    page.rule(289, _LEFT, _LEFT + 70, 0.6)
    page.text(_LEFT, 292, "Date, signature", 6.5, color="#444444")
    node = sheet.get("node") or {}
    text = f"{sheet.get('format') or ''} {sheet.get('version') or ''}   device {node.get('device_id') or NONE}"
    page.text(_RIGHT, 292, text.strip(), 6.5, 100, "right", color="#444444")


def _made(sheet: dict) -> datetime | None:
    try:
        return datetime.fromisoformat(str(sheet.get("made")))
    except ValueError:
        return None


def _in_brackets(value: Any) -> str:
    return f"({value})" if value else ""


def _grouped(eui: str) -> str:
    return " ".join(eui.upper()[at : at + 4] for at in range(0, len(eui), 4))
