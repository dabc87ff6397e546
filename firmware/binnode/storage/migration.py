"""RTC memory, or a checkpoint, of an older layout becomes one of today's. Loaded after an update of the firmware."""

import binascii
import struct

from binnode.reporting.backlog import CAPACITY, ENTRY_BYTES, Backlog
from binnode.storage.state import State, StateError

_CRC_BYTES = 4
# Layout version: bytes of its head. Both begin alike; what version 2 had more follows it.
_HEADS = {1: 36, 2: 61}
_BEGIN = ">2sBBHHHBBHHIIIBB6s"
_FIELDS = ("last_fill_permille", "last_distance_mm", "last_kind", "reported_kind", "reported_fill_permille")
_UNKNOWN = (0xFFFF, 0xFFFF, 0xFF, 0xFF, 0xFFFF)
_FLAGS = ("alarm", "raised", "released", "emptied", "low_battery", "thinned", "first", "urgent")
_FLAGS += ("safe", "diagnose", "checkpointed")
_THINNED = 5  # the backlog's
_MORE = ">BBBBBHHHHIII"
_MORE_FIELDS = ("step", "crash_step", "crashes", "reset_cause", "recoveries", "told", "crash_file", "crash_line")
_MORE_FIELDS += ("checkpoint_at_s", "safe_try_at_s")
_NEVER_S = 0xFFFFFFFF


def migrate(memory):
    """The State in an image of version 1 or 2; StateError as from unpack for every other version and damage."""
    head = _HEADS.get(memory[2]) if len(memory) > 2 else None
    if not head or len(memory) < head:
        raise StateError("version")
    _, _, flags, length, *values = struct.unpack_from(_BEGIN, memory)
    end = length - _CRC_BYTES
    count, rest = divmod(end - head, ENTRY_BYTES)
    if length > len(memory) or rest or not 0 <= count <= CAPACITY:
        raise StateError("length")
    if binascii.crc32(memory[:end]) != struct.unpack_from(">I", memory, end)[0]:
        raise StateError("crc")
    state = State()
    for name, value, unknown in zip(_FIELDS, values, _UNKNOWN):
        setattr(state, name, None if value == unknown else value)
    state.reports, state.wakes, state.reported_at_s, state.retry_at_s, state.failures, state.channel = values[5:11]
    if head > _HEADS[1]:
        more_flags, *values, kept_at_s = struct.unpack_from(_MORE, memory, _HEADS[1])
        for name, value in zip(_MORE_FIELDS, values):
            setattr(state, name, value)
        state.crash_kept_at_s = None if kept_at_s == _NEVER_S else kept_at_s
        flags |= more_flags << 8
    for bit, name in enumerate(_FLAGS):
        if bit != _THINNED:
            setattr(state, name, bool(flags >> bit & 1))
    state.backlog = Backlog(memory[head:end], bool(flags >> _THINNED & 1))
    return state
