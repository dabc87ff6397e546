import struct

from binnode.reporting.backlog import CAPACITY
from binnode.storage import state as state_module
from binnode.storage.state import FIELDS, FLAGS, LAYOUT, RESERVED_FROM, State, StateError, unpack
from check import raises

HEAD_BYTES = struct.calcsize(LAYOUT)
CRC_BYTES = 4
DOCUMENT = state_module.__file__.rsplit("/", 1)[0] + "/RTC_MEMORY.md"

# A value for each attribute that differs from that of a new State in every byte of its field.
OTHER = {
    "last_fill_permille": 0x0102,
    "last_distance_mm": 0x0304,
    "last_kind": 3,
    "reported_kind": 4,
    "reported_fill_permille": 0x0203,
    "reports": 0xFEDC,
    "wakes": 0x01020304,
    "config_crc": 0x61626364,
    "reported_at_s": 0x11121314,
    "retry_at_s": 0x21222324,
    "answered_at_s": 0x61626364,
    "failures": 7,
    "channel": 11,
    "step": 2,
    "crash_step": 3,
    "crashes": 5,
    "reset_cause": 3,
    "recoveries": 0x0506,
    "told": 0x0708,
    "crash_file": 0x0A0B,
    "crash_line": 0x0C0D,
    "checkpoint_at_s": 0x31323334,
    "safe_try_at_s": 0x41424344,
    "crash_kept_at_s": 0x51525354,
}


def busy_state():
    state = State()
    for name, value in OTHER.items():
        setattr(state, name, value)
    state.alarm = state.emptied = state.low_battery = state.safe = state.checkpointed = True
    state.first = False
    for number in range(7):
        state.backlog.add(900 * number, 100 * number)
    return state


def values(state):
    return [getattr(state, name) for name in FIELDS + FLAGS], bytes(state.backlog.data), state.backlog.thinned


def outcome(memory):
    """For the properties: the image of what was unpacked, or why it was refused."""
    try:
        return unpack(memory).pack()
    except StateError as error:
        return error.args[0]


def refused(memory):
    return raises(StateError, unpack, memory).args[0]


def test_new_state_knows_nothing():
    state = State()
    assert state.first and state.urgent and not state.alarm and not state.current
    assert state.last_fill_permille is state.reported_kind is state.crash_kept_at_s is None
    assert state.wakes == state.config_crc == state.reported_at_s == state.crashes == 0
    assert values(unpack(state.pack())) == values(state)


def test_state_comes_back_as_it_was():
    state = busy_state()
    again = unpack(state.pack())
    assert values(again) == values(state)
    assert again.low_battery is True and again.first is False
    assert again.backlog.oldest(1, 6000) == [(6000, 0)]


def test_zero_is_not_unknown():
    state = State()
    state.last_fill_permille = state.reported_fill_permille = state.last_kind = state.reported_kind = 0
    again = unpack(state.pack())
    assert again.last_fill_permille == again.reported_fill_permille == again.last_kind == again.reported_kind == 0


def test_restored_backlog_takes_more_readings():
    state = unpack(busy_state().pack())
    state.backlog.add(6300, 700)
    assert unpack(state.pack()).backlog.oldest(8, 6300)[6:] == [(900, 600), (0, 700)]


def test_current_reading_is_an_earlier_one_after_the_sleep():
    state = busy_state()
    state.current = True
    assert unpack(state.pack()).current is False


def test_only_waiting_readings_take_room():
    state = State()
    assert len(state.pack()) == 67
    for number in range(300):
        state.backlog.add(900 * number, 0)
    assert len(state.pack()) == 67 + 5 * CAPACITY == 1267 <= RESERVED_FROM
    assert unpack(state.pack()).backlog.thinned


def test_memory_that_holds_no_state_is_refused_with_the_reason():
    image = busy_state().pack()
    assert refused(b"") == "empty"
    assert refused(bytes(2048)) == "magic"
    assert refused(b"xN" + image[2:]) == "magic"
    assert refused(image[:2] + b"\x04" + image[3:]) == "version"
    assert refused(image[:2]) == "length"
    assert refused(image[:20]) == "length"
    assert refused(image[:-1]) == "length"
    assert refused(image[:-5]) == "length"
    assert refused(image[:-1] + bytes([image[-1] ^ 1])) == "crc"
    assert refused(image[:67] + bytes([image[67] ^ 0x80]) + image[68:]) == "crc"


