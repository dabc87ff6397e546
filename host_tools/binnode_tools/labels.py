"""Labels for the nodes: the QR code of LoRa Alliance TR005, name and numbers as text; one by one, and on A4 sheets.

A label is 70 x 37 mm, 24 of them fill an A4 sheet without margins, as sticker sheets have it (Avery 3474 and the like).
No key is ever on a label.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from io import BytesIO

import segno
from PIL import Image, ImageDraw, ImageFont

from binnode_tools.provisioning import FIXED_PLANS, SUB_BAND, Entry

WIDTH_MM, HEIGHT_MM = 70.0, 37.0
COLUMNS, ROWS = 3, 8
A4_MM = (210.0, 297.0)
DPI = 300
PROFILE_ID = "00000000"  # no vendor of the LoRa Alliance's list
_QUIET = 4  # modules around the code (ISO/IEC 18004)
_QR_MM = 31.0  # with them
_EDGE_MM = 3.0
_TEXT_MM = _EDGE_MM + _QR_MM
_ROOM_MM = WIDTH_MM - 4.0 - _TEXT_MM
_LEADING = 1.2  # from line to line, over the size
_FONTS = ("DejaVuSans{}.ttf", "LiberationSans-{}.ttf", "Arial{}.ttf", "arial{}.ttf")
_BOLD = {"DejaVuSans{}.ttf": ("", "-Bold"), "LiberationSans-{}.ttf": ("Regular", "Bold"), "Arial{}.ttf": ("", " Bold")}


@dataclass(frozen=True)
class Text:
    """A line of a label: its left end on the base line, and the height of its type, in mm."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False


def tr005(entry: Entry) -> str:
    """What the QR code says: LW:D0:JoinEUI:DevEUI:ProfileID[:Oowner token][:Sserial]:Cchecksum. Never a key."""
    label = entry.label
    parts = ["LW", "D0", entry.join_eui.upper(), entry.dev_eui.upper(), label.get("profile_id", PROFILE_ID)]
    parts += [letter + label[name] for letter, name in (("O", "owner_token"), ("S", "serial")) if label.get(name)]
    text = ":".join(parts)
    return f"{text}:C{crc16(text.encode()):04X}"


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS, of all that stands before ":C"."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def modules(entry: Entry) -> list[list[bool]]:
    """The dark squares of the code, row by row, without the quiet zone."""
    code = segno.make_qr(tr005(entry), error="m", boost_error=False)
    return [[bool(module) for module in row] for row in code.matrix]


def lines(entry: Entry) -> list[Text]:
    """The text beside the code, in the middle of the label's height."""
    region = str(entry.config.get("lora_region", ""))
    if region in FIXED_PLANS:
        region += f", sub-band {entry.config.get('lora_sub_band', SUB_BAND)}"
    found = [(part, 4.2, True, 0.0) for part in _wrapped(_printable(entry.name))]  # text, size, bold, room above; mm
    found += [("DevEUI", 2.1, False, 1.4), (_grouped(entry.dev_eui), 3.0, True, 0.0)]
    found += [("JoinEUI", 2.1, False, 1.0), (_grouped(entry.join_eui), 2.7, False, 0.0)]
    found.append((f"binnode {region}".strip(), 2.3, False, 1.0))
    if entry.label.get("serial"):
        found.append((f"Serial {entry.label['serial']}", 2.3, False, 0.0))
    placed = []
    y = (HEIGHT_MM - sum(size * _LEADING + above for _, size, _, above in found)) / 2
    for text, size, bold, above in found:
        y += size * _LEADING + above
        fits = size
        while _width_mm(text, fits, bold) > _ROOM_MM:
            fits *= 0.97  # letter widths are whole pixels: they do not shrink evenly
        placed.append(Text(_TEXT_MM, y - size * (_LEADING - 0.95), fits, text, bold))
    return placed


def _wrapped(name: str) -> list[str]:
    """A name too long for one line, on two where it has a space for it."""
    if _width_mm(name, 4.2, True) <= 1.2 * _ROOM_MM:
        return [name]
    spaces = [at for at, letter in enumerate(name) if letter == " " and 0 < at < len(name) - 1]
    at = min(spaces, key=lambda at: abs(at - len(name) / 2), default=0)
    return [name[:at], name[at + 1 :]] if at else [name]


