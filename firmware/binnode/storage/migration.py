"""RTC memory of an older layout becomes one of today's. Loaded after an update of the firmware only."""

import binascii
import struct

from binnode.reporting.backlog import CAPACITY, ENTRY_BYTES, Backlog
from binnode.storage.state import CRC_BYTES, State, StateError, unpack

_HEAD_BYTES_1 = 36  # layout version 1: magic to bssid as today, then the backlog


def migrate(memory):
    """The State in an image of version 1; StateError as from unpack for every other version and damage."""
    if len(memory) < _HEAD_BYTES_1 or memory[2] != 1:
        raise StateError("version")
    length = memory[4] << 8 | memory[5]
    end = length - CRC_BYTES
    count, rest = divmod(end - _HEAD_BYTES_1, ENTRY_BYTES)
    if length > len(memory) or rest or not 0 <= count <= CAPACITY:
        raise StateError("length")
    if binascii.crc32(memory[:end]) != struct.unpack_from(">I", memory, end)[0]:
        raise StateError("crc")
    new = bytearray(State().pack())  # what version 1 did not know is as in a new State
    new[3:4] = memory[3:4]
    new[6:_HEAD_BYTES_1] = memory[6:_HEAD_BYTES_1]
    end_of_new = len(new) - CRC_BYTES
    struct.pack_into(">I", new, end_of_new, binascii.crc32(new[:end_of_new]))
    state = unpack(bytes(new))
    state.backlog = Backlog(memory[_HEAD_BYTES_1:end], state.backlog.thinned)
    return state
