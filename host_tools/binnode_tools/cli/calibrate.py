"""`binnode calibrate`: how deep the bin is and where it is full, measured in place."""

import json
from dataclasses import dataclass, field
from statistics import median

import click
from rich.table import Table

from binnode_tools.board_link import BoardLink
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import USAGE_ERROR, console, fail
from binnode_tools.cli.measure import distance, tenths
from binnode_tools.node_service import NodeError, NodeService, Reading, Settings, Value

READINGS = 5
_ENOUGH = 4  # of them
_APART_MM = 15  # as much as two bursts at one still surface may differ (firmware: echo_filter)
_OF_SHAPE = {"bottom_permille": "tapered", "diameter_mm": "lying", "strapping": "strapping"}
_SHOWN = ("empty_mm", "full_mm", "shape", *_OF_SHAPE)

_REMEDIES = {
    "no_echo": "it hears nothing. Is it askew, or soft waste below it? Is the right module set (binnode config)?",
    "noisy": "its pings disagree. Does something move or stick out in its way?",
    "too_near": "something is in its blind zone: dirt on it, or the surface is too close to measure; type the distance",
    "too_far": "the echo is from beyond its range. Is the lid closed?",
    "fault": "it does not answer at all: check plug, wires and supply",
}


class NotSteady(Exception):
    """The readings don't agree on a distance; the text says what to look at."""


def settle(readings: list[Reading]) -> int:
    """The distance in mm that a series of readings at a still surface agrees on. Raises NotSteady."""
    good = [reading.distance_mm for reading in readings if reading.kind == "ok" and reading.distance_mm is not None]
    if len(good) < _ENOUGH:
        bad = [reading.kind for reading in readings if reading.kind != "ok"]
        kind = max(sorted(set(bad)), key=bad.count)
        remedy = _REMEDIES.get(kind, "")
        raise NotSteady(f"the module gave {len(bad)} of {len(readings)} readings as {kind}: {remedy}".rstrip(": "))
    if max(good) - min(good) > _APART_MM:
        raise NotSteady(f"the readings differ too much, {min(good)} to {max(good)} mm: is everything still?")
    return round(median(good))


@dataclass
class Bench:
    """The node, the terminal, and what the command line said."""

    service: NodeService
    as_json: bool
    ask: bool
    module: dict[str, str] = field(default_factory=dict)  # "module": what is connected, if the node is still to be told

    def series(self, what: str) -> int:
        """The distance of a series of readings. Raises NotSteady."""
        readings = []
        out = console()
        for number in range(READINGS):
            if self.as_json:
                readings.append(self.service.measure(whole_range=True, **self.module))
            else:
                with out.status(f"Measuring {what}, {number + 1} of {READINGS}"):
                    readings.append(self.service.measure(whole_range=True, **self.module))
        found = settle(readings)
        if not self.as_json:
            seen = sorted(reading.distance_mm for reading in readings if reading.distance_mm is not None)
            out.print(f"  {what}: {found} mm ({seen[0]} to {seen[-1]} mm in {len(readings)} readings)")
        return found

    def measured(self, what: str, instruction: str, added_mm: int = 0) -> int:
        """Ask for the bin to be made ready, then measure, as often as it takes; or take the mm that are typed."""
        while True:
            if self.ask:
                typed = click.prompt(
                    f"{instruction}, then press Enter (or type the distance in mm)", "", show_default=False, err=True
                ).strip()
                if typed.isdecimal():
                    return int(typed) + added_mm
                if typed:
                    serial_port.note(f"{typed!r} is no whole number of mm")
                    continue
            try:
                return self.series(what) + added_mm
            except NotSteady as error:
                if not self.ask:
                    raise NodeError(str(error)) from None
                serial_port.note(str(error))