def svg(entry: Entry) -> str:
    """One label as an SVG of its own."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM:g}mm" height="{HEIGHT_MM:g}mm" '
        f'viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}">'
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" fill="#fff"/>{_drawn(entry)}</svg>\n'
    )


def png(entry: Entry) -> bytes:
    """One label as a PNG of 300 dpi."""
    return _png((WIDTH_MM, HEIGHT_MM), lambda sheet: _paint(sheet, entry, 0, 0))


def sheets_html(entries: list[Entry]) -> str:
    """A page for the browser's Print: A4, 24 labels on each, scale 100 %, no margins."""
    pages = []
    for page in _pages(entries):
        drawn = "".join(f'<g transform="translate({x:g} {y:g})">{_drawn(entry)}</g>' for entry, x, y in page)
        pages.append(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {A4_MM[0]:g} {A4_MM[1]:g}">{drawn}</svg>')
    style = (
        "@page{size:A4;margin:0}body{margin:0}svg{display:block;width:210mm;height:297mm;break-after:page;"
        "break-inside:avoid}svg:last-child{break-after:auto}@media screen{svg{border-bottom:1px dashed #999}}"
    )
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>binnode labels</title><style>{style}</style>'
    return f"{head}<body>{''.join(pages)}</body></html>\n"


def sheets_png(entries: list[Entry]) -> list[bytes]:
    """The same sheets as PNGs of 300 dpi."""
    found = []
    for page in _pages(entries):

        def paint(sheet: Image.Image, page: list = page) -> None:
            for entry, x, y in page:
                _paint(sheet, entry, x, y)

        found.append(_png(A4_MM, paint))
    return found


def _pages(entries: list[Entry]) -> list[list[tuple[Entry, float, float]]]:
    """Of each page its labels, with the place of their upper left corner in mm."""
    top = (A4_MM[1] - ROWS * HEIGHT_MM) / 2
    each = COLUMNS * ROWS
    return [
        [
            (entry, number % COLUMNS * WIDTH_MM, top + number // COLUMNS * HEIGHT_MM)
            for number, entry in enumerate(entries[start : start + each])
        ]
        for start in range(0, len(entries), each)
    ]


def _grouped(eui: str) -> str:
    return " ".join(eui.upper()[at : at + 4] for at in range(0, 16, 4))


def _drawn(entry: Entry) -> str:
    """SVG in mm from the label's upper left corner."""
    rows = modules(entry)
    runs = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            if row[x]:
                end = next((at for at in range(x, len(row)) if not row[at]), len(row))
                runs.append(f"M{x} {y}h{end - x}v1h{x - end}z")
                x = end
            x += 1
    scale = _QR_MM / (len(rows) + 2 * _QUIET)
    top = (HEIGHT_MM - _QR_MM) / 2
    place = f"translate({_EDGE_MM + _QUIET * scale:.4f} {top + _QUIET * scale:.4f}) scale({scale:.5f})"
    parts = [f'<path transform="{place}" shape-rendering="crispEdges" d="{"".join(runs)}"/>']
    for line in lines(entry):
        weight = ' font-weight="bold"' if line.bold else ""
        parts.append(
            f'<text x="{line.x:g}" y="{line.y:.2f}" font-size="{line.size:.2f}"{weight} '
            f'font-family="DejaVu Sans, Verdana, Arial, sans-serif">{escape(line.text)}</text>'
        )
    return "".join(parts)


def _paint(sheet: Image.Image, entry: Entry, x_mm: float, y_mm: float) -> None:
    """The label on a picture, every module of its code the same whole number of pixels."""
    rows = modules(entry)
    across = len(rows) + 2 * _QUIET
    pixels = int(_px(_QR_MM) // across)
    code = Image.new("1", (across, across), 1)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                code.putpixel((x + _QUIET, y + _QUIET), 0)
    code = code.resize((across * pixels, across * pixels), Image.Resampling.NEAREST)
    margin = (_px(_QR_MM) - across * pixels) / 2
    sheet.paste(code, (round(_px(x_mm + _EDGE_MM) + margin), round(_px(y_mm + (HEIGHT_MM - _QR_MM) / 2) + margin)))
    draw = ImageDraw.Draw(sheet)
    for line in lines(entry):
        font, text = _font(line.size, line.bold, line.text)
        draw.text((_px(x_mm + line.x), _px(y_mm + line.y)), text, fill=0, font=font, anchor="ls")


def _png(size_mm: tuple[float, float], paint: Callable[[Image.Image], None]) -> bytes:
    sheet = Image.new("L", (round(_px(size_mm[0])), round(_px(size_mm[1]))), 255)
    paint(sheet)
    out = BytesIO()
    sheet.save(out, "PNG", dpi=(DPI, DPI), optimize=True)
    return out.getvalue()


def _px(mm: float) -> float:
    return mm * DPI / 25.4


def _width_mm(text: str, size: float, bold: bool) -> float:
    font, text = _font(size, bold, text)
    return font.getlength(text) * 25.4 / DPI


def _font(size_mm: float, bold: bool, text: str) -> tuple[ImageFont.FreeTypeFont, str]:
    """A font of this computer's, and the text as it can show it: Pillow's own knows ASCII only."""
    for pattern in _FONTS:
        plain, heavy = _BOLD.get(pattern, ("", "bd"))
        try:
            name = pattern.format(heavy if bold else plain)
            return ImageFont.truetype(name, _px(size_mm), layout_engine=ImageFont.Layout.BASIC), text
        except OSError:
            continue
    font = ImageFont.load_default(_px(size_mm))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font, _ascii(text)


def _ascii(text: str) -> str:
    """Letters without their marks, and ? for what has no such letter."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).encode("ascii", "replace").decode()


def _printable(text: str) -> str:
    """? for what is no letter to print: controls, line breaks, code points that mean nothing."""
    return "".join("?" if unicodedata.category(one)[0] == "C" or one in "\u2028\u2029" else one for one in text)
