"""What a bench measures, what it may be at most, and how both are shown and written down."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

# name: (unit, budget): what the project promises to stay within. None: no promise, but worth watching.
NAMES: dict[str, tuple[str, float | None]] = {
    "firmware_mpy_kib": ("KiB", 96),
    "wake_mpy_kib_measure": ("KiB", 32),
    "wake_mpy_kib_report_wifi": ("KiB", 32),
    "wake_mpy_kib_report_tls": ("KiB", 32),
    "heap_kib_stand_ins": ("KiB", None),
    "heap_kib_measure_wake": ("KiB", 96),
    "heap_kib_report_wifi": ("KiB", 96),
    "heap_kib_report_tls": ("KiB", 96),
    "instructions_measure_wake": ("instructions", None),
    "instructions_report_wifi": ("instructions", None),
    "awake_ms_measure": ("ms", None),
    "awake_ms_report_wifi": ("ms", None),
    "charge_mc_measure": ("mC", None),
    "charge_mc_report_wifi": ("mC", None),
    "wake_mpy_kib_report_lorawan": ("KiB", 32),
    "heap_kib_join": ("KiB", 96),
    "heap_kib_report_lorawan": ("KiB", 96),
    "instructions_join": ("instructions", None),
    "instructions_report_lorawan": ("instructions", None),
    "charge_mc_report_sf7": ("mC", None),
    "charge_mc_report_sf12": ("mC", None),
    "rx_window_ms_sf7": ("ms", None),
    "rx_window_ms_sf12": ("ms", None),
    "node_days_per_second": ("days/s", None),
    "calibration_seconds": ("s", None),
    "app_update_seconds": ("s", None),
    "app_update_seconds_one_file": ("s", None),
}


@dataclass(frozen=True)
class Figure:
    """One number of a bench. `value` None: it could not be measured here. `budget` None: it has none."""

    name: str
    value: float | None
    unit: str
    budget: float | None = None

    @property
    def over(self) -> bool:
        return self.value is not None and self.budget is not None and self.value > self.budget


def figure(name: str, value: float | None) -> Figure:
    """The figure called `name`, with the unit and the budget that belong to it."""
    return Figure(name, value, *NAMES[name])


def table(figures: Iterable[Figure]) -> Table:
    """One row for each, red where a budget is exceeded."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("what", no_wrap=True)
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("unit", no_wrap=True)
    shown.add_column("budget", justify="right", no_wrap=True)
    shown.add_column("used", justify="right", no_wrap=True)
    for each in figures:
        budget = "-" if each.budget is None else f"{each.budget:,g}"
        used = f"{100 * each.value / each.budget:.0f} %" if each.value is not None and each.budget else "-"
        style = "bold red" if each.over else ""
        shown.add_row(each.name, Text(_number(each.value), style), each.unit, budget, Text(used, style))
    return shown


def _number(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"


def write_json(figures: Iterable[Figure], path: Path) -> None:
    """A list of {name, value, unit, budget}: the whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
