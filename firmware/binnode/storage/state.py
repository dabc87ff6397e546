"""What the node remembers through deep sleep, in RTC memory; the byte map is in RTC_MEMORY.md.

Losing it costs the readings that wait and one extra report, never the operation: an image that is not whole is refused
and binnode.recover finds the State to go on with. Whether it is whole is never concluded from the cause of the reset
(a brown-out reports itself as power-on, and may or may not keep the memory).
binascii.crc32 is in every ESP32 build (py/mpconfig.h: MICROPY_PY_BINASCII_CRC32 from the "extra features" level on,
which ports/esp32 has) and in the unix VM.
"""

import binascii
import struct

from micropython import const

from binnode.reporting.backlog import CAPACITY, ENTRY_BYTES, Backlog

MAGIC = b"bN"
VERSION = const(3)
# magic, version, flags, length, then FIELDS in their order; a signed one may be unknown
LAYOUT = ">2sBHHIIIIIihhbbhIIHHHHHBBBBBB"
FIELDS = (
    "reported_at_s",
    "retry_at_s",
    "answered_at_s",
    "checkpoint_at_s",
    "safe_try_at_s",
    "crash_kept_at_s",
    "last_fill_permille",
    "last_distance_mm",
    "last_kind",
    "reported_kind",
    "reported_fill_permille",
    "wakes",
    "config_crc",
    "reports",
    "recoveries",
    "told",
    "crash_file",
    "crash_line",
    "failures",
    "channel",
    "step",
    "crash_step",
    "crashes",
    "reset_cause",
)
FLAGS = (  # bit 1 first; bit 0 is the backlog's: thinned
    "first",
    "urgent",
    "alarm",
    "raised",
    "released",
    "emptied",
    "low_battery",
    "safe",
    "diagnose",
    "checkpointed",
    "config_partial",
)
RESERVED_FROM = const(1400)  # RTC memory from here to 2048 is for the LoRaWAN session
# What a wake is at: in RTC memory while it is under way, so a wake that was interrupted is known, and where it was.
# 4 and 5 are safe.py's.
STARTING = const(1)
MEASURING = const(2)
REPORTING = const(3)

_HEAD_BYTES = const(63)
_CRC_BYTES = const(4)
TIMES = const(6)  # the first of FIELDS
_UNKNOWN = const(-1)  # None, as it is stored
_NEW = (0,) * 5 + (_UNKNOWN,) * 6 + (0,) * 13
_NEW_FLAGS = const(0b110)  # first, urgent


class StateError(Exception):
    """The memory holds no state; args[0] is why: "empty" (power-on), "magic", "version", "length" or "crc"."""


