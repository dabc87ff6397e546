"""Decodes diagnostics (FPort 2) version 1 as PAYLOAD.md specifies them; equal to binnode.js, message for message."""

from dataclasses import dataclass

from binnode_tools.codec.status import DecodeError

FPORT = 2
VERSION = 1
BYTES = 10

CAUSES = ("unknown", "power_on", "reset", "watchdog", "deep_sleep", "soft_reset")
STEPS = ("none", "starting", "measuring", "reporting", "safe_measuring", "safe_reporting")
_WAITING = "the readings that wait, as far as no checkpoint holds them"
# What the node recovers from, by bit: name, what was found, what is lost by it. As in firmware/RECOVERY.md.
RECOVERIES = (
    ("rtc_garbage", "RTC memory held something else than the node's state", _WAITING),
    ("rtc_damaged", "RTC memory was half-written, or its CRC did not fit", _WAITING),
    ("rtc_migrated", "RTC memory had an older layout", "nothing"),
    ("rtc_newer", "RTC memory had a layout that this firmware does not know", _WAITING),
    (
        "checkpoint_restored",
        "RTC memory was lost, and readings came back from NVS",
        "the readings since the checkpoint; the ages of the others lack the time without power",
    ),
    ("checkpoint_damaged", "the checkpoint in NVS was not whole", "the readings that it held"),
    ("crash_record_damaged", "the crash record in NVS was not whole", "the text of an earlier crash"),
    ("nvs_failed", "NVS took no write", "nothing yet; a loss of power now costs every reading that waits"),
    ("config_damaged", "config.json was not readable: defaults are in force", "all settings"),
    ("config_fields", "config.json broke a rule: defaults are in force for the fields in question", "those settings"),
    ("config_migrated", "config.json had an older version and was understood", "nothing"),
    (
        "config_newer",
        "config.json had a version that this firmware does not know: what it knows of it is in force",
        "the other settings",
    ),
    ("files_repaired", "files of the firmware were damaged, and are whole again", "the readings of the time between"),
    (
        "brown_out",
        "the supply broke down in the middle of a wake, or of two first tries in a row: the battery is weak",
        "the reading of that wake; what waited, if RTC memory went too",
    ),
)


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What a node tells. crash_step None: no crash; crash_file (12 bits in hex) and crash_line None: not known."""

    version: int
    reset_cause: str
    safe_mode: bool
    crashes: int
    recoveries: tuple[str, ...]
    crash_step: str | None
    crash_file: str | None
    crash_line: int | None
    firmware: str | None
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The `data` of binnode.js."""
        crash = {"step": self.crash_step, "file_code": self.crash_file, "line": self.crash_line}
        return {
            "version": self.version,
            "reset_cause": self.reset_cause,
            "safe_mode": self.safe_mode,
            "crashes": self.crashes,
            "recoveries": list(self.recoveries),
            "crash": crash if self.crash_step else None,
            "firmware": self.firmware,
        }


def decode_diagnostics(payload: bytes, fport: int = FPORT) -> Diagnostics:
    """The diagnostics in `payload`; DecodeError when it holds none."""
    if fport != FPORT:
        raise DecodeError(f"diagnostics come on FPort {FPORT}, not on FPort {fport}")
    if payload and payload[0] >> 4 != VERSION:
        raise DecodeError(
            f"payload version {payload[0] >> 4} is unknown, this codec reads version {VERSION}: update the codec"
        )
    if len(payload) != BYTES:
        raise DecodeError(f"diagnostics have {BYTES} bytes, not {len(payload)}: were they cut or padded on their way?")
    warnings: list[str] = []
    cause, step = payload[0] & 0x0F, payload[1] >> 1 & 7
    if cause >= len(CAUSES):
        warnings.append(f"reset cause {cause} is reserved: update the codec")
        cause = 0
    step_name = STEPS[step] if step < len(STEPS) else "unknown"
    if step >= len(STEPS):
        warnings.append(f"step {step} is reserved: update the codec")
    if payload[1] & 0xF0:
        warnings.append("spare bits of byte 1 are set: ignored")
    bits = int.from_bytes(payload[3:5], "big")
    if bits >> len(RECOVERIES):
        warnings.append("reserved bits of the recoveries are set: update the codec")
    place = int.from_bytes(payload[5:8], "big")
    release = int.from_bytes(payload[8:10], "big")
    return Diagnostics(
        version=VERSION,
        reset_cause=CAUSES[cause],
        safe_mode=bool(payload[1] & 1),
        crashes=payload[2],
        recoveries=tuple(name for code, (name, _, _) in enumerate(RECOVERIES) if bits >> code & 1),
        crash_step=step_name if step else None,
        crash_file=f"{place >> 12:03x}" if step and place >> 12 else None,
        crash_line=place & 0xFFF or None if step else None,
        firmware=f"{release >> 12}.{release >> 6 & 63}.{release & 63}" if release else None,
        warnings=tuple(warnings),
    )
