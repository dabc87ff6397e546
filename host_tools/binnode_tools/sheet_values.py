"""What a calibration's sheet says in its tables: titles and texts of what was set, read and measured."""

from typing import Any

from binnode_tools.sheet_section import number, pairs

NONE = "-"
_ROWS = (
    ("Module", "module", lambda value: str(value)),
    ("To the bottom", "empty_mm", lambda value: unit(value, "mm")),
    ("To the full line", "full_mm", lambda value: unit(value, "mm")),
    ("Shape", "shape", lambda value: str(value)),
    ("Width at the bottom", "bottom_permille", lambda value: tenths(value, "%")),
    ("Diameter", "diameter_mm", lambda value: unit(value, "mm") if value else "to the full line"),
    ("Strapping table", "strapping", lambda value: f"{len(pairs(value))} pairs"),
)
_OF_SHAPE = {"bottom_permille": "tapered", "diameter_mm": "lying", "strapping": "strapping"}


def values(sheet: dict) -> list[tuple[str, str, str]]:
    sides = [sheet.get(side) or {} for side in ("before", "after")]
    settings = [side.get("settings") or {} for side in sides]
    found = []
    for title, name, shown in _ROWS:
        shape = _OF_SHAPE.get(name)
        cells = [
            NONE if one.get(name) is None or shape not in (None, one.get("shape")) else shown(one[name])
            for one in settings
        ]
        if name in settings[1] and (shape is None or cells != [NONE, NONE]):
            found.append((title, cells[0], cells[1]))
    readings = [side.get("reading") or {} for side in sides]
    kinds: dict[str, Any] = {
        "Reading": lambda one: str(one.get("kind") or NONE),
        "Distance": lambda one: unit(one.get("distance_mm"), "mm"),
        "Fill level": lambda one: tenths(one.get("fill_permille"), "%"),
        "Pings that agree": lambda one: f"{one.get('valid', NONE)} of {one['pings']}" if one.get("pings") else NONE,
        "Spread": lambda one: unit(one.get("spread_mm"), "mm"),
        "Air": lambda one: tenths(one.get("temperature_c10"), "°C"),
        "Battery": lambda one: unit(one.get("battery_mv"), "mV"),
    }
    return found + [(title, *(shown(one) for one in readings)) for title, shown in kinds.items()]


def facts(sheet: dict) -> list[tuple[str, str]]:
    module, bin_ = sheet.get("module") or {}, sheet.get("bin") or {}
    found = []
    for part, title in (("empty", "Bottom"), ("full", "Full line")):
        taken = (sheet.get("measured") or {}).get(part) or {}
        count = len(taken.get("readings") or [])
        how = f"measured, {count} reading{'s' if count != 1 else ''}" if count else str(taken.get("how") or NONE)
        if number(taken.get("rim_to_full_mm")) is not None:
            how += f", {unit(taken['rim_to_full_mm'], 'mm')} below the rim"
        found.append((title, how))
    found.append(("Module", str(module.get("title") or module.get("name") or NONE)))
    found.append(("Hears from, to", f"{unit(module.get('blind_mm'), 'mm')}, {unit(module.get('range_mm'), 'mm')}"))
    found.append(("Beam", unit(module.get("beam_deg"), "°")))
    own = {"width_mm": "Narrowest width", "to_wall_mm": "Module to the wall", "depth_mm": "To the bottom, by tape"}
    for name, title in own.items():
        if bin_.get(name) is not None:
            found.append((title, unit(bin_[name], "mm")))
    return found


def strapping(sheet: dict) -> str:
    """The table of a bin that has one, height (mm) : volume; "" else."""
    bin_ = sheet.get("bin") or {}
    rows = pairs(bin_.get("strapping")) if bin_.get("shape") == "strapping" else []
    return "mm : volume  " + ",  ".join(f"{height:g} : {volume:g}" for height, volume in rows[:40]) if rows else ""


def unit(value: Any, name: str) -> str:
    found = number(value)
    return NONE if found is None else f"{found:g}{name}" if name == "°" else f"{found:.0f} {name}"


def tenths(value: Any, name: str) -> str:
    found = number(value)
    return NONE if found is None else f"{found / 10:.1f} {name}"