class State:
    """Values, not behaviour; binnode.reporting.policy changes them. None is unknown.

    wakes (u32), last_fill_permille and last_distance_mm (last OK reading), last_kind (any reading), reported_kind and
    reported_fill_permille (last delivered report), reported_at_s, reports (delivered, u16, wraps), failures (tries
    since the last delivery, u8, stays at 255), retry_at_s, channel (of the access point, 0 unknown), backlog.
    alarm, low_battery: as the word says. raised, released, emptied: happened since the last delivered report.
    first: nothing was delivered since boot. urgent: an event has not had its immediate try yet.
    current: the newest backlog entry is the reading of this wake (lives one wake, not stored).
    config_crc: CRC-32 of the config.json that was found in order, 0 none; config_partial: it names some fields only.

    step: what the wake under way is at, 0 between wakes. crashes: wakes that crashed one after the other, 255 is that
    or more; crash_step, crash_file (binnode.crash.file_code), crash_line: where the last one did, 0 unknown.
    crashed: this wake did (not stored). safe: in safe mode; safe_try_at_s: the next try of a normal wake.
    diagnose: a diagnostics message is to be sent; in it reset_cause, and a bit for each of the recoveries
    (binnode.storage.recoveries); told: those of the config's that were delivered and still hold.
    lora: the image of the LoRaWAN session, b"" none; answered_at_s: when the transport (not its fall-back) delivered
    last.
    checkpointed: NVS holds readings; checkpoint_at_s: since then. crash_kept_at_s: a crash record went to NVS, or None.
    """

    wakes: int
    reports: int
    failures: int
    channel: int
    config_crc: int
    reported_at_s: int
    retry_at_s: int
    answered_at_s: int
    checkpoint_at_s: int
    safe_try_at_s: int
    crash_kept_at_s: "int | None"
    last_fill_permille: "int | None"
    last_distance_mm: "int | None"
    last_kind: "int | None"
    reported_kind: "int | None"
    reported_fill_permille: "int | None"
    step: int
    crash_step: int
    crashes: int
    crash_file: int
    crash_line: int
    reset_cause: int
    recoveries: int
    told: int
    alarm: bool
    raised: bool
    released: bool
    emptied: bool
    low_battery: bool
    first: bool
    urgent: bool
    safe: bool
    diagnose: bool
    checkpointed: bool
    config_partial: bool

    def __init__(self, values=_NEW, flags=_NEW_FLAGS, readings=None):
        """`values` of FIELDS and `flags` as they are stored, and what the backlog holds; without them a new State."""
        for name, value in zip(FIELDS, values):
            setattr(self, name, None if value == _UNKNOWN else value)
        for bit, name in enumerate(FLAGS, 1):
            setattr(self, name, bool(flags >> bit & 1))
        self.backlog = Backlog(readings, bool(flags & 1))
        self.lora = b""
        self.current = self.crashed = False

    def pack(self, alone=False, image=None):
        """The image for RTC().memory(): 67 bytes, 5 for every reading that waits (1267 at most), the LoRaWAN session.

        `alone`: without the session, which has an image of its own in NVS. `image`: a bytearray of RTC memory's size to
        make it in, where no other piece may be left that is large enough; what comes back is a part of it then.
        """
        flags = int(self.backlog.thinned)
        for bit, name in enumerate(FLAGS, 1):
            flags |= bool(getattr(self, name)) << bit
        end = _HEAD_BYTES + len(self.backlog.data)
        length = end + _CRC_BYTES
        lora = b"" if alone else self.lora
        size = RESERVED_FROM + len(lora) if lora else length
        image = image or bytearray(size)
        values = [MAGIC, VERSION, flags, length]
        for name in FIELDS:
            value = getattr(self, name)
            values.append(_UNKNOWN if value is None else value)
        struct.pack_into(LAYOUT, image, 0, *values)
        image[_HEAD_BYTES:end] = self.backlog.data
        struct.pack_into(">I", image, end, binascii.crc32(memoryview(image)[:end]))
        if lora:
            image[RESERVED_FROM:size] = lora
        return image if len(image) == size else memoryview(image)[:size]


def unpack(memory):
    """The State at the start of `memory` (what follows it belongs to others); StateError when it is not whole."""
    if not memory:
        raise StateError("empty")
    if memory[:2] != MAGIC:
        raise StateError("magic")
    if len(memory) > 2 and memory[2] != VERSION:
        raise StateError("version")
    if len(memory) < _HEAD_BYTES:
        raise StateError("length")
    values = struct.unpack_from(LAYOUT, memory)
    flags, length = values[2:4]
    end = length - _CRC_BYTES
    count, rest = divmod(end - _HEAD_BYTES, ENTRY_BYTES)
    if length > len(memory) or rest or not 0 <= count <= CAPACITY:
        raise StateError("length")
    if binascii.crc32(memoryview(memory)[:end]) != struct.unpack_from(">I", memory, end)[0]:
        raise StateError("crc")
    state = State(values[4:], flags, memoryview(memory)[_HEAD_BYTES:end])
    state.lora = bytes(memory[RESERVED_FROM:])
    return state
