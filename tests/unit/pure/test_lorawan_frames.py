"""Crypto and frames against RFC 4493 and against frames of npm lora-packet (tests/vectors/lora_packet.mjs)."""

import hashlib
import json
import struct

from binnode.lorawan import crypto, frames, join_frames
from binnode.lorawan.tx import airtime_us
from cryptolib import aes

RFC_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_MESSAGE = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)


class Session:
    def __init__(self, nwk_s_key, app_s_key, dev_addr, fcnt_down=None):
        self.nwk_s_key = nwk_s_key
        self.app_s_key = app_s_key
        self.dev_addr = dev_addr
        self.fcnt_down = fcnt_down


def uplink(nwk_s_key, app_s_key, dev_addr, *args):
    """frames.uplink() with plain values, for the replay of cases on the VM."""
    return frames.uplink(Session(nwk_s_key, app_s_key, dev_addr), *args)


def downlink(nwk_s_key, app_s_key, dev_addr, fcnt_down, frame):
    """frames.downlink() with plain values, for the replay of cases on the VM."""
    return frames.downlink(Session(nwk_s_key, app_s_key, dev_addr, fcnt_down), frame)


def vectors():
    with open(__file__.rsplit("/", 2)[0] + "/../vectors/lora_packet_v0_9_3.json") as file:
        return json.load(file)


def session_of(vector, fcnt_down=None):
    return Session(
        bytes.fromhex(vector["nwk_s_key"]), bytes.fromhex(vector["app_s_key"]), vector["dev_addr"], fcnt_down
    )


def parameters(name):
    """(session, fcnt, control, fopts, fport, payload) as lora_packet.mjs makes them from a name."""
    data = b"".join(hashlib.sha256(b"%s/%d" % (name.encode(), part)).digest() for part in range(6))
    dev_addr, fcnt, control, options, port, size = struct.unpack_from(">IIBBBB", data[32:])
    fport = None if port > 200 and options > 200 else port % 224
    options = options % 16 if fport != 0 else 0
    size = 0 if fport is None else size % 65
    payload_at = 44 + options
    flags = control & 0xF0 | (control & 1) << 8
    session = Session(data[:16], data[16:32], dev_addr)
    return session, fcnt, flags, data[44:payload_at], fport, data[payload_at : payload_at + size]


def test_cmac_of_rfc_4493():
    for size, expected in (
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ):
        assert crypto.cmac(RFC_KEY, RFC_MESSAGE[:size]) == bytes.fromhex(expected), size


def test_example_of_lora_packet():
    """The frame that the README of lora-packet decodes to "test"."""
    nwk_s_key = bytes.fromhex("44024241ed4ce9a68c6a8bc055233fd3")
    app_s_key = bytes.fromhex("ec925802ae430ca77fd3dd73cb2cc588")
    frame = uplink(nwk_s_key, app_s_key, 0x49BE7DF1, 2, 0, b"", 1, b"test")
    assert frame == bytes.fromhex("40F17DBE4900020001954378762B11FF0D")


def test_joins():
    joins = vectors()["joins"]
    assert len(joins) == 16
    for join in joins:
        key = bytes.fromhex(join["app_key"])
        request = join_frames.join_request(
            key, bytes.fromhex(join["join_eui"]), bytes.fromhex(join["dev_eui"]), join["dev_nonce"]
        )
        assert request == bytes.fromhex(join["request"])
        accept = bytes.fromhex(join["accept"])
        names = ("join_nonce", "net_id", "dev_addr", "dl_settings", "rx_delay")
        expected = tuple(join[name] for name in names) + (bytes.fromhex(join["cf_list"]),)
        assert join_frames.join_accept(key, accept) == expected
        keys = join_frames.session_keys(key, join["join_nonce"], join["net_id"], join["dev_nonce"])
        assert keys == (bytes.fromhex(join["nwk_s_key"]), bytes.fromhex(join["app_s_key"]))
        assert join_frames.join_accept(keys[0], accept) is None


