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
VERSION = const(2)
# magic, version, flags, length | last fill, distance, kind | reported kind, fill, reports
# | wakes, reported_at, retry_at | failures, channel, bssid (up to here as in version 1)
# | more flags, step, crash step, crashes, reset cause | recoveries, told, crash file, crash line
# | checkpoint_at, safe_try_at, crash_kept_at
LAYOUT = ">2sBBHHHBBHHIIIBB6sBBBBBHHHHIII"
HEAD_BYTES = const(61)
CRC_BYTES = const(4)
RESERVED_FROM = const(1400)  # RTC memory from here to 2048 is for the LoRaWAN session
FLAGS = ("alarm", "raised", "released", "emptied", "low_battery", "thinned", "first", "urgent")  # bit 0 first
FLAGS += ("safe", "diagnose", "checkpointed")  # in the second byte of flags, bit 0 first
# What a wake is at: in RTC memory while it is under way, so a wake that was interrupted is known, and where it was.
STARTING = const(1)
MEASURING = const(2)
REPORTING = const(3)
SAFE_MEASURING = const(4)
SAFE_REPORTING = const(5)

_NONE_2 = const(0xFFFF)
_NONE_1 = const(0xFF)
_NONE_4 = 0xFFFFFFFF  # not const(): beyond the chip's small int
_NO_BSSID = b"\xff\xff\xff\xff\xff\xff"  # the broadcast address: no access point has it


class StateError(Exception):
    """The memory holds no state; args[0] is why: "empty" (power-on), "magic", "version", "length" or "crc"."""


class State:
    """Values, not behaviour; binnode.reporting.policy changes them. None is unknown.

    wakes (u32), last_fill_permille and last_distance_mm (last OK reading), last_kind (any reading), reported_kind and
    reported_fill_permille (last delivered report), reported_at_s, reports (delivered, u16, wraps), failures (tries
    since the last delivery, u8, stays at 255), retry_at_s, bssid (6 bytes), channel (0 unknown), backlog.
    alarm, low_battery: as the word says. raised, released, emptied: happened since the last delivered report.
    first: nothing was delivered since boot. urgent: an event has not had its immediate try yet.
    current: the newest backlog entry is the reading of this wake (lives one wake, not stored).

    step: what the wake under way is at, 0 between wakes. crashes: wakes that crashed one after the other, 255 is that
    or more; crash_step, crash_file (binnode.crash.file_code), crash_line: where the last one did, 0 unknown.
    crashed: this wake did (not stored). safe: in safe mode; safe_try_at_s: the next try of a normal wake.
    diagnose: a diagnostics message is to be sent; in it reset_cause, and a bit for each of the recoveries
    (binnode.storage.recoveries); told: those of the config's that were delivered and still hold.
    checkpointed: NVS holds readings; checkpoint_at_s: since then. crash_kept_at_s: a crash record went to NVS, or None.
    """

    def __init__(self):
        self.wakes = self.reports = self.failures = self.channel = 0
        self.reported_at_s = self.retry_at_s = 0
        self.last_fill_permille = self.last_distance_mm = self.last_kind = None
        self.reported_fill_permille = self.reported_kind = self.bssid = None
        self.alarm = self.raised = self.released = self.emptied = self.low_battery = self.current = False
        self.first = self.urgent = True
        self.backlog = Backlog()
        self.step = self.crash_step = self.crashes = self.reset_cause = 0
        self.recoveries = self.told = self.crash_file = self.crash_line = 0
        self.checkpoint_at_s = self.safe_try_at_s = 0
        self.crash_kept_at_s = None
        self.safe = self.diagnose = self.checkpointed = self.crashed = False

    @property
    def thinned(self):
        return self.backlog.thinned

    def shift_clock(self, delta_s):
        """The chip's clock is about to be set `delta_s` ahead: all that is remembered keeps its age."""
        self.reported_at_s = max(0, self.reported_at_s + delta_s)
        self.retry_at_s = max(0, self.retry_at_s + delta_s)
        self.checkpoint_at_s = max(0, self.checkpoint_at_s + delta_s)
        self.safe_try_at_s = max(0, self.safe_try_at_s + delta_s)
        if self.crash_kept_at_s is not None:
            self.crash_kept_at_s = max(0, self.crash_kept_at_s + delta_s)
        self.backlog.shift(delta_s)

    def pack(self):
        """The image for RTC().memory(): 65 bytes and 5 for every reading that waits (1265 at most)."""
        flags = 0
        for bit, name in enumerate(FLAGS):
            flags |= bool(getattr(self, name)) << bit
        end = HEAD_BYTES + len(self.backlog.data)
        image = bytearray(end + CRC_BYTES)
        struct.pack_into(
            LAYOUT,
            image,
            0,
            MAGIC,
            VERSION,
            flags & 255,
            len(image),
            _known(self.last_fill_permille, _NONE_2),
            _known(self.last_distance_mm, _NONE_2),
            _known(self.last_kind, _NONE_1),
            _known(self.reported_kind, _NONE_1),
            _known(self.reported_fill_permille, _NONE_2),
            self.reports,
            self.wakes,
            self.reported_at_s,
            self.retry_at_s,
            self.failures,
            self.channel,
            self.bssid or _NO_BSSID,
            flags >> 8,
            self.step,
            self.crash_step,
            self.crashes,
            self.reset_cause,
            self.recoveries,
            self.told,
            self.crash_file,
            self.crash_line,
            self.checkpoint_at_s,
            self.safe_try_at_s,
            _known(self.crash_kept_at_s, _NONE_4),
        )
        image[HEAD_BYTES:end] = self.backlog.data
        struct.pack_into(">I", image, end, binascii.crc32(memoryview(image)[:end]))
        return bytes(image)


