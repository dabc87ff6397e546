"""The bin's section, drawn to scale below its module: walls, waste, full line, blind zone, beam."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from binnode_tools.sheet_page import PT_MM, Page

_STEPS = 600  # of a section's height
_ASSUMED = 0.55  # a bin's width over its depth, where nobody gave one
_LABEL_MM, _LABEL_ROW_MM, _SCALE_MM, _NOTE_MM = 30.0, 6.8, 9.0, 8.5  # around it: labels, each of them, ruler, note


@dataclass(frozen=True)
class Section:
    """Half widths by distance from the module's face, in mm. `rim_mm`: where the walls end, if that is known."""

    shape: str
    empty_mm: float
    full_mm: float
    bottom_ratio: float
    diameter_mm: float
    steps: tuple[tuple[float, float], ...]  # strapping: (height above the bottom, relative half width below it)
    width_mm: float | None  # the narrowest inner width
    rim_mm: float | None

    @property
    def whole_mm(self) -> float:
        return max(1.0, self.empty_mm - self.full_mm)

    def half_width(self, distance_mm: float) -> float:
        """0 where there is no wall: above and below a lying cylinder."""
        height = self.empty_mm - distance_mm
        if self.shape == "lying":
            radius = (self.diameter_mm or self.whole_mm) / 2
            return math.sqrt(max(0.0, radius**2 - (radius - height) ** 2))
        narrow = (self.width_mm or _ASSUMED * self.empty_mm) / 2
        if self.shape == "tapered":
            at_full = narrow / min(1.0, self.bottom_ratio)
            at_bottom = at_full * self.bottom_ratio
            return max(0.0, at_bottom + (at_full - at_bottom) * height / self.whole_mm)
        if self.shape == "strapping" and self.steps:
            widths = [half for _, half in self.steps]
            scale = narrow / min(widths) if self.width_mm else narrow / max(widths)
            return scale * next((half for top, half in self.steps if height <= top), widths[-1])
        return narrow

    @property
    def top_mm(self) -> float:
        """Distance of the walls' upper end; below 0: they end above the module."""
        if self.shape == "lying":
            return self.empty_mm - (self.diameter_mm or self.whole_mm)
        rim_mm = 0.0 if self.rim_mm is None else self.rim_mm
        return min(rim_mm, self.full_mm, self.empty_mm)

    @property
    def deep_mm(self) -> float:
        """From the bottom to the module or the walls' upper end, whichever is higher."""
        return self.empty_mm - min(0.0, self.top_mm)

    def inside(self, distance_mm: float) -> float:
        """half_width, and above the walls that of the way up to the module."""
        if distance_mm >= self.top_mm and (half := self.half_width(distance_mm)):
            return half
        return max(self.half_width(self.top_mm), self.widest_mm / 6)

    @property
    def widest_mm(self) -> float:
        return max(1.0, *(self.half_width(distance) for distance in self.distances(self.top_mm)))

    def distances(self, from_mm: float) -> list[float]:
        """Closely, down to the bottom."""
        return [from_mm + (self.empty_mm - from_mm) * step / _STEPS for step in range(_STEPS + 1)]


def number(value: Any) -> float | None:
    """A finite number as it is, None for all else."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e7
    return float(value) if fits else None


def of(sheet: dict) -> Section | None:
    """What the sheet says of the bin; None without a depth."""
    bin_ = sheet.get("bin") or {}
    empty, full = number(bin_.get("empty_mm")), number(bin_.get("full_mm"))
    if empty is None or empty <= 0:
        return None
    full = min(max(0.0, full or 0.0), empty)
    rim = number(((sheet.get("measured") or {}).get("full") or {}).get("rim_to_full_mm"))
    ratio, width = number(bin_.get("bottom_permille")), number(bin_.get("width_mm"))
    return Section(
        str(bin_.get("shape")),
        empty,
        full,
        min(10.0, max(0.05, (1000.0 if ratio is None else ratio) / 1000)),
        max(0.0, number(bin_.get("diameter_mm")) or 0.0),
        steps(bin_.get("strapping")),
        width if width and width > 0 else None,
        None if rim is None else full - rim,
    )


def pairs(text: Any) -> list[tuple[float, float]]:
    """(height, volume) of a strapping table as the config writes it, or as pairs; [] for anything else."""
    found = []
    rows = text.split(",") if isinstance(text, str) else text if isinstance(text, list) else []
    for row in rows:
        try:
            height, volume = (float(part) for part in (row.split(":") if isinstance(row, str) else row))
        except (TypeError, ValueError):
            return []
        found.append((height, volume))
    return found if all(abs(one) < 1e9 for row in found for one in row) else []


def steps(text: Any) -> tuple[tuple[float, float], ...]:
    """Tops of a table's steps with their widths, as the side of a square is: by the root of their area."""
    rows = sorted(pairs(text))
    found = [
        (top, math.sqrt(max(after - before, 0) / (top - low)))
        for (low, before), (top, after) in pairwise(rows)
        if top > low
    ]
    widest = max((half for _, half in found), default=0)
    return tuple((top, max(half, widest / 50)) for top, half in found) if widest else ()


