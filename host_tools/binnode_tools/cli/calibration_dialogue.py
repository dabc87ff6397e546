"""The dialogue of `binnode calibrate`: what is asked at a terminal, and what is shown."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from math import radians, tan

import click
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from binnode_tools.calibration import READINGS, Answer, Silent, Stage, What
from binnode_tools.calibration_record import OF_SHAPE, SETTINGS, Calibration, Measured, Wishes
from binnode_tools.cli.live_view import LiveView, distance, forget_typed, possible, tenths
from binnode_tools.cli.main import console
from binnode_tools.cli.port import note
from binnode_tools.modules import Module
from binnode_tools.node_service import Info, NodeError, Reading, Settings, Value
from binnode_tools.problems import Problem

INSTRUCTIONS: dict[What, str] = {
    "empty": "Empty the bin and close its lid",
    "full": "Hold a flat board at the full line, level",
    "rim": "Lay a flat board across the bin's rim",
}
SHAPES = {
    "upright": "walls straight up",
    "tapered": "wider at the top, or narrower",
    "lying": "a cylinder on its side",
    "strapping": "anything else, by a table of heights and volumes",
}
_NAMES = {"rim_only": "bottom heard", "blind_zone": "blind zone"}


class Dialogue(Silent):
    """`ask`: there is somebody to answer. `as_json`: stdout is for the result alone. `sheet`: one will be written."""

    def __init__(self, ask: bool, as_json: bool, sheet: bool) -> None:
        self._ask, self._as_json, self._sheet = ask, as_json, sheet
        self._out, self._beside = console(), Console(stderr=True, highlight=False)
        self._live = ask and not as_json and possible(self._out)
        self.left = Stage.OLD
        self.done: Calibration | None = None  # once it is saved

    def stage(self, stage: Stage) -> None:
        self.left = stage

    def begins(self, info: Info, module: Module, before: Settings) -> None:
        if before.problem:
            self._note(f"the node's config.json is not in order: {before.problem}")
        if self._as_json:
            return
        name = before.config["name"] or info.device_id
        wide = round(2000 * tan(radians(module.beam_deg / 2)), -1)
        self._say(f"{name} on {info.board}, with {module.wiring.title} ({module.name}).")
        self._say(
            f"It hears from {module.blind_mm} to {module.range_mm} mm. A metre away its beam is {wide:.0f} mm wide."
        )
        self._say("")

    def ready(self, what: What, look: Callable[[], Reading]) -> int | Answer:
        if not self._ask:
            return Answer.MEASURE
        back = what != "empty"
        while True:
            typed = self._waited(what, look, back)
            if typed.isdecimal():
                return int(typed)
            if not typed or (typed == "b" and back):
                return Answer.BACK if typed else Answer.MEASURE
            note(f"{typed!r} is no whole number of mm")

    def _waited(self, what: What, look: Callable[[], Reading], back: bool) -> str:
        text, to = f"{INSTRUCTIONS[what]}, then press Enter", " to the board" if what == "rim" else ""
        if self._live:
            keys = f"Or type the distance{to} in mm; {'b: back to empty; ' if back else ''}Ctrl-C changes nothing."
            head = f"{2 if back else 1} of 2: {text}\n        {keys}"
            return LiveView(self._out, look, head, "b" if back else "", typing=True).run()
        or_back = "; b: back to empty" if back else ""
        question = f"{text} (or type the distance{to} in mm{or_back})"
        return click.prompt(question, "", show_default=False, err=True).strip()

    def measuring(self, what: What, number: int) -> contextlib.AbstractContextManager[object]:
        if self._as_json:
            return contextlib.nullcontext()
        return self._out.status(f"Measuring {what}, {number + 1} of {READINGS}: keep still")

    def heard(self, what: What, measured: Measured) -> None:
        if not self._as_json:
            seen = [reading.distance_mm for reading in measured.readings if reading.distance_mm is not None]
            within = f"({min(seen)} to {max(seen)} mm in {len(measured.readings)} readings)"
            self._say(f"  {what}: {measured.distance_mm} mm {within}")

    def again(self, problem: Problem) -> bool:
        if self._ask:
            self._note(f"the node refuses: {problem}" if isinstance(problem, NodeError) else str(problem))
        return self._ask

    def shape(self, config: dict[str, Value]) -> dict[str, Value]:
        if not self._live:
            return {}
        self._say("\nThe bin's shape:")
        names = list(SHAPES)
        for number, (name, text) in enumerate(SHAPES.items(), 1):
            self._say(f"  {number}  {name:<10} {text}")
        default = str(names.index(str(config["shape"])) + 1)
        forget_typed()
        answer = click.prompt("Which", default, type=click.Choice([*"1234", *names]), show_choices=False, err=True)
        shape = names[int(answer) - 1] if answer.isdecimal() else answer
        return {"shape": shape, **_of_shape(shape, config)}

    def place(self, wishes: Wishes) -> Wishes:
        if not self._live:
            return wishes
        self._say("\nThe module's place; Enter leaves out what you don't know:")
        forget_typed()
        for name, text in (
            ("width_mm", "Inner width of the bin where it is narrowest, mm"),
            ("to_wall_mm", "From the module's centre to the nearest wall, mm"),
            ("depth_mm", "From the module to the bottom by tape, mm"),
        ):
            if getattr(wishes, name) is None:
                wishes = replace(wishes, **{name: _mm(text)})
        for name, text in (("place", "Where it is, for the sheet"), ("by", "Who you are, for the sheet")):
            if self._sheet and not getattr(wishes, name):
                wishes = replace(wishes, **{name: click.prompt(text, "", show_default=False, err=True).strip()})
        return wishes

    def agree(self, proposed: Calibration) -> bool:
        if not self._as_json:
            self._show_checks(proposed)
            self._show_settings(proposed)
        if not self._ask:
            return True
        forget_typed()
        return click.confirm("Save this on the node?", default=True, err=True)

    def kept(self, done: Calibration) -> None:
        self.done = done

    def _show_checks(self, proposed: Calibration) -> None:
        fine = [_NAMES.get(check.code, check.code) for check in proposed.checks if check.level == "ok"]
        self._say(f"\nIn order: {', '.join(fine)}.")
        for check in proposed.checks:
            if check.level != "ok":
                self._out.print(f"[bold yellow]{check.level}[/]: {escape(check.text)}.")
                self._out.print(Padding(Text(f"{check.remedy}."), (0, 0, 0, 2)))
        self._say("")

    def _show_settings(self, proposed: Calibration) -> None:
        before, after = proposed.before, proposed.after
        table = Table("", "before", "after", box=None, pad_edge=False)
        for name in SETTINGS:
            shown = after[name] != before[name] if name == "module" else OF_SHAPE.get(name, after["shape"])
            if shown is True or shown in (before["shape"], after["shape"]):
                table.add_row(name, str(before[name]), str(after[name]))
        self._out.print(table)

    def saved(self, done: Calibration) -> None:
        """The readings by the old and the new calibration."""
        sides = (("By the old calibration", done.reading_before), ("By the new one", done.reading_after))
        for text, reading in sides:
            if reading:
                self._say(
                    f"{text}: {reading.kind}, {distance(reading.distance_mm)}, {tenths(reading.fill_permille, '%')}"
                )

    def _say(self, text: str) -> None:
        self._out.print(text, markup=False)

    def _note(self, text: str) -> None:
        """On stderr, and without breaking words where somebody reads along."""
        if self._live:
            self._beside.print(f"\nbinnode: {text}\n", markup=False)
        else:
            note(text)


def _of_shape(shape: str, config: dict[str, Value]) -> dict[str, Value]:
    """What that shape needs, asked for."""
    if shape == "tapered":
        text = "Width at the bottom / at the full line, as 420/600 or permille"
        return {"bottom_permille": _asked(text, str(config["bottom_permille"]), _permille)}
    if shape == "lying":
        text = "Inner diameter in mm (0: the full line is at its very top)"
        return {"diameter_mm": _asked(text, str(config["diameter_mm"]), int)}
    if shape == "strapping":
        text = "Heights above the bottom in mm and volumes, as in 0:0,300:250,800:1000"
        return {"strapping": _asked(text, str(config["strapping"]) or None, str.strip)}
    return {}


def _permille(text: str) -> int:
    bottom, _, top = text.partition("/")
    return round(1000 * int(bottom) / int(top)) if top else int(bottom)


def _asked(text: str, default: str | None, parse: Callable[[str], Value]) -> Value:
    while True:
        answer = click.prompt(text, default, err=True)
        with contextlib.suppress(ValueError, ZeroDivisionError):
            return parse(answer)
        note(f"{answer!r} is no whole number")


def _mm(text: str) -> int | None:
    while True:
        answer = click.prompt(text, "", show_default=False, err=True).strip()
        if not answer:
            return None
        if answer.isdecimal() and int(answer):
            return int(answer)
        note(f"{answer!r} is no whole number of mm")
