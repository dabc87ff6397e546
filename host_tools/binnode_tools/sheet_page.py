"""An A4 page to draw on in mm from its upper left corner, by matplotlib: text that fits its room, lines, codes."""

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
DPI = 200
WIDTH_PX, HEIGHT_PX = round(WIDTH_MM * DPI / 25.4), round(HEIGHT_MM * DPI / 25.4)
PT_MM = 25.4 / 72
LEADING = 1.32  # from line to line, over the size
_SMALLEST = 0.75  # of the size that was asked for, before a text is cut
# Letters that matplotlib's own font has not, if this computer has a font for them.
_OTHERS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC"),
    *("Hiragino Sans", "Malgun Gothic", "Nirmala UI", "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS"),
)


class Page:
    """`axes` covers all of it, 0..210 and 297..0; `figure` takes axes of their own."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, facecolor="white")
        self._renderer = FigureCanvasAgg(self.figure).get_renderer()
        self._widths: dict[tuple[str, float, bool], float] = {}
        self.axes: Any = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH_MM), ylim=(HEIGHT_MM, 0))
        self.axes.axis("off")

    def panel(self, x: float, y: float, width: float, height: float) -> Any:
        """Axes of their own at this place, y being their upper edge."""
        return self.figure.add_axes(
            (x / WIDTH_MM, 1 - (y + height) / HEIGHT_MM, width / WIDTH_MM, height / HEIGHT_MM), facecolor="none"
        )

    def width_mm(self, text: str, size: float, bold: bool = False) -> float:
        """`text` must be printable()."""
        key = text, size, bold
        if key not in self._widths:
            width, _, _ = self._renderer.get_text_width_height_descent(text, _font(size, bold), False)
            self._widths[key] = width * 25.4 / DPI
        return self._widths[key]

    def text(
        self, x: float, y: float, text: str, size: float = 8, room: float = 0, align: str = "left", **style: Any
    ) -> None:
        """One line whose base line is at y; smaller, and cut with an ellipsis, where it has no `room` (mm).

        `style`: bold, and what matplotlib's text takes.
        """
        bold = style.pop("bold", False)
        text = printable(text)
        least = size * _SMALLEST
        if room:
            while size > least and self.width_mm(text, size, bold) > room:
                size = max(least, size - 0.25)
            text = self._cut(text, size, bold, room)
        style.setdefault("color", "black")
        self.axes.text(x, y, text, fontproperties=_font(size, bold), ha=align, va="baseline", parse_math=False, **style)

    def _cut(self, text: str, size: float, bold: bool, room: float) -> str:
        if self.width_mm(text, size, bold) <= room:
            return text
        low, high = 0, len(text)  # the longest start that fits with its ellipsis
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width_mm(text[:middle].rstrip() + "…", size, bold) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low].rstrip() + "…"

    def wrapped(self, text: str, size: float, room: float, bold: bool = False) -> list[str]:
        """The lines of a text, broken at spaces, and inside of words that are too long for a line."""
        lines: list[str] = []
        line, used = "", 0.0  # a line's width is taken for that of its words, which is quick and near enough
        space = self.width_mm("n n", size, bold) - self.width_mm("nn", size, bold)
        for word in printable(text).split():
            width = self.width_mm(word, size, bold)
            if line and used + space + width <= room:
                line, used = f"{line} {word}", used + space + width
                continue
            lines += [line] if line else []
            while width > room and len(word) > 1:
                at = max(1, len(self._cut(word, size, bold, room)) - 1)
                lines.append(word[:at])
                word = word[at:]
                width = self.width_mm(word, size, bold)
            line, used = word, width
        return [*lines, line] if line else lines

    def paragraph(self, text: str, size: float, room: float, count: int, bold: bool = False) -> tuple[float, list[str]]:
        """A size, and the text on at most `count` lines for it; the last is too long where nothing else helps."""
        least = size * _SMALLEST
        while len(lines := self.wrapped(text, size, room, bold)) > count and size > least:
            size = max(least, size - 0.5)
        return size, [*lines[: count - 1], " ".join(lines[count - 1 :])] if len(lines) >= count else lines

    def rule(self, y: float, left: float, right: float, width: float = 0.5, color: str = "black") -> None:
        self.axes.plot([left, right], [y, y], color=color, lw=width, solid_capstyle="butt")

    def code(self, text: str, right: float, y: float, largest: float) -> None:
        """A QR code with its quiet zone, its squares whole pixels: at most `largest` mm wide, and high."""
        import numpy
        import segno

        squares = numpy.array([*segno.make_qr(text, error="m", boost_error=False).matrix_iter(border=4)], numpy.uint8)
        pixels = int(largest * DPI / 25.4) // len(squares)
        picture = numpy.kron(1 - squares, numpy.ones((pixels, pixels), numpy.uint8)) * 255
        left = round(right * DPI / 25.4) - len(picture)
        bottom = HEIGHT_PX - round(y * DPI / 25.4) - len(picture)
        self.figure.figimage(picture, left, bottom, cmap="gray", vmin=0, vmax=255, origin="upper")

    def save(self, path: Path) -> None:
        """A new file: FileExistsError when there is one."""
        with path.open("xb") as file:
            self.figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})


def printable(text: str) -> str:
    """One line, with ? for what no font here can show."""
    shown = "".join(" " if one.isspace() else one for one in text)
    return "".join("?" if unicodedata.category(one)[0] == "C" or ord(one) not in _letters() else one for one in shown)


@cache
def _families() -> tuple[str, ...]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ("DejaVu Sans", *(name for name in _OTHERS if name in there))


@cache
def _letters() -> frozenset[int]:
    """Code points that one of the fonts has."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    fonts = (get_font(findfont(FontProperties(family=name))) for name in _families())
    return frozenset(point for font in fonts for point in font.get_charmap())


@cache
def _font(size: float, bold: bool) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=list(_families()), size=size, weight="bold" if bold else "normal")
