"""Decodes status payload version 1 as PAYLOAD.md specifies it; equal to binnode.js, message for message."""

from dataclasses import dataclass

FPORT = 1
VERSION = 1
HEAD_BYTES = 8
EARLIER_BYTES = 3

REASONS = ("unknown", "first", "change", "alarm", "released", "emptied", "heartbeat", "kind", "backlog")
KINDS = ("ok", "noisy", "no_echo", "too_near", "too_far", "lid_open", "fault")
FLAGS = (  # bit 0 first
    "container_full",
    "released",
    "emptied",
    "sensor_fault",
    "low_battery",
    "first_report",
    "lid_open",
    "backlog_thinned",
)
# LwM2M 6042 by kind; "ok" depends on its pings
REJECTED = {"noisy": 2, "no_echo": 1, "too_near": 2, "too_far": 1, "lid_open": 2, "fault": 1}


class DecodeError(ValueError):
    """A payload that is no status of version 1; the text says why and what would be one."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An earlier reading, `age_s` before the transmission; `fill_permille` None unless `kind` is "ok".

    The true age is within `age_uncertainty_s` of `age_s`; None: it is that or more.
    """

    age_s: int
    age_uncertainty_s: int | None
    fill_permille: int | None
    kind: str

    def as_dict(self) -> dict[str, object]:
        return {
            "age_s": self.age_s,
            "age_uncertainty_s": self.age_uncertainty_s,
            "actual_filling_percentage": _percentage(self.fill_permille),
            "kind": self.kind,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """One report; None is unknown. `warnings` names what was read as unknown or ignored."""

    version: int
    reason: str
    fill_permille: int | None
    distance_mm: int | None
    container_full: bool
    released: bool
    emptied: bool
    sensor_fault: bool
    low_battery: bool
    first_report: bool
    lid_open: bool
    backlog_thinned: bool
    valid_pings: int
    kind: str
    battery_mv: int | None
    temperature_c10: int | None
    history: tuple[Reading, ...]
    warnings: tuple[str, ...]

    @property
    def quality_indicator(self) -> int:
        """LwM2M resource 6042: 0 unchecked, 1 and 2 rejected, 3 suspicious, 4 accepted."""
        if self.kind != "ok":
            return REJECTED.get(self.kind, 0)
        if self.valid_pings == 0:
            return 0
        return 4 if self.valid_pings >= 3 else 3

    def as_dict(self) -> dict[str, object]:
        """The `data` of binnode.js."""
        return {
            "version": self.version,
            "reason": self.reason,
            "actual_filling_percentage": _percentage(self.fill_permille),
            "distance_mm": self.distance_mm,
            **{name: getattr(self, name) for name in FLAGS},
            "quality": {"valid_pings": self.valid_pings, "kind": self.kind},
            "quality_indicator": self.quality_indicator,
            "battery_mv": self.battery_mv,
            "temperature_c": None if self.temperature_c10 is None else self.temperature_c10 / 10,
            "history": [reading.as_dict() for reading in self.history],
        }


def decode(payload: bytes, fport: int = FPORT) -> Status:
    """The status in `payload`; DecodeError when it is none."""
    _refuse(payload, fport)
    reason, flags = payload[0] & 0x0F, payload[1]
    level_and_pings = int.from_bytes(payload[2:4], "big")
    distance_and_kind = int.from_bytes(payload[4:6], "big")
    warnings: list[str] = []
    if reason == 0 or reason >= len(REASONS):
        warnings.append(f"reason {reason} is reserved: update the codec")
        reason = 0
    kind = _kind(distance_and_kind & 0b111, warnings)
    fill_permille = _level(level_and_pings >> 6, kind, warnings)
    if level_and_pings & 0b11:
        warnings.append("spare bits of byte 3 are set: ignored")
    return Status(
        version=VERSION,
        reason=REASONS[reason],
        fill_permille=fill_permille,
        distance_mm=_known(distance_and_kind >> 3, 8191),
        **{name: bool(flags >> bit & 1) for bit, name in enumerate(FLAGS)},
        valid_pings=level_and_pings >> 2 & 0b1111,
        kind=kind,
        battery_mv=None if payload[6] == 255 else payload[6] * 25,
        temperature_c10=None if payload[7] == 255 else payload[7] * 5 - 400,
        history=tuple(
            _earlier(index, int.from_bytes(payload[start : start + EARLIER_BYTES], "big"), warnings)
            for index, start in enumerate(range(HEAD_BYTES, len(payload), EARLIER_BYTES), 1)
        ),
        warnings=tuple(warnings),
    )


def _refuse(payload: bytes, fport: int) -> None:
    if fport != FPORT:
        raise DecodeError(f"a status comes on FPort {FPORT}, not on FPort {fport}")
    if payload and payload[0] >> 4 != VERSION:
        raise DecodeError(
            f"payload version {payload[0] >> 4} is unknown, this codec reads version {VERSION}: update the codec"
        )
    if len(payload) < HEAD_BYTES or (len(payload) - HEAD_BYTES) % EARLIER_BYTES:
        raise DecodeError(
            f"a status has 8 bytes and 3 for each earlier reading (8, 11, 14, ...), not {len(payload)}: "
            + "was it cut or padded on its way?"
        )


def _kind(number: int, warnings: list[str]) -> str:
    if number < len(KINDS):
        return KINDS[number]
    warnings.append(f"kind {number} is reserved: update the codec")
    return "unknown"


def _level(level: int, kind: str, warnings: list[str]) -> int | None:
    if level == 1023:
        return None
    if level > 1000:
        warnings.append(f"level {level} is reserved: read as unknown")
        return None
    if kind != "ok":
        warnings.append(f"a reading of kind {kind} has no level: {level} ignored")
        return None
    return level


def _earlier(number: int, word: int, warnings: list[str]) -> Reading:
    age, level = word >> 10, word & 0x3FF
    count = age & 0x1FFF
    # Half a unit of rounding and a second of the clock, and 5 % of the most that it stands for.
    age_s, uncertainty_s = (count * 960, count * 48 + 505) if age & 0x2000 else (count * 60, count * 3 + 33)
    ages = (age_s, None if age == 0x3FFF else uncertainty_s)
    if level <= 1000:
        return Reading(*ages, level, "ok")
    if 1009 <= level <= 1014:
        return Reading(*ages, None, KINDS[level - 1008])
    if level != 1023:
        warnings.append(f"earlier reading {number}: level {level} is reserved: read as unknown")
    return Reading(*ages, None, "unknown")


def _known(value: int, unknown: int) -> int | None:
    return None if value == unknown else value


def _percentage(fill_permille: int | None) -> float | None:
    return None if fill_permille is None else fill_permille / 10
