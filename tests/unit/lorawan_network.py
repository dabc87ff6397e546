"""A LoRaWAN network for tests of the MAC: it reads what a node sends and makes what a node hears.

Written from TS001-1.0.4 and nothing of the firmware. AES and CMAC are those of `cryptography` on CPython; on the VM,
AES is its own and CMAC the few lines below, which a test compares with `cryptography`.
"""

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.cmac import CMAC

    def aes(key, block):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)

    def aes_back(key, block):
        return Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(block)

    def cmac(key, data):
        code = CMAC(algorithms.AES(key))
        code.update(data)
        return code.finalize()

except ImportError:
    import cryptolib

    def aes(key, block):
        return cryptolib.aes(key, 1).encrypt(block)

    def aes_back(key, block):
        return cryptolib.aes(key, 1).decrypt(block)

    def cmac(key, data):
        return plain_cmac(key, data)


def little(value, size):
    return bytes([value >> 8 * place & 255 for place in range(size)])


def number(data):
    return sum([byte << 8 * place for place, byte in enumerate(data)])


def xor(one, other):
    return bytes([a ^ b for a, b in zip(one, other)])  # noqa: B905


def plain_cmac(key, data):
    """RFC 4493, block by block."""
    subkeys = []
    block = aes(key, bytes(16))
    for _ in range(2):
        value = number(reversed(block)) << 1
        block = bytes(reversed(little(value ^ (0x87 if value >> 128 else 0), 16)))
        subkeys.append(block)
    whole = len(data) > 0 and len(data) % 16 == 0
    if not whole:
        data = data + b"\x80"
        data = data + bytes(-len(data) % 16)
    state = bytes(16)
    for at in range(0, len(data), 16):
        block = data[at : at + 16]
        if at + 16 == len(data):
            block = xor(block, subkeys[0 if whole else 1])
        state = aes(key, xor(state, block))
    return state


SESSION = ("dev_addr", "nwk_s_key", "app_s_key", "up_fcnt", "down_fcnt", "repeats", "_last")


class Up:
    """A data frame from a node, read: confirmed, adr, adr_ack_req, ack, fcnt (32 bits), fopts, fport, payload."""


class Network:
    """One device in a network. OTAA: join_accept() makes the session; ABP: personalise()."""

    def __init__(self, app_key, join_eui, dev_eui):
        self.app_key, self.join_eui, self.dev_eui = app_key, join_eui, dev_eui
        self.nonces, self.counters = [], []
        self.joins = 0
        self.dev_addr = self.up_fcnt = self.down_fcnt = self._before = None

    def join_accept(self, request, join_nonce=None, settings=0, delay=1, cf_list=b"", dev_addr=0x26011F55):
        """Read a Join-Request, begin a session with it, and answer."""
        body, mic = request[:-4], request[-4:]
        assert len(request) == 23 and request[0] == 0, "no Join-Request"
        assert cmac(self.app_key, body)[:4] == mic, "MIC of the Join-Request"
        assert body[1:9] == bytes(reversed(self.join_eui)) and body[9:17] == bytes(reversed(self.dev_eui))
        nonce = number(body[17:19])
        assert not self.nonces or nonce > max(self.nonces), f"DevNonce {nonce} is not new"
        self.nonces.append(nonce)
        if join_nonce is None:
            self.joins += 1
            join_nonce = self.joins
        net_id = 0x000013
        seed = little(join_nonce, 3) + little(net_id, 3) + little(nonce, 2) + bytes(7)
        before = [getattr(self, name, None) for name in SESSION]
        self.personalise(dev_addr, aes(self.app_key, b"\1" + seed), aes(self.app_key, b"\2" + seed))
        self._before = before if before[0] is not None else None
        plain = little(join_nonce, 3) + little(net_id, 3) + little(dev_addr, 4) + bytes([settings, delay]) + cf_list
        mic = cmac(self.app_key, b"\x20" + plain)[:4]
        return b"\x20" + aes_back(self.app_key, plain + mic)

    def personalise(self, dev_addr, nwk_s_key, app_s_key):
        self._last = self._before = None
        self.dev_addr, self.nwk_s_key, self.app_s_key = dev_addr, nwk_s_key, app_s_key
        self.up_fcnt, self.down_fcnt = -1, -1
        self.repeats = 0

    def _mic(self, direction, fcnt, frame):
        block = b"\x49" + bytes(4) + bytes([direction]) + little(self.dev_addr, 4) + little(fcnt, 4) + b"\0"
        return cmac(self.nwk_s_key, block + bytes([len(frame)]) + frame)[:4]

    def _crypt(self, fport, direction, fcnt, data):
        key = self.app_s_key if fport else self.nwk_s_key
        stream = b""
        for index in range(1, len(data) // 16 + 2):
            block = b"\1" + bytes(4) + bytes([direction]) + little(self.dev_addr, 4) + little(fcnt, 4)
            stream += aes(key, block + b"\0" + bytes([index]))
        return xor(data, stream)

    def read(self, frame):
        """The Up in `frame`, its MIC checked; a counter may repeat (the same frame again), but never go back.

        The old session holds until the first uplink of a new one (TS001-1.0.4, 6.2.5).
        """
        if self._before:
            fcnt = number(frame[6:8])
            if self._mic(0, fcnt, frame[:-4]) != frame[-4:]:
                for name, value in zip(SESSION, self._before):  # noqa: B905
                    setattr(self, name, value)
            self._before = None
        up = Up()
        kind, control = frame[0], frame[5]
        assert kind in (0x40, 0x80), "no uplink"
        assert number(frame[1:5]) == self.dev_addr, "DevAddr"
        fcnt = self.up_fcnt & ~0xFFFF | number(frame[6:8]) if self.up_fcnt >= 0 else number(frame[6:8])
        if fcnt < self.up_fcnt:
            fcnt += 0x10000
        assert self._mic(0, fcnt, frame[:-4]) == frame[-4:], "MIC of the uplink"
        if fcnt == self.up_fcnt:
            assert frame == self._last, f"counter {fcnt} used twice"
            self.repeats += 1
        else:
            self.repeats = 0
        self.up_fcnt, self._last = fcnt, frame
        up.fcnt, up.confirmed = fcnt, kind == 0x80
        up.adr, up.adr_ack_req, up.ack = bool(control & 0x80), bool(control & 0x40), bool(control & 0x20)
        assert not control & 0x10, "class B bit"
        end = 8 + (control & 15)
        up.fopts, rest = frame[8:end], frame[end:-4]
        up.fport, up.payload = None, b""
        if rest:
            up.fport = rest[0]
            assert up.fport or not up.fopts, "FOpts beside FPort 0"
            up.payload = self._crypt(up.fport, 0, fcnt, rest[1:])
        return up

    def down(self, payload=b"", fport=None, fopts=b"", ack=0, confirmed=0, pending=0, fcnt=None, broken=False):
        """A downlink. fcnt None: the next one. A payload without fport is on port 0: MAC commands, encrypted."""
        if fcnt is None:
            fcnt = self.down_fcnt = self.down_fcnt + 1
        frame = bytes([0xA0 if confirmed else 0x60]) + little(self.dev_addr, 4)
        frame += bytes([0x80 | ack << 5 | pending << 4 | len(fopts)]) + little(fcnt & 0xFFFF, 2) + fopts
        if payload or fport is not None:
            frame += bytes([fport or 0]) + self._crypt(fport, 1, fcnt, payload)
        mic = self._mic(1, fcnt, frame)
        return frame + (xor(mic, b"\1\0\0\0") if broken else mic)
