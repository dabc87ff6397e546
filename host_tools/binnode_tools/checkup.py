"""What binnode.service.doctor() on the node finds, typed. What it means is for diagnosis.py."""

import re
from dataclasses import dataclass, fields
from typing import Any

from binnode_tools.node_service import Info

_PARTS = ("damaged", "flash", "state", "crash", "session", "nvs", "radio")


@dataclass(frozen=True)
class Crash:
    """The last one that NVS holds: step as in codec.diagnostics.STEPS, where in the firmware, type and text."""

    step: int
    file: str
    line: int
    what: str


@dataclass(frozen=True)
class State:
    """What RTC memory holds (firmware/binnode/storage/state.py), of a new node when it holds nothing. Times in seconds
    of the node's clock."""

    wakes: int
    reports: int
    waiting: int
    failures: int
    retry_at_s: int
    reported_at_s: int
    crashes: int
    crash_step: int
    safe: bool
    first: bool
    step: int
    recoveries: list[str]
    last_fill_permille: int | None
    last_distance_mm: int | None
    last_kind: int | None


@dataclass(frozen=True)
class Session:
    """Of LoRaWAN. `joined` 0: it asks for one. Counters as they are due next and came last."""

    joined: int
    dev_addr: int
    dr: int
    fcnt_up: int
    fcnt_down: int | None


@dataclass(frozen=True)
class Checkup:
    """`problem` with config.json or None; `cause` of the last reset, `now_s` by the node's clock; `no_state`: why RTC
    memory holds none ("empty", "crc", ...), or None. `flash`: bytes free, bytes; `nvs`: it takes and gives; `radio`:
    True when it answers, None without one. `failed`: parts that could not be looked at, and why; they are None."""

    info: Info
    problem: str | None
    cause: int
    now_s: int
    no_state: str | None
    damaged: list[str] | None
    flash: tuple[int, int] | None
    state: State | None
    crash: Crash | None
    session: Session | None
    nvs: bool | None
    radio: bool | None
    failed: dict[str, str]


def of(answer: dict[str, Any]) -> Checkup:
    """From the node's JSON."""
    failed = {name: _words(answer[name]) for name in _PARTS if isinstance(answer[name], str)}
    found: dict[str, Any] = {name: None if name in failed else answer[name] for name in _PARTS}
    for name, kind in (("state", State), ("session", Session)):
        if found[name] is not None:
            found[name] = kind(**{one.name: found[name][one.name] for one in fields(kind)})
    if found["crash"] is not None:
        found["crash"] = Crash(*found["crash"])
    if found["flash"] is not None:
        block, _, blocks, free = found["flash"]
        free = free if free <= blocks else 0  # littlefs counts what is shared twice, and its port wraps round
        found["flash"] = block * free, block * blocks
    info = Info(**{one.name: answer[one.name] for one in fields(Info)})
    return Checkup(
        info, answer["problem"], answer["cause"], answer["now_s"], answer.get("no_state"), **found, failed=failed
    )


def _words(error: str) -> str:
    """ "RadioError('no radio',)", as MicroPython shows it -> "no radio"."""
    match = re.fullmatch(r"\w+\(['\"](.+)['\"],?\)", error)
    return match[1] if match else error