def height_mm(sheet: dict, width: float) -> float:
    """As high as its drawing can get in that width (mm of the page)."""
    section = of(sheet)
    if section is None:
        return 0.0
    return 1.12 * section.deep_mm * (width - _LABEL_MM - _SCALE_MM) / (2.1 * section.widest_mm) + _NOTE_MM


def draw(page: Page, sheet: dict, x: float, y: float, width: float, height: float) -> None:
    """Into that place (mm of the page), with the labels at its right."""
    section = of(sheet)
    if section is None:
        page.text(x, y + 8, "The bin's depth is not known.", 8)
        return
    across, height = width - _LABEL_MM - _SCALE_MM, height - _NOTE_MM
    scale = max(2.1 * section.widest_mm / across, 1.12 * section.deep_mm / height)  # mm of the bin per mm of the page
    upper = min(0.0, section.top_mm) - 0.07 * 1.12 * section.deep_mm
    note = "To scale." if section.width_mm or section.shape == "lying" else "Heights to scale; its width was not given."
    below = y + (section.empty_mm - upper) / scale + 5
    for row, line in enumerate(page.wrapped(f"mm from the module's face. {note}", 6.5, width - _LABEL_MM)):
        page.text(x, below + row * 3, line, 6.5)
    axes = page.panel(x + _SCALE_MM, y, across, height)
    axes.set(xlim=(-scale * across / 2, scale * across / 2), ylim=(upper + scale * height, upper))
    _ruler(axes, section, section.empty_mm / scale)
    module_x = _module_x(sheet, section)
    _fill(axes, sheet, section, module_x)
    _walls(axes, section)
    levels = _levels(sheet, section)
    for distance, _, style in levels:
        half = section.inside(distance)
        axes.plot([-half, half], [distance, distance], color="black", **style)
    body = 0.06 * section.deep_mm  # the module, its face at 0
    wide = [module_x - 0.8 * body, module_x + 0.8 * body]
    axes.fill_between(wide, [-body, -body], [0, 0], color="black", zorder=5, clip_on=False)
    middle = x + _SCALE_MM + across / 2
    walls = [middle + section.inside(distance) / scale for distance, _, _ in levels]
    places = [y + (distance - upper) / scale for distance, _, _ in levels]
    _labels(page, levels, walls, places, x + width - _LABEL_MM, (y + 2, y + height))


def _ruler(axes: Any, section: Section, long_mm: float) -> None:
    """At the left, `long_mm` of the page for the way from the module to the bottom."""
    axes.set_yticks(ticks(section.empty_mm, long_mm / 5))
    axes.set_xticks([])
    axes.tick_params(axis="y", labelsize=6, length=2, width=0.5, pad=1.5)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set(bounds=(0, section.empty_mm), lw=0.5)


def ticks(last: float, count: float) -> list[float]:
    """Round numbers from 0 to `last`, at most as many as that, and at least 0."""
    from matplotlib.ticker import MaxNLocator

    wanted = int(min(8, count))
    values = MaxNLocator(wanted, steps=[1, 2, 5, 10], integer=True).tick_values(0, last) if wanted else [0.0]
    return [float(value) for value in values if 0 <= value <= last]


def _module_x(sheet: dict, section: Section) -> float:
    """In the middle, or as near to the right wall as the sheet says."""
    to_wall = number((sheet.get("bin") or {}).get("to_wall_mm"))
    half = section.half_width(section.full_mm) or section.widest_mm
    return 0.0 if to_wall is None or section.shape == "lying" else min(half, max(0.0, half - max(0.0, to_wall)))


