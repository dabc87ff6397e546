"""Frames against a codec of its own, written from TS001 over the package `cryptography`: both ways, and on the VM."""

import random
import struct

from binnode.lorawan import crypto, frames, join_frames
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.pure.test_lorawan_frames import Session, downlink, uplink

MODULE = "test_lorawan_frames"
keys = st.binary(min_size=16, max_size=16)
addresses = st.integers(0, 2**32 - 1)
counters = st.integers(0, 2**32 - 1) | st.integers(0, 0x20000)


class Peer:
    """The network's end: LoRaWAN 1.0 data frames, read and written field by field."""

    def __init__(self, nwk_s_key, app_s_key, dev_addr):
        self.nwk_s_key, self.app_s_key, self.dev_addr = nwk_s_key, app_s_key, dev_addr

    def keystream(self, key, direction, fcnt):
        encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        for number in range(1, 17):
            block = b"\x01\0\0\0\0" + bytes([direction]) + self.dev_addr.to_bytes(4, "little")
            yield from encryptor.update(block + fcnt.to_bytes(4, "little") + b"\0" + bytes([number]))

    def crypt(self, port, direction, fcnt, data):
        key = self.nwk_s_key if port == 0 else self.app_s_key
        return bytes(a ^ b for a, b in zip(data, self.keystream(key, direction, fcnt), strict=False))

    def mic(self, direction, fcnt, message):
        block = b"\x49\0\0\0\0" + bytes([direction]) + self.dev_addr.to_bytes(4, "little")
        mac = CMAC(algorithms.AES(self.nwk_s_key))
        mac.update(block + fcnt.to_bytes(4, "little") + b"\0" + bytes([len(message)]) + message)
        return mac.finalize()[:4]

    def write(self, mtype, fcnt, control, fopts, port, payload):
        direction = mtype & 1  # 2, 4 go up, 3, 5 go down
        message = bytes([mtype << 5]) + self.dev_addr.to_bytes(4, "little") + bytes([control | len(fopts)])
        message += (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
        if port is not None:
            message += bytes([port]) + self.crypt(port, direction, fcnt, payload)
        return message + self.mic(direction, fcnt, message)

    def read(self, frame, fcnt):
        """(mtype, flags, fopts, port, payload) of an uplink with the counter `fcnt`."""
        message, mic = frame[:-4], frame[-4:]
        assert mic == self.mic(0, fcnt, message)
        assert message[1:5][::-1] == self.dev_addr.to_bytes(4) and message[6] + 256 * message[7] == fcnt % 65536
        options = message[5] % 16
        port = message[8 + options] if len(message) > 8 + options else None
        payload = self.crypt(port, 0, fcnt, message[9 + options :])
        return message[0] >> 5, message[5] & 0xF0, message[8 : 8 + options], port, payload


@st.composite
def contents(draw):
    port = draw(st.none() | st.just(0) | st.integers(1, 255))
    fopts = draw(st.binary(max_size=15)) if port != 0 else b""
    payload = b"" if port is None else draw(st.binary(max_size=242 - len(fopts)))
    return fopts, port, payload


@settings(max_examples=1500, deadline=None)
@given(keys, keys, addresses, counters, st.integers(0, 15), st.booleans(), contents())
def test_what_goes_up_is_read_by_another_codec(nwk, app, address, fcnt, flags, confirmed, content):
    fopts, port, payload = content
    frame = uplink(nwk, app, address, fcnt, flags << 4 | confirmed << 8, fopts, port, payload)
    assert Peer(nwk, app, address).read(frame, fcnt) == (4 if confirmed else 2, flags << 4, fopts, port, payload)


@settings(max_examples=1500, deadline=None)
@given(keys, keys, addresses, counters, st.integers(1, 0xFFFF), st.integers(0, 15), st.booleans(), contents())
def test_what_another_codec_writes_is_heard(nwk, app, address, fcnt, ahead, flags, confirmed, content):
    fopts, port, payload = content
    frame = Peer(nwk, app, address).write(5 if confirmed else 3, fcnt, flags << 4, fopts, port, payload)
    last = fcnt - ahead if fcnt >= ahead else None
    expected = fcnt, flags << 4 | len(fopts) | confirmed << 8, fopts, port, payload
    heard = downlink(nwk, app, address, last, frame)
    assert heard == (expected if last is not None or fcnt < 65536 else None)


@settings(max_examples=1500, deadline=None)
@given(keys, st.binary(max_size=80))
def test_cmac_is_that_of_cryptography(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    assert crypto.cmac(key, data) == mac.finalize()


@settings(max_examples=500, deadline=None)
@given(keys, st.binary(min_size=12, max_size=12) | st.binary(min_size=28, max_size=28))
def test_a_join_accept_of_another_codec_is_read(key, fields):
    mac = CMAC(algorithms.AES(key))
    mac.update(b"\x20" + fields)
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    frame = b"\x20" + decryptor.update(fields + mac.finalize()[:4])
    assert join_frames.join_accept(key, frame) == (
        int.from_bytes(fields[:3], "little"),
        int.from_bytes(fields[3:6], "little"),
        int.from_bytes(fields[6:10], "little"),
        fields[10],
        fields[11],
        fields[12:],
    )


@settings(max_examples=1500, deadline=None)
@given(st.binary(max_size=300), st.none() | counters)
def test_no_bytes_raise_anything(data, last):
    session = Session(bytes(16), bytes(16), int.from_bytes(data[1:5], "little"), last)
    before = dict(vars(session))
    heard = frames.downlink(session, data)
    assert vars(session) == before
    if heard:  # by a MIC that is right by chance, or because hypothesis found one
        assert Peer(bytes(16), bytes(16), session.dev_addr).mic(1, heard[0], data[:-4]) == data[-4:]
    assert join_frames.join_accept(bytes(16), data) is None or len(data) in (17, 33)


def cases():
    """800 random uplinks and downlinks (a third of these damaged), with what CPython makes of them."""
    rng = random.Random(104)
    up, down = [], []
    for _ in range(800):
        nwk, app, address, fcnt = rng.randbytes(16), rng.randbytes(16), rng.getrandbits(32), rng.getrandbits(32)
        port = rng.choice((None, 0, 1, 2, 10, 223, 255))
        fopts = rng.randbytes(rng.randrange(16)) if port != 0 else b""
        payload = b"" if port is None else rng.randbytes(rng.randrange(243 - len(fopts)))
        args = nwk, app, address, fcnt, rng.randrange(32) << 4, fopts, port, payload
        up.append((args, uplink(*args)))
        frame = bytearray(Peer(nwk, app, address).write(rng.choice((3, 5)), fcnt, 0, fopts, port, payload))
        if rng.random() < 0.3:
            frame[rng.randrange(len(frame))] ^= 1 << rng.randrange(8)
        args = nwk, app, address, max(0, fcnt - rng.randrange(70000)), bytes(frame)
        down.append((args, downlink(*args)))
    return up, down


def test_the_vm_makes_and_hears_the_same(replay_on_vm):
    up, down = cases()
    heard = sum(result is not None for _, result in down)
    assert 400 < heard < 700
    assert replay_on_vm(MODULE, "uplink", up) == 800
    assert replay_on_vm(MODULE, "downlink", down) == 800


def test_the_vm_survives_any_bytes(replay_on_vm):
    rng = random.Random(105)
    random_bytes = []
    for _ in range(1500):
        frame = bytearray(rng.randbytes(rng.randrange(270)))
        if frame and rng.random() < 0.8:
            frame[0] = rng.choice((0x60, 0xA0))
        if len(frame) > 5 and rng.random() < 0.8:
            struct.pack_into("<I", frame, 1, 7)
        args = bytes(16), bytes(16), 7, rng.choice((None, rng.getrandbits(32))), bytes(frame)
        random_bytes.append((args, downlink(*args)))
    assert replay_on_vm(MODULE, "downlink", random_bytes) == 1500
