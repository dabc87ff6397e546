"""The node's service (firmware/binnode/service.py) as a typed Python API over a BoardLink."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

from binnode_tools import board_snippets
from binnode_tools.board_link import BoardLink
from binnode_tools.problems import Problem
from binnode_tools.serial_ports import find_port

Value = str | int
_Kind = TypeVar("_Kind")
_DOCTOR_S = 60.0  # it reads all files, and a radio that is broken costs time
_DS18B20 = "(lambda part: part and (part.start(), part.read_c10())[1])(Board(True).ds18b20())"
_READING_S = 30.0  # longest time for one reading: two bursts of 15 pings, a module that hangs, a slow thermometer


class NodeError(Problem):
    """The node refused; the text is its own. With code read_back: it did not keep what it was told."""

    code = "refused"


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


@dataclass(frozen=True)
class Rest:
    """A node that was sent to sleep. `button`: it has one that wakes it; `radio`: why its radio may not sleep."""

    button: bool
    radio: str | None


class NodeService:
    """Every method raises LinkError when the node does not answer, NodeError when it refuses.

    Before the first of them the node's firmware is compared with these tools: Problem other_version when it is of
    another major or minor. Who only reads gives `told`, which gets the Problem's text instead.
    """

    def __init__(self, link: BoardLink, told: Callable[[str], None] | None = None) -> None:
        self._link = link
        self._told = told
        self._compared = False

    def info(self) -> Info:
        """Of firmware of any version."""
        return self._typed(Info, self._asked("info"))

    def show(self) -> Settings:
        return self._typed(Settings, self._call("show"))

    def configure(self, changes: dict[str, Value]) -> str | None:
        """Store all the changes or none. What was wrong with the old file and is now replaced by defaults, or None."""
        return self._call("configure", json.dumps(changes, ensure_ascii=False))["mended"]

    def problem(self, name: str, value: Value) -> str | None:
        """What the node's own rules say against this value of a setting, taken alone; None: it fits."""
        return self._link.ask("binnode.config_rules", f"check_field({name!a}, {value!a})")

    def refusals(self, config: dict[str, Value]) -> list[str]:
        """What the node's own rules say against all of its settings being these; nothing is stored."""
        return self._link.ask("binnode.config_rules", f"check({config!a})")

    def keep_secret(self, name: str, text: str) -> None:
        """Store a secret in the node's NVS; nobody can read it back."""
        self._call("keep_secret", name, text, secret=True)

    def provision(self, config: dict[str, Value], secrets: dict[str, str]) -> str | None:
        """Store all of it or nothing, whenever cable or power go; what was wrong with the old file, as in configure().

        What got through is finished by the node, at its next start at the latest.
        """
        order = json.dumps({"config": config, "secrets": secrets}, ensure_ascii=False)
        return self._call("provision", order, timeout_s=20, secret=True)["mended"]

    def hold(self) -> None:
        """Before somebody is asked something: the node waits half an hour, and from the next call on ten minutes."""
        self._link.run(board_snippets.PATIENCE)

    def measure(self, whole_range: bool = False, module: str | None = None) -> Reading:
        """One reading. `whole_range`: over the module's whole range and without a level, to find the bin's depth.
        `module`: the one that is connected, if the node does not know yet."""
        args = (1, whole_range) if module is None else (1, whole_range, module)
        return self._typed(Reading, self._call("measure", *args, timeout_s=_READING_S)["readings"][0])

    def doctor(self) -> dict[str, Any]:
        """All that the node knows of itself, and what it finds when it looks; checkup.of() types it."""
        return self._call("doctor", timeout_s=_DOCTOR_S)

    def thermometer_c10(self) -> int | None:
        """What the DS18B20 says, in tenths of a degree C; None when it does not answer."""
        return self._link.ask("binnode.board", _DS18B20)

    def wake(self) -> None:
        """Have the next wake measure and report, whatever it waits for; it begins with the reset."""
        self._call("wake")

    def sleep(self, hours: int = 0) -> Rest:
        """Storage: deep sleep for so many hours, 0: until somebody presses button or reset. The link is of no use
        then."""
        self.compare()
        answer = self._link.call_last("sleep", hours)
        if "error" in answer:
            raise NodeError(answer["error"])
        radio = answer["radio"]
        return Rest(answer["button"], radio if isinstance(radio, str) else None)

    def compare(self) -> None:
        """What the first call of a method does by itself: see the class."""
        if self._compared:
            return
        theirs, ours = self._asked("info")["version"], version("binnode-tools")
        self._compared = True
        if theirs.split(".")[:2] == ours.split(".")[:2]:
            return
        text = (
            f"the node's firmware is {theirs}, and these tools are {ours}: "
            f"send it theirs, binnode deploy --port {self._link.port}"
        )
        if self._told is None:
            raise Problem(text, "other_version")
        self._told(text)

    def _typed(self, kind: type[_Kind], answer: dict[str, Any]) -> _Kind:
        try:
            return kind(**answer)
        except TypeError:  # between two releases, when versions are the same
            text = f"the node has other firmware than that of these tools: binnode deploy --port {self._link.port}"
            raise Problem(text, "other_version") from None

    def _call(self, function: str, *args: str | int | bool, **options: Any) -> dict[str, Any]:
        self.compare()
        return self._asked(function, *args, **options)

    def _asked(self, function: str, *args: str | int | bool, **options: Any) -> dict[str, Any]:
        answer = self._link.call(function, *args, **options)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer


@contextmanager
def node_at(
    port: str | None = None, wait_s: float = 30.0, notice: Callable[[str], None] = lambda text: None
) -> Iterator[NodeService]:
    """The node at the port (None: the only one that fits), held in its REPL; at the end it starts anew.

    `notice` as of BoardLink. Raises LinkError, NoBoard among them.
    """
    with BoardLink(port or find_port(None), wait_s, notice) as link:
        try:
            yield NodeService(link)
        finally:
            link.reset()