def test_length_that_is_no_whole_number_of_entries_is_refused():
    image = bytearray(busy_state().pack())
    for length in (0, 3, 66, 68, 99, 1272, 65535):
        struct.pack_into(">H", image, 5, length)
        assert refused(bytes(image) + bytes(2048)) == "length", length
    struct.pack_into(">H", image, 5, 72)
    assert refused(bytes(image)) == "crc"


def test_what_follows_the_state_belongs_to_others():
    image = busy_state().pack()
    shared = image + bytes(RESERVED_FROM - len(image)) + b"\xa5" * (2048 - RESERVED_FROM)
    assert len(shared) == 2048
    assert values(unpack(shared)) == values(busy_state())


def test_crc_is_the_one_of_zip():
    import binascii

    assert binascii.crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32/ISO-HDLC
    image = State().pack()
    assert image[-4:] == struct.pack(">I", binascii.crc32(image[:-4]))


def document_rows(columns):
    rows = []
    with open(DOCUMENT) as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| ") and len(cells) == columns and cells[0][0] in "0123456789":
                rows.append(cells)
    return rows


def changed_bytes(one, other):
    assert len(one) == len(other)
    return [place for place in range(len(one) - CRC_BYTES) if one[place] != other[place]]


def test_document_has_the_layout_of_the_code():
    rows = document_rows(4)
    sizes = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4}
    fields, digits = [], ""
    for letter in LAYOUT[1:]:
        if letter in "0123456789":
            digits += letter
        else:
            fields.append(int(digits) if letter == "s" else sizes[letter])
            digits = ""
    assert [int(row[1]) for row in rows[:-2]] == fields
    offset = 0
    for row in rows[:-2]:
        assert int(row[0]) == offset, row
        offset += int(row[1])
    assert offset == HEAD_BYTES == struct.calcsize(LAYOUT)
    assert [row[:3] for row in rows[-2:]] == [["63", "5n", "backlog"], ["63 + 5n", str(CRC_BYTES), "crc"]]
    assert tuple(row[2] for row in rows[4:-2]) == FIELDS


def test_document_names_the_byte_that_each_attribute_changes():
    state = State()
    for name, value in OTHER.items():
        before = state.pack()
        setattr(state, name, value)
        (row,) = [row for row in document_rows(4) if row[2] == name]
        first, size = int(row[0]), int(row[1])
        assert changed_bytes(before, state.pack()) == list(range(first, first + size)), name
    named = {row[2] for row in document_rows(4)}
    assert named == {"magic", "version", "flags", "length", "backlog", "crc"} | set(OTHER)


def test_document_names_the_bit_of_each_flag():
    rows = document_rows(3)
    assert [row[1] for row in rows] == ["thinned"] + list(FLAGS)
    for bit, name, _ in rows:
        state = State()
        before = state.pack()
        owner = state.backlog if name == "thinned" else state
        setattr(owner, name, not getattr(owner, name))
        after = state.pack()
        place = 3 if int(bit) > 7 else 4
        assert changed_bytes(before, after) == [place] and before[place] ^ after[place] == 1 << int(bit) % 8, name


def test_document_tells_what_an_entry_adds():
    state = State()
    before = state.pack()
    state.backlog.add(0x3FFFFFFF, 0)
    after = state.pack()
    assert len(after) == len(before) + 5
    assert after[63:68] == b"\xff\xff\xff\xfc\x00"
    assert changed_bytes(before[:63] + bytes(4), after[:63] + bytes(4)) == [6]  # the length
    with open(DOCUMENT) as file:
        text = file.read()
    assert f"`{state_module.MAGIC.decode()}`" in text and f"of this layout, {state_module.VERSION} |" in text
    assert f"Bytes 1267 to {RESERVED_FROM - 1} are free" in text and f"Bytes {RESERVED_FROM} to 2047" in text


def test_the_lorawan_session_lies_behind_and_its_neighbour_does_not_move():
    state = busy_state()
    alone = state.pack()
    state.lora = b"a session"
    image = state.pack()
    assert image[: len(alone)] == alone and image[RESERVED_FROM:] == b"a session"
    assert len(image) == RESERVED_FROM + 9 and state.pack(True) == alone
    assert unpack(bytes(image)).lora == b"a session" and unpack(alone).lora == b""
