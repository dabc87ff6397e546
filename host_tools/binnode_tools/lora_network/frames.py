"""LoRaWAN 1.0.4 frames on the network's side: uplinks taken apart, downlinks and join-accepts put together."""

from dataclasses import dataclass

from binnode_tools.lora_network import crypto

JOIN_REQUEST, JOIN_ACCEPT, UP, DOWN, CONFIRMED_UP, CONFIRMED_DOWN = range(6)
ADR, ADR_ACK_REQ, ACK, PENDING = 0x80, 0x40, 0x20, 0x10


class FrameError(ValueError):
    """No LoRaWAN frame that a device may send."""


@dataclass(frozen=True)
class JoinRequest:
    join_eui: bytes  # most significant byte first, as printed
    dev_eui: bytes
    dev_nonce: int
    signed: bytes
    mic: bytes

    def is_from(self, app_key: bytes) -> bool:
        return crypto.cmac(app_key, self.signed)[:4] == self.mic


@dataclass(frozen=True)
class Uplink:
    """A data frame, still encrypted. `fcnt16` is what it carries of the counter."""

    confirmed: bool
    dev_addr: int
    control: int
    fcnt16: int
    fopts: bytes
    fport: int | None
    payload: bytes
    signed: bytes
    mic: bytes

    def is_from(self, nwk_s_key: bytes, fcnt: int) -> bool:
        return crypto.data_mic(nwk_s_key, crypto.UP, self.dev_addr, fcnt, self.signed) == self.mic

    def decrypt(self, nwk_s_key: bytes, app_s_key: bytes, fcnt: int) -> bytes:
        key = app_s_key if self.fport else nwk_s_key
        return crypto.crypt(key, crypto.UP, self.dev_addr, fcnt, self.payload)


def parse(frame: bytes) -> JoinRequest | Uplink:
    """FrameError: neither a Join-Request nor an uplink of LoRaWAN R1."""
    kind = frame[0] >> 5 if frame else -1
    if not frame or frame[0] & 0x1F:
        raise FrameError("no MHDR of LoRaWAN R1")
    if kind == JOIN_REQUEST:
        if len(frame) != 23:
            raise FrameError(f"a Join-Request of {len(frame)} bytes")
        nonce = int.from_bytes(frame[17:19], "little")
        return JoinRequest(frame[8:0:-1], frame[16:8:-1], nonce, frame[:-4], frame[-4:])
    if kind not in (UP, CONFIRMED_UP):
        raise FrameError(f"message type {kind} goes down, or nowhere")
    if len(frame) < 12:
        raise FrameError(f"a data frame of {len(frame)} bytes")
    control = frame[5]
    body = 8 + (control & 0x0F)
    if len(frame) < body + 4:
        raise FrameError("FOpts longer than the frame")
    rest = frame[body:-4]
    if rest and rest[0] == 0 and control & 0x0F:
        raise FrameError("FOpts together with FPort 0")
    return Uplink(
        kind == CONFIRMED_UP,
        int.from_bytes(frame[1:5], "little"),
        control,
        int.from_bytes(frame[6:8], "little"),
        frame[8:body],
        rest[0] if rest else None,
        rest[1:],
        frame[:-4],
        frame[-4:],
    )


def downlink(
    keys: tuple[bytes, bytes],
    dev_addr: int,
    fcnt: int,
    *,
    confirmed: bool = False,
    control: int = 0,
    fopts: bytes = b"",
    fport: int | None = None,
    payload: bytes = b"",
) -> bytes:
    """A data frame for a device. `keys`: (NwkSKey, AppSKey); FOptsLen is filled into `control`."""
    header = bytes([(CONFIRMED_DOWN if confirmed else DOWN) << 5]) + dev_addr.to_bytes(4, "little")
    message = header + bytes([control | len(fopts)]) + (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
    if fport is not None:
        key = keys[1] if fport else keys[0]
        message += bytes([fport]) + crypto.crypt(key, crypto.DOWN, dev_addr, fcnt, payload)
    return message + crypto.data_mic(keys[0], crypto.DOWN, dev_addr, fcnt, message)


def join_accept(
    app_key: bytes,
    join_nonce: int,
    net_id: int,
    dev_addr: int,
    dl_settings: int = 0,
    rx_delay: int = 0,
    cf_list: bytes = b"",
) -> bytes:
    """dl_settings: RX1DROffset << 4 | RX2 data rate; rx_delay 0 and 1: one second; cf_list: 0 or 16 bytes."""
    message = bytes([JOIN_ACCEPT << 5]) + join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little")
    message += dev_addr.to_bytes(4, "little") + bytes([dl_settings, rx_delay]) + cf_list
    # The network decrypts, so that a device needs only to encrypt.
    return message[:1] + crypto.decrypt_ecb(app_key, message[1:] + crypto.cmac(app_key, message)[:4])


def cf_list_channels(hz: tuple[int, ...]) -> bytes:
    """Type 0: five frequencies in units of 100 Hz, 0 for none."""
    return b"".join((f // 100).to_bytes(3, "little") for f in (*hz, 0, 0, 0, 0, 0)[:5]) + b"\x00"


def cf_list_masks(channels: set[int]) -> bytes:
    """Type 1: five masks of 16 channels each."""
    masks = (sum(1 << n for n in range(16) if first + n in channels) for first in range(0, 80, 16))
    return b"".join(mask.to_bytes(2, "little") for mask in masks) + bytes(5) + b"\x01"
