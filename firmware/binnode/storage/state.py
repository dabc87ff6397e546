"""What the node remembers through deep sleep, in RTC memory; the byte map is in RTC_MEMORY.md.

Losing it costs the readings that wait and one extra report, never the operation: an image that is not whole is refused
and the node starts with a new State. The cause of the reset is never asked (a brown-out reports itself as power-on).
binascii.crc32 is in every ESP32 build (py/mpconfig.h: MICROPY_PY_BINASCII_CRC32 from the "extra features" level on,
which ports/esp32 has) and in the unix VM.
"""

import binascii
import struct

from micropython import const

from binnode.reporting.backlog import CAPACITY, ENTRY_BYTES, Backlog

MAGIC = b"bN"
VERSION = const(1)
# magic, version, flags, length | last fill, distance, kind | reported kind, fill, reports
# | wakes, reported_at, retry_at | failures, channel, bssid
LAYOUT = ">2sBBHHHBBHHIIIBB6s"
HEAD_BYTES = const(36)
CRC_BYTES = const(4)
RESERVED_FROM = const(1400)  # RTC memory from here to 2048 is for the LoRaWAN session
FLAGS = ("alarm", "raised", "released", "emptied", "low_battery", "thinned", "first", "urgent")  # bit 0 first

_NONE_2 = const(0xFFFF)
_NONE_1 = const(0xFF)
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
    """

    def __init__(self):
        self.wakes = self.reports = self.failures = self.channel = 0
        self.reported_at_s = self.retry_at_s = 0
        self.last_fill_permille = self.last_distance_mm = self.last_kind = None
        self.reported_fill_permille = self.reported_kind = self.bssid = None
        self.alarm = self.raised = self.released = self.emptied = self.low_battery = self.current = False
        self.first = self.urgent = True
        self.backlog = Backlog()

    @property
    def thinned(self):
        return self.backlog.thinned

    def pack(self):
        """The image for RTC().memory(): 40 bytes and 5 for every reading that waits (1240 at most)."""
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
            flags,
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
    state.backlog = Backlog(memoryview(memory)[HEAD_BYTES:end])
    for bit, name in enumerate(FLAGS):
        if name == "thinned":
            state.backlog.thinned = bool(flags >> bit & 1)
        else:
            setattr(state, name, bool(flags >> bit & 1))
    return state
