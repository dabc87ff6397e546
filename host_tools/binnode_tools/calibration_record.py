"""What is known before a calibration, and what came of it: the record that the sheet is made of."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from binnode_tools.calibration_checks import Bin, Check
from binnode_tools.modules import Module
from binnode_tools.node_service import Info, Reading, Value
from binnode_tools.provisioning import dev_eui_of

SHAPES = ("upright", "tapered", "lying", "strapping")  # firmware: config.py
OF_SHAPE = {"bottom_permille": "tapered", "diameter_mm": "lying", "strapping": "strapping"}
SETTINGS = ("module", "empty_mm", "full_mm", "shape", *OF_SHAPE)


@dataclass(frozen=True)
class Wishes:
    """What is known beforehand; None is measured, asked, or left as the node has it. Lengths in mm, from the module's
    face down. `width_mm`: inner width of the bin where it is narrowest; `to_wall_mm`: from the module's centre to the
    nearest wall; `depth_mm`: to the bottom by tape, to compare; `by`, `place`: for the sheet."""

    module: str | None = None
    empty_mm: int | None = None
    full_mm: int | None = None
    rim_to_full_mm: int | None = None
    shape: str | None = None
    bottom_permille: int | None = None
    diameter_mm: int | None = None
    strapping: str | None = None
    width_mm: int | None = None
    to_wall_mm: int | None = None
    depth_mm: int | None = None
    by: str = ""
    place: str = ""

    def of_shape(self) -> dict[str, Value]:
        """The settings of the bin's shape, which a field of its own names too. ValueError when they are of two."""
        given: dict[str, Value] = {} if self.shape is None else {"shape": self.shape}
        for name, shape in OF_SHAPE.items():
            value = getattr(self, name)
            if value is not None:
                if given.setdefault("shape", shape) != shape:
                    raise ValueError(f"--{name.replace('_', '-')}: is for --shape {shape}")
                given[name] = value
        return given


@dataclass(frozen=True)
class Measured:
    """`distance_mm`: from the module to what was there (of a board on the rim: to the board)."""

    how: Literal["measured", "typed"]
    distance_mm: int
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """`before`, `after`: the node's settings; not `saved`, `after` are those that it would have. `made`: when, in ISO
    8601 with the offset from UTC."""

    made: str
    info: Info
    module: Module
    wishes: Wishes
    empty: Measured
    full: Measured
    before: dict[str, Value]
    after: dict[str, Value]
    checks: tuple[Check, ...] = ()
    reading_before: Reading | None = None
    reading_after: Reading | None = None
    saved: bool = False

    @property
    def changes(self) -> dict[str, Value]:
        return {name: value for name, value in self.after.items() if self.before[name] != value}

    @property
    def bin(self) -> Bin:
        """What the checks look at."""
        low_battery_mv = self.after["low_battery_mv"]
        return Bin(
            self.module,
            int(self.after["empty_mm"]),
            int(self.after["full_mm"]),
            self.empty.readings,
            self.full.readings,
            full_heard_mm=self.full.distance_mm if self.full.readings else None,
            width_mm=self.wishes.width_mm,
            to_wall_mm=self.wishes.to_wall_mm,
            depth_mm=self.wishes.depth_mm,
            thermometer=str(self.after["thermometer"]),
            low_battery_mv=int(low_battery_mv),
            now=(self.reading_before,) if self.reading_before else (),
        )

    def as_json(self) -> dict[str, Any]:
        """The sheet: all that a person files. Lengths in mm; what does not apply is None."""
        wishes, config = self.wishes, self.after
        own = {name: config[name] if config["shape"] == shape else None for name, shape in OF_SHAPE.items()}
        info = {name: getattr(self.info, name) for name in ("device_id", "board", "commit", "micropython")}
        of_module = {name: getattr(self.module, name) for name in ("name", "blind_mm", "range_mm", "beam_deg")}
        return {
            "format": "binnode-calibration",
            "version": 1,
            "made": self.made,
            "by": wishes.by,
            "place": wishes.place,
            "node": {
                "name": config["name"],
                "dev_eui": config["lora_dev_eui"] or dev_eui_of(self.info.device_id),
                "firmware": self.info.version,
                **info,
            },
            "module": {**of_module, "title": self.module.wiring.title},
            "bin": {
                **{name: config[name] for name in ("shape", "empty_mm", "full_mm")},
                **own,
                **{name: getattr(wishes, name) for name in ("width_mm", "to_wall_mm", "depth_mm")},
            },
            "measured": {
                "empty": asdict(self.empty),
                "full": {**asdict(self.full), "rim_to_full_mm": wishes.rim_to_full_mm},
            },
            "checks": [asdict(check) for check in self.checks],
            "before": _side(self.before, self.reading_before),
            "after": _side(self.after, self.reading_after),
            "saved": self.saved,
        }


def _side(config: dict[str, Value], reading: Reading | None) -> dict[str, Any]:
    return {"settings": {name: config[name] for name in SETTINGS}, "reading": asdict(reading) if reading else None}
