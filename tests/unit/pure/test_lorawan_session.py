import struct

from binnode.lorawan import session as session_module
from binnode.lorawan.restart import bond, clear, recall, shifted, undoubted
from binnode.lorawan.session import HEAD_BYTES, LAYOUT, MAGIC, NAMES, Session, unpack
from lorawan_node import ABP, OTAA, Node

DOCUMENT = session_module.__file__.rsplit("/", 1)[0] + "/LORAWAN.md"
FLAGS = ("joined", "abp", "adr", "ack_due", "adr_due", "rescued", "uplink_dwell", "downlink_dwell")


def field_sizes():
    sizes, digits = [], ""
    for letter in LAYOUT[1:]:
        if letter in "0123456789":
            digits += letter
        else:
            sizes.append(int(digits) if letter == "s" else {"B": 1, "H": 2, "I": 4}[letter])
            digits = ""
    return sizes


def other_value(name, size):
    """One that differs from a new Session's in every byte of its field."""
    if name in FLAGS:
        return 1 - getattr(clear(Session()), name)
    if name in ("mask", "used"):
        return bytearray(b"\xa5" * 9)
    if name.endswith("_key"):
        return bytes(range(1, 17))
    return int.from_bytes(bytes(range(0x71, 0x71 + size)), "big")


def busy_session():
    session = clear(Session())
    for name, size in zip(NAMES.split(), field_sizes()[6:]):
        setattr(session, name, other_value(name, size))
    session.region = "AS923-JP"
    session.fcnt_down = 0
    session.channels = [[868100000 + 200000 * index, 0, 5, 869000000 * (index & 1)] for index in range(16)]
    session.credits = [1, 2, 3, 4, 5, 0xFFFFFFFF]
    session.answers = bytes(range(64))
    return session


def values(session):
    names = NAMES.split() + ["region", "fcnt_down", "channels", "credits", "answers"]
    return [getattr(session, name) for name in names]


def test_a_new_session_knows_nothing():
    session = clear(Session())
    assert not session.joined and session.fcnt_down is None and session.nb_trans == session.rx1_delay_s == 1
    again = unpack(session.pack())
    assert again.fcnt_down is None and again.channels == [] and again.credits == []
    assert len(session.pack()) == HEAD_BYTES + 4 == 142


def test_a_session_comes_back_as_it_was():
    """ADR counter, channel mask, RX parameters, credits and pending MAC answers with it."""
    session = busy_session()
    assert values(unpack(session.pack())) == values(session)
    node = Node("EU868").joined()
    assert values(unpack(node.session.pack())) == values(node.session)


def test_the_longest_session_fits_into_rtc_memory():
    assert len(busy_session().pack()) == 142 + 160 + 24 + 64 == 390 <= 2048 - 1400


def test_what_follows_a_session_is_not_read():
    session = busy_session()
    assert values(unpack(session.pack() + b"\xff" * 99)) == values(session)


def test_a_damaged_session_is_refused():
    image = busy_session().pack()
    for size in range(len(image)):
        assert unpack(image[:size]) is None
    for at in range(len(image)):
        assert unpack(image[:at] + bytes([image[at] ^ 1]) + image[at + 1 :]) is None, at
    assert unpack(b"") is None and unpack(bytes(648)) is None and unpack(b"\xff" * 648) is None
    for length in (0, 3, 4, 141, 391, 65535):
        assert unpack(image[:3] + struct.pack(">H", length) + image[5:]) is None


def test_a_session_of_other_keys_or_of_another_region_is_not_ours():
    image = Node().joined().session.pack()
    assert recall(image, "EU868", OTAA)
    for region, keys in (("US915", OTAA), ("EU868", ABP), ("EU868", (bytes(16),) + OTAA[1:])):
        assert recall(image, region, keys) is None
    assert recall(b"", "EU868", OTAA) is None


def test_a_session_in_doubt_is_looked_at_before_it_is_used():
    image = Node().joined().session.pack()
    doubted = b"?" + image[1:]
    assert unpack(doubted) is None and undoubted(doubted) == undoubted(image) == image
    assert shifted(doubted, 60) == b"?" + shifted(image, 60)[1:]
    assert undoubted(b"") == b"" and undoubted(b"xW\1") == b"xW\1"


def test_a_session_that_has_not_joined_is_remembered_too():
    """The back-off of joining goes through deep sleep."""
    node = Node()
    node.asks()
    assert node.wake().session.join_attempt == 1 and not node.session.joined


def test_bond_depends_on_each_part():
    bonds = {bond(OTAA, 1, 2), bond(OTAA, 2, 1), bond(OTAA, 1, 3), bond((OTAA[0], OTAA[2], OTAA[1]), 1, 2)}
    assert len(bonds) == 4


def test_a_clock_that_is_set_takes_all_times_along():
    session = clear(Session())
    names = ("credits_at_s", "quiet_until_s", "last_downlink_s", "join_since_s", "join_next_s")
    for index, name in enumerate(names):
        setattr(session, name, 1000 * index)
    session = unpack(shifted(session.pack(), 800_000_000))
    assert [getattr(session, name) - 800_000_000 for name in names] == [0, 1000, 2000, 3000, 4000]
    session = unpack(shifted(session.pack(), -800_002_500))
    assert [getattr(session, name) for name in names] == [0, 0, 0, 500, 1500]
    assert shifted(b"", 5) == shifted(bytes(300), 5) == b""
    assert {name for name in NAMES.split() if name.endswith("_s")} == set(names) | {"rx1_delay_s"}


def document_rows():
    rows = []
    with open(DOCUMENT) as file:
        for line in file:
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if line.startswith("| ") and len(cells) == 4 and cells[0][0] in "0123456789":
                rows.append(cells)
    return rows


def test_document_has_the_layout_of_the_code():
    rows = document_rows()
    head = rows[: len(field_sizes())]
    assert [row[2] for row in head] == ["magic", "length", "channels", "credits", "region", "fcnt_down"] + NAMES.split()
    offset = 0
    for row, size in zip(head, field_sizes()):
        assert (int(row[0]), int(row[1])) == (offset, size), row
        offset += size
    assert offset == HEAD_BYTES == struct.calcsize(LAYOUT)
    tail = [["138", "10c", "channels"], ["138 + 10c", "4b", "credits"], ["138 + 10c + 4b", "a", "answers"]]
    assert [row[:3] for row in rows[len(head) :]] == tail + [["138 + 10c + 4b + a", "4", "crc"]]
    with open(DOCUMENT) as file:
        assert "`lW`, %d" % MAGIC[2] in file.read()


def test_document_names_the_bytes_that_each_field_changes():
    plain = clear(Session()).pack()
    for first, size, name, _ in document_rows()[6 : len(field_sizes())]:
        session = clear(Session())
        setattr(session, name, other_value(name, int(size)))
        image = session.pack()
        changed = [at for at in range(HEAD_BYTES) if image[at] != plain[at]]
        assert changed == list(range(int(first), int(first) + int(size))), name