@click.command()
@serial_port.options
@click.option("--module", metavar="NAME", help="the distance module that is connected (binnode modules lists them)")
@click.option(
    "--empty-mm", type=click.IntRange(1), metavar="MM", help="from the module to the bottom; not measured then"
)
@click.option(
    "--full-mm", type=click.IntRange(1), metavar="MM", help="from the module to the full line; not measured then"
)
@click.option(
    "--rim-to-full",
    type=click.IntRange(0),
    metavar="MM",
    help="measure to a board laid on the bin's rim, the full line being MM below it",
)
@click.option(
    "--shape",
    type=click.Choice(["upright", "tapered", "lying", "strapping"]),
    help="of the bin; what follows here implies it",
)
@click.option(
    "--bottom-permille",
    type=click.IntRange(1),
    metavar="N",
    help="tapered: width at the bottom over that at the full line",
)
@click.option(
    "--diameter-mm",
    type=click.IntRange(0),
    metavar="MM",
    help="lying: inner diameter of the cylinder; 0: the full line is its very top",
)
@click.option(
    "--strapping",
    metavar="TABLE",
    help="strapping: heights above the bottom in mm and their volumes, as in 0:0,300:250,800:1000",
)
@click.option("--yes", is_flag=True, help="ask nothing: the bin is ready for the one thing to measure")
def command(
    port: str | None,
    wait: float,
    as_json: bool,
    module: str | None,
    empty_mm: int | None,
    full_mm: int | None,
    rim_to_full: int | None,
    shape: str | None,
    bottom_permille: int | None,
    diameter_mm: int | None,
    strapping: str | None,
    yes: bool,
) -> None:
    """Measure the bin empty and full, and save both on the node.

    Until you agree at the end nothing is written, and Ctrl-C leaves the old calibration.
    """
    if yes and empty_mm is None and full_mm is None:
        fail("--yes: a bin is not empty and full at once; give --empty-mm or --full-mm", USAGE_ERROR)
    if full_mm is not None and rim_to_full is not None:
        fail("--rim-to-full: says where the full line is, and so does --full-mm; give one", USAGE_ERROR)
    given: dict[str, Value] = {} if module is None else {"module": module}
    given |= _of_shape(shape, bottom_permille=bottom_permille, diameter_mm=diameter_mm, strapping=strapping)
    state = {"left": "The calibration is as it was."}
    with serial_port.connected(port, wait, lambda: state["left"]) as link:
        result = calibrate(link, as_json, not yes, empty_mm, full_mm, rim_to_full, given, state)
    if as_json:
        click.echo(json.dumps(result))
    elif result["saved"]:
        click.echo("Saved. The node starts.")
    else:
        click.echo("Not saved; the calibration is as it was. The node starts.")


def _of_shape(shape: str | None, **fields: Value | None) -> dict[str, Value]:
    """What the command line says about the bin's shape, as settings: each field of its own names its shape."""
    given: dict[str, Value] = {} if shape is None else {"shape": shape}
    for name, value in fields.items():
        if value is not None:
            if given.setdefault("shape", _OF_SHAPE[name]) != _OF_SHAPE[name]:
                fail(f"--{name.replace('_', '-')}: is for --shape {_OF_SHAPE[name]}", USAGE_ERROR)
            given[name] = value
    return given


def calibrate(
    link: BoardLink,
    as_json: bool,
    ask: bool,
    empty_mm: int | None,
    full_mm: int | None,
    rim_to_full: int | None,
    given: dict[str, Value],
    state: dict[str, str],
) -> dict:
    """The whole dialogue; `given`: module and settings of the bin's shape, checked before anything is measured.
    `state["left"]` says at each moment what breaking off would leave behind."""
    service = NodeService(link)
    bench = Bench(service, as_json, ask, {"module": str(given["module"])} if "module" in given else {})
    before = service.show()
    if before.problem:
        serial_port.note(f"the node's config.json is not in order: {before.problem}")
    for name, value in given.items():
        problem = service.problem(name, value)
        if problem:
            raise NodeError(problem)
    changes = {"empty_mm": empty_mm or bench.measured("empty", "Empty the bin and close its lid"), **given}
    while True:
        changes["full_mm"] = full_mm or _full(bench, rim_to_full)
        now = service.measure(False, **bench.module)
        if not as_json:
            _print_settings(before, changes)
        if ask and not click.confirm("Save this on the node?", default=True, err=True):
            return {"saved": False, "before": _calibration(before), "after": _calibration(before)}
        state["left"] = "It may be saved or not: binnode config show tells."
        try:
            service.configure(changes)
            break
        except NodeError as error:
            state["left"] = "The calibration is as it was."
            if not ask or full_mm:
                raise
            serial_port.note(f"the node refuses: {error}")
    after = service.show()
    state["left"] = "The new calibration is saved."
    wrong = [name for name, value in changes.items() if after.config[name] != value]
    if wrong:
        raise NodeError(f"read back different: {', '.join(wrong)}")
    then = service.measure()
    if not as_json:
        _print_readings(now, then)
    readings = {"reading_before": vars(now), "reading_after": vars(then)}
    return {"saved": True, "before": _calibration(before), "after": _calibration(after), **readings}


def _full(bench: Bench, rim_to_full: int | None) -> int:
    if rim_to_full is None:
        return bench.measured("full", "Hold a flat board at the full line, level")
    return bench.measured("full", "Lay a flat board across the bin's rim", rim_to_full)


def _calibration(settings: Settings) -> dict[str, Value]:
    return {name: settings.config[name] for name in _SHOWN}


def _print_settings(before: Settings, changes: dict[str, Value]) -> None:
    table = Table("", "before", "after", box=None, pad_edge=False)
    after = before.config | changes
    for name in (*(("module",) if "module" in changes else ()), *_SHOWN):
        if name not in _OF_SHAPE or _OF_SHAPE[name] in (before.config["shape"], after["shape"]):
            table.add_row(name, str(before.config[name]), str(after[name]))
    console().print(table)


def _print_readings(now: Reading, then: Reading) -> None:
    for text, reading in (("By the old calibration", now), ("By the new one", then)):
        console().print(
            f"{text}: {reading.kind}, {distance(reading.distance_mm)}, {tenths(reading.fill_permille, '%')}"
        )