def _fill(axes: Any, sheet: dict, section: Section, module_x: float) -> None:
    """Waste, blind zone and beam."""
    module = sheet.get("module") or {}
    level = _level(sheet)
    if level is not None and level < section.empty_mm:
        depths = section.distances(max(level, section.top_mm))
        halves = [section.half_width(depth) for depth in depths]
        axes.fill_betweenx(depths, [-half for half in halves], halves, color="#d9d9d9", lw=0, zorder=1)
    beam = number(module.get("beam_deg"))
    if beam is not None and 0 < beam < 170:
        spread = section.empty_mm * math.tan(math.radians(beam / 2))
        cone = [module_x - spread, module_x, module_x + spread], [section.empty_mm, 0, section.empty_mm]
        axes.plot(*cone, color="#555555", lw=0.7, ls=(0, (1, 1.5)), zorder=3)
    blind = number(module.get("blind_mm"))
    if blind and blind > 0:
        depths = [min(blind, section.empty_mm) * step / _STEPS for step in range(_STEPS + 1)]
        halves = [section.inside(depth) for depth in depths]
        style = {"facecolor": "none", "edgecolor": "#777777", "hatch": "//////", "lw": 0, "zorder": 2}
        axes.fill_betweenx(depths, [-half for half in halves], halves, **style)


def _walls(axes: Any, section: Section) -> None:
    distances = section.distances(section.top_mm)
    halves = [section.half_width(distance) for distance in distances]
    outline = {"color": "black", "lw": 1.8, "solid_joinstyle": "miter", "zorder": 4}
    axes.plot([-half for half in halves] + halves[::-1], distances + distances[::-1], **outline)
    if section.shape == "lying":
        axes.plot([-halves[0], halves[0]], [distances[0]] * 2, **outline)
    if section.top_mm > 0:  # what is between the walls' upper end and the module is not known
        half = section.inside(0)
        for side in (-half, half):
            axes.plot([side, side], [0, section.top_mm], color="black", lw=0.7, ls=(0, (4, 3)), zorder=4)


def _now(sheet: dict) -> dict:
    """The last reading: after the calibration, and before it where nothing was saved."""
    reading = (sheet.get("after") or {}).get("reading")
    if not reading and not sheet.get("saved"):  # its level is that of the old settings
        reading = {**((sheet.get("before") or {}).get("reading") or {}), "fill_permille": None}
    return reading or {}


def _level(sheet: dict) -> float | None:
    """Distance to what is in the bin now."""
    reading = _now(sheet)
    return number(reading.get("distance_mm")) if reading.get("kind") == "ok" else None


def _levels(sheet: dict, section: Section) -> list[tuple[float, tuple[str, str], dict]]:
    """Distance, name and value, and style of each line to name, from the top."""
    module = sheet.get("module") or {}
    found = [
        (section.empty_mm, ("bottom", f"{section.empty_mm:.0f} mm"), {"lw": 0}),
        (section.full_mm, ("full line", f"{section.full_mm:.0f} mm"), {"lw": 1.1, "ls": (0, (5, 2)), "zorder": 5}),
    ]
    level, fill = _level(sheet), number(_now(sheet).get("fill_permille"))
    if level is not None and 0 <= level <= section.empty_mm:
        value = f"{level:.0f} mm" + ("" if fill is None else f", {fill / 10:.1f} %")
        found.append((level, ("heard now", value), {"lw": 0.9, "zorder": 4}))
    for name, words in (("blind_mm", "blind zone to"), ("range_mm", "range ends at")):
        value = number(module.get(name))
        if value is not None and 0 < value <= section.empty_mm:
            found.append((value, (words, f"{value:.0f} mm"), {"lw": 0.4, "ls": (0, (1, 1)), "zorder": 2}))
    if section.rim_mm is not None and 0 <= section.rim_mm < section.full_mm:
        found.append((section.rim_mm, ("rim", f"{section.rim_mm:.0f} mm"), {"lw": 0}))
    return sorted(found, key=lambda level: level[0])


def _labels(
    page: Page, levels: list, walls: list[float], places: list[float], x: float, between: tuple[float, float]
) -> None:
    """Name and value of each level, moved apart, with a line to where it meets the wall."""
    rows = spread(places, _LABEL_ROW_MM, *between)
    for (_, (name, value), _), wall, place, row in zip(levels, walls, places, rows, strict=True):
        page.axes.plot([wall, x - 1, x + 2], [place, place, row], color="black", lw=0.35)
        page.text(x + 3, row - 0.4, name, 6.5, _LABEL_MM - 3)
        page.text(x + 3, row + 7 * PT_MM, value, 7, _LABEL_MM - 3, bold=True)


def spread(wanted: list[float], apart: float, low: float, high: float) -> list[float]:
    """Places in the same order, `apart` from each other, near to those wanted, and not beyond low and high."""
    rows: list[float] = []
    for place in wanted:
        rows.append(max(place, low if not rows else rows[-1] + apart))
    limit = high
    for number_ in range(len(rows) - 1, -1, -1):
        rows[number_] = min(rows[number_], limit)
        limit = rows[number_] - apart
    return rows