def test_a_damaged_join_accept_is_none():
    for join in vectors()["joins"][:2]:
        key, accept = bytes.fromhex(join["app_key"]), bytes.fromhex(join["accept"])
        for bit in range(8 * len(accept)):
            damaged = bytearray(accept)
            damaged[bit // 8] ^= 1 << bit % 8
            assert join_frames.join_accept(key, bytes(damaged)) is None, bit
        for size in range(len(accept)):
            assert join_frames.join_accept(key, accept[:size]) is None
        assert join_frames.join_accept(key, accept + b"\0") is None


def test_what_is_not_a_join_accept():
    for kind in range(256):
        head = bytes((kind,))
        plain = bytes(range(12))
        plain += crypto.cmac(RFC_KEY, head + plain)[:4]
        heard = join_frames.join_accept(RFC_KEY, head + aes(RFC_KEY, 1).decrypt(plain))
        # Bits 4..2 are for future use and ignored, Major must be 0
        assert (heard is not None) == (kind & 3 == 0 and kind >> 5 == 1), kind


def test_whole_uplinks():
    for vector in vectors()["up"]:
        frame = bytes.fromhex(vector["frame"])
        made = frames.uplink(
            session_of(vector),
            vector["fcnt"],
            vector["control"],
            bytes.fromhex(vector["fopts"]),
            vector["fport"],
            bytes.fromhex(vector["payload"]),
        )
        # lora-packet keeps bit 4 of FCtrl, which is ClassB in an uplink and as good as any
        assert made == frame, vector["name"]


def test_whole_downlinks():
    for vector in vectors()["down"]:
        session = session_of(vector, max(0, vector["fcnt"] - 7))
        heard = frames.downlink(session, bytes.fromhex(vector["frame"]))
        assert heard is not None, vector["name"]
        fcnt, control, fopts, fport, payload = heard
        assert (fcnt, fport) == (vector["fcnt"], vector["fport"])
        assert control == vector["control"] | len(fopts)
        assert (fopts, payload) == (bytes.fromhex(vector["fopts"]), bytes.fromhex(vector["payload"]))


def test_two_thousand_uplinks_by_their_mics():
    mics = vectors()["up_mics"]
    for index in range(len(mics) // 8):
        session, fcnt, control, fopts, fport, payload = parameters("up %d" % index)
        made = frames.uplink(session, fcnt, control, fopts, fport, payload)
        assert made[-4:] == bytes.fromhex(mics[8 * index : 8 * index + 8]), index
    assert len(mics) == 8 * 2000


def test_two_thousand_downlinks_by_their_mics():
    """Header and encrypted payload come from our side; the MIC by lora-packet covers both."""
    mics = vectors()["down_mics"]
    for index in range(len(mics) // 8):
        session, fcnt, control, fopts, fport, payload = parameters("down %d" % index)
        frame = struct.pack(
            "<BIBH",
            0xA0 if control & 0x100 else 0x60,
            session.dev_addr,
            control & 0xF0 | len(fopts),
            fcnt & 0xFFFF,
        )
        frame += fopts
        if fport is not None:
            key = session.app_s_key if fport else session.nwk_s_key
            frame += bytes((fport,)) + crypto.crypt(key, 1, session.dev_addr, fcnt, payload)
        frame += bytes.fromhex(mics[8 * index : 8 * index + 8])
        session.fcnt_down = max(0, fcnt - 1 - index)
        assert frames.downlink(session, frame) == (fcnt, control | len(fopts), fopts, fport, payload), index
    assert len(mics) == 8 * 2000


def test_every_flipped_bit_of_a_downlink_is_refused():
    vector = vectors()["down"][1]
    session, frame = session_of(vector, vector["fcnt"] - 1), bytes.fromhex(vector["frame"])
    assert frames.downlink(session, frame)
    for bit in range(8 * len(frame)):
        damaged = bytearray(frame)
        damaged[bit // 8] ^= 1 << bit % 8
        assert frames.downlink(session, bytes(damaged)) is None, bit
    for size in range(len(frame)):
        assert frames.downlink(session, frame[:size]) is None
    assert session.fcnt_down == vector["fcnt"] - 1


def down(session, fcnt, control=0, fopts=b"", rest=b"", kind=0x60):
    """A downlink with a right MIC; `rest` (FPort and encrypted payload) goes in as it is."""
    frame = struct.pack("<BIBH", kind, session.dev_addr, control | len(fopts), fcnt & 0xFFFF) + fopts + rest
    start = struct.pack("<BIBIIBB", 0x49, 0, 1, session.dev_addr, fcnt, 0, len(frame))
    return frame + crypto.cmac(session.nwk_s_key, start + frame)[:4]


def counter(last, fcnt):
    """What a session whose last counter was `last` makes of a downlink that was sent with `fcnt`: fcnt or None."""
    session = Session(bytes(16), bytes(16), 1, last)
    heard = frames.downlink(session, down(session, fcnt))
    return heard and heard[0]


def test_downlink_counter_unfolds_to_32_bits():
    for last, fcnt in (
        (None, 0),
        (None, 0xFFFF),
        (0, 1),
        (0, 0xFFFF),
        (5, 0x10004),
        (0xFFFF, 0x10000),
        (0x1FFFF, 0x20000),
        (0x12345, 0x1FFFF),
        (0x7FFFFFFF, 0x80000000),
        (0xFFFFFFFE, 0xFFFFFFFF),
    ):
        assert counter(last, fcnt) == fcnt


def test_old_and_equal_downlink_counters_are_refused():
    for last, fcnt in (
        (0, 0),
        (5, 5),
        (5, 4),
        (0x10005, 0x10004),
        (0x10005, 5),  # the same 16 bits, of the last round
        (0x20000, 0x10001),
        (0x10000, 0x1FFFF + 0x10000),  # further ahead than 16 bits can say
        (None, 0x10000),
        (0xFFFFFFFF, 0),
        (0xFFFFFFFF, 0x100000000 - 0x8000),
    ):
        assert counter(last, fcnt) is None, (last, fcnt)


def test_fopts_with_fport_0_are_discarded():
    session = Session(bytes(16), bytes(16), 7)
    assert frames.downlink(session, down(session, 3, fopts=b"\x06", rest=b"\0\1\2\3")) is None
    assert frames.downlink(session, down(session, 3, fopts=b"\x06", rest=b"\0")) is None
    assert frames.downlink(session, down(session, 3, fopts=b"\x06")) == (3, 1, b"\x06", None, b"")
    assert frames.downlink(session, down(session, 3, rest=b"\0")) == (3, 0, b"", 0, b"")


def test_what_is_not_a_downlink_of_ours():
    session = Session(bytes(16), bytes(16), 7)
    for kind in range(256):
        heard = frames.downlink(session, down(session, 1, kind=kind))
        # TS001 4.2: bits 4..2 are for future use and ignored, Major must be 0
        ours = kind & 3 == 0 and kind >> 5 in (3, 5)
        assert (heard is not None) == ours, kind
        assert not ours or heard[1] == (0x100 if kind >> 5 == 5 else 0)
    other = Session(bytes(16), bytes(16), 8)
    assert frames.downlink(session, down(other, 1)) is None
    assert frames.downlink(session, down(session, 1, control=9)) is None  # says more FOpts than there are
    assert frames.downlink(session, bytes(256)) is None
    assert frames.downlink(session, b"\x60\7\0\0\0" + bytes(400)) is None


def test_longest_payload_both_ways():
    session = Session(bytes(range(16)), bytes(range(16, 32)), 0xFFFFFFFF)
    payload = bytes(range(242))
    frame = frames.uplink(session, 0xFFFFFFFF, 0x1E0, b"", 223, payload)
    assert len(frame) == 255 and frame[:9] == b"\x80\xff\xff\xff\xff\xe0\xff\xff\xdf"
    encrypted = crypto.crypt(session.app_s_key, 1, session.dev_addr, 0xFFFFFFFF, payload)
    session.fcnt_down = 0xFFFFFFFE
    assert frames.downlink(session, down(session, 0xFFFFFFFF, rest=b"\1" + encrypted))[4] == payload


def test_an_empty_payload_keeps_its_port():
    session = Session(bytes(16), bytes(16), 1)
    assert len(frames.uplink(session, 0, 0, b"", 1, b"")) == 13
    assert len(frames.uplink(session, 0, 0, b"", None, b"")) == 12
    assert len(frames.uplink(session, 0, 0, b"\x02", None, b"")) == 13


def test_time_on_air():
    """Known times in units of 10 us: Join-Request, 51 bytes of payload, Join-Accept without and with CFList."""
    known = (
        (7, 6170, 11802, 4634, 7194),
        (8, 11315, 21555, 9267, 13363),
        (9, 20582, 39014, 16486, 24678),
        (10, 37069, 69837, 32973, 45261),
        (11, 82330, 156058, 65946, 90522),
        (12, 148275, 279347, 115507, 181043),
    )
    for sf, request, data, accept, accept_cf_list in known:
        for size, crc, expected in (
            (23, True, request),
            (64, True, data),
            (17, False, accept),
            (33, False, accept_cf_list),
        ):
            assert (airtime_us(sf, 125, size, crc) + 5) // 10 == expected, (sf, size)
    assert airtime_us(7, 250, 20) * 2 == airtime_us(7, 125, 20)
    assert airtime_us(8, 500, 20) * 4 == airtime_us(8, 125, 20)
    # Without the low data rate optimisation (symbols under 16 ms) SF12 needs fewer symbols
    assert airtime_us(12, 500, 64) * 4 < airtime_us(12, 125, 64) and airtime_us(12, 250, 64) * 2 == airtime_us(
        12, 125, 64
    )