def _known(value, unknown):
    return unknown if value is None else value


def unpack(memory):
    """The State at the start of `memory` (what follows it belongs to others); StateError when it is not whole."""
    if not memory:
        raise StateError("empty")
    if memory[:2] != MAGIC:
        raise StateError("magic")
    if len(memory) > 2 and memory[2] != VERSION:
        raise StateError("version")
    if len(memory) < HEAD_BYTES:
        raise StateError("length")
    state = State()
    (
        _,
        _,
        flags,
        length,
        fill,
        distance,
        last_kind,
        reported_kind,
        reported_fill,
        state.reports,
        state.wakes,
        state.reported_at_s,
        state.retry_at_s,
        state.failures,
        state.channel,
        bssid,
        more_flags,
        state.step,
        state.crash_step,
        state.crashes,
        state.reset_cause,
        state.recoveries,
        state.told,
        state.crash_file,
        state.crash_line,
        state.checkpoint_at_s,
        state.safe_try_at_s,
        crash_kept_at_s,
    ) = struct.unpack_from(LAYOUT, memory)
    end = length - CRC_BYTES
    count, rest = divmod(end - HEAD_BYTES, ENTRY_BYTES)
    if length > len(memory) or rest or not 0 <= count <= CAPACITY:
        raise StateError("length")
    if binascii.crc32(memoryview(memory)[:end]) != struct.unpack_from(">I", memory, end)[0]:
        raise StateError("crc")
    state.last_fill_permille = None if fill == _NONE_2 else fill
    state.last_distance_mm = None if distance == _NONE_2 else distance
    state.last_kind = None if last_kind == _NONE_1 else last_kind
    state.reported_kind = None if reported_kind == _NONE_1 else reported_kind
    state.reported_fill_permille = None if reported_fill == _NONE_2 else reported_fill
    state.bssid = None if bssid == _NO_BSSID else bssid
    state.crash_kept_at_s = None if crash_kept_at_s == _NONE_4 else crash_kept_at_s
    state.backlog = Backlog(memoryview(memory)[HEAD_BYTES:end])
    flags |= more_flags << 8
    for bit, name in enumerate(FLAGS):
        if name == "thinned":
            state.backlog.thinned = bool(flags >> bit & 1)
        else:
            setattr(state, name, bool(flags >> bit & 1))
    return state
