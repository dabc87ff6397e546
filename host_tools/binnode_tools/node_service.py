"""The node's service (firmware/binnode/service.py) as a typed Python API over a BoardLink."""

import json
from dataclasses import dataclass
from typing import Any

from binnode_tools.board_link import BoardLink

Value = str | int
_READING_S = 30.0  # longest time for one reading: two bursts of 15 pings, a module that hangs, a slow thermometer


class NodeError(Exception):
    """The node refused; the text is its own."""


@dataclass(frozen=True)
class Info:
    """`device_id` in hex, `free_heap` in bytes."""

    version: str
    commit: str
    board: str
    device_id: str
    micropython: str
    free_heap: int


@dataclass(frozen=True)
class Settings:
    """`config` complete; `problem` with the node's file, or None; `secrets`: name -> whether it is set."""

    config: dict[str, Value]
    problem: str | None
    secrets: dict[str, bool]


@dataclass(frozen=True)
class Reading:
    """One measurement. kind "ok" alone has a level; None is unknown. `valid` of `pings` agree, within `spread_mm`.

    `heard_mm`: what each ping heard by itself, in order; None where it heard nothing.
    """

    kind: str
    distance_mm: int | None
    valid: int
    pings: int
    spread_mm: int | None
    heard_mm: list[int | None]
    fill_permille: int | None
    temperature_c10: int | None
    battery_mv: int | None


class NodeService:
    """Every method raises LinkError when the node does not answer, NodeError when it refuses."""

    def __init__(self, link: BoardLink) -> None:
        self._link = link

    def info(self) -> Info:
        return Info(**self._call("info"))

    def show(self) -> Settings:
        return Settings(**self._call("show"))

    def configure(self, changes: dict[str, Value]) -> str | None:
        """Store all the changes or none. What was wrong with the old file and is now replaced by defaults, or None."""
        return self._call("configure", json.dumps(changes, ensure_ascii=False))["mended"]

    def problem(self, name: str, value: Value) -> str | None:
        """What the node's own rules say against this value of a setting, taken alone; None: it fits."""
        return self._link.ask("binnode.config_rules", f"check_field({name!a}, {value!a})")

    def keep_secret(self, name: str, text: str) -> None:
        """Store a secret in the node's NVS; nobody can read it back."""
        self._call("keep_secret", name, text, secret=True)

    def provision(self, config: dict[str, Value], secrets: dict[str, str]) -> str | None:
        """Store all of it or nothing, whenever cable or power go; what was wrong with the old file, as in configure().

        What got through is finished by the node, at its next start at the latest.
        """
        order = json.dumps({"config": config, "secrets": secrets}, ensure_ascii=False)
        return self._call("provision", order, timeout_s=20, secret=True)["mended"]

    def measure(self, whole_range: bool = False, module: str | None = None) -> Reading:
        """One reading. `whole_range`: over the module's whole range and without a level, to find the bin's depth.
        `module`: the one that is connected, if the node does not know yet."""
        args = (1, whole_range) if module is None else (1, whole_range, module)
        return Reading(**self._call("measure", *args, timeout_s=_READING_S)["readings"][0])

    def _call(self, function: str, *args: str | int | bool, **options: Any) -> dict[str, Any]:
        answer = self._link.call(function, *args, **options)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer
