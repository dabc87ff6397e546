"""What a millimetre and the blind zone cost in bins of each shape: the tables of docs/shapes.md.

    python -m binnode_tools.virtual_board.shape_errors

From the world's formulas, which the firmware does not share.
"""

from binnode_tools.virtual_board.scene import Geometry

FILLS = (5, 25, 50, 75, 95)  # percent
MODULES = {"HC-SR04P": 20, "JSN-SR04T": 250}  # blind zone, mm
# Whole bins: the full line is the rim. Their module hangs in the lid, at the rim.
BINS = {
    "upright, 800 mm (street bin)": Geometry(empty_mm=800, full_mm=0),
    "tapered to 0.75, 1000 mm (wheeled bin, 240 l)": Geometry(shape="tapered", empty_mm=1000, full_mm=0, taper=0.75),
    "lying, 1000 mm (drum, small tank)": Geometry(shape="lying", empty_mm=1000, full_mm=0),
    "lying, 2000 mm (underground tank)": Geometry(shape="lying", empty_mm=2000, full_mm=0),
    "strapping, 1500 mm (bottle bank, narrow at the top)": Geometry(
        shape="strapping",
        empty_mm=1500,
        full_mm=0,
        strapping=((0, 0), (200, 320), (600, 1250), (1000, 2050), (1300, 2450), (1500, 2600)),
    ),
}
PAIRS = (3, 5, 9, 16)


def permille_per_mm(bin_: Geometry, fill: float) -> float:
    """Change of the fill level with a millimetre of distance, at `fill` (0..1)."""
    height = bin_.empty_mm * bin_.height_fraction(fill)
    low, high = max(0.0, height - 0.5), min(bin_.empty_mm, height + 0.5)
    return 1000 * (bin_.volume_below(high) - bin_.volume_below(low)) / (high - low) / bin_.volume_below(bin_.empty_mm)


def hidden_percent(bin_: Geometry, blind_mm: float) -> float:
    """The part of the bin's volume that lies in the blind zone of a module at its rim."""
    return 100 * (1 - bin_.volume_below(bin_.empty_mm - blind_mm) / bin_.volume_below(bin_.empty_mm))


def table_error_permille(pairs: int) -> float:
    """The largest error of a strapping table of `pairs` equal steps of height for a lying cylinder."""
    tank = Geometry(shape="lying", empty_mm=1000, full_mm=0)
    steps = [round(1000 * i / (pairs - 1)) for i in range(pairs)]
    table = Geometry("strapping", 1000, 0, strapping=tuple((height, tank.volume_below(height)) for height in steps))
    whole = tank.volume_below(1000)
    return max(1000 * abs(table.volume_below(h) - tank.volume_below(h)) / whole for h in range(1001))


def tables() -> str:
    """The page's three tables, in Markdown."""
    lines = ["| permille of fill per mm, at a fill of | " + " | ".join(f"{fill} %" for fill in FILLS) + " |"]
    lines.append("|---" * (len(FILLS) + 1) + "|")
    for name, bin_ in BINS.items():
        cells = " | ".join(f"{permille_per_mm(bin_, fill / 100):.2f}" for fill in FILLS)
        lines.append(f"| {name} | {cells} |")
    header = " | ".join(f"{name} ({blind} mm)" for name, blind in MODULES.items())
    lines += ["", f"| hidden in the blind zone, % of the volume | {header} |", "|---" * (len(MODULES) + 1) + "|"]
    for name, bin_ in BINS.items():
        cells = " | ".join(f"{hidden_percent(bin_, blind):.1f}" for blind in MODULES.values())
        lines.append(f"| {name} | {cells} |")
    lines += ["", "| pairs of the table | " + " | ".join(map(str, PAIRS)) + " |", "|---" * (len(PAIRS) + 1) + "|"]
    cells = " | ".join(f"{table_error_permille(pairs):.1f}" for pairs in PAIRS)
    lines.append(f"| largest error for a lying cylinder, permille | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables())
