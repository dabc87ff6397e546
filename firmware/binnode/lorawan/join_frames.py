"""What only a join needs: Join-Request, Join-Accept and session keys of LoRaWAN 1.0.4 (TS001, chapter 6).

Keys are 16 bytes. EUIs are 8 bytes as printed, most significant first; DevAddr, NetID and nonces are integers.
"""

import struct

from cryptolib import aes

from binnode.lorawan.crypto import mic


def session_keys(app_key, join_nonce, net_id, dev_nonce):
    """(NwkSKey, AppSKey) of a join, 16 bytes each."""
    rest = struct.pack("<QQ", join_nonce | net_id << 24 | dev_nonce << 48, 0)[:15]
    encrypt = aes(app_key, 1).encrypt
    return encrypt(b"\x01" + rest), encrypt(b"\x02" + rest)


def join_request(app_key, join_eui, dev_eui, dev_nonce):
    """The 23 bytes of a Join-Request."""
    frame = b"\0" + bytes(reversed(join_eui)) + bytes(reversed(dev_eui)) + struct.pack("<H", dev_nonce)
    return frame + mic(app_key, frame)


def join_accept(app_key, frame):
    """(join_nonce, net_id, dev_addr, dl_settings, rx_delay, CFList: 0 or 16 bytes), or None: not ours or damaged."""
    if len(frame) not in (17, 33) or frame[0] & 0xE3 != 0x20:
        return None
    plain = frame[:1] + aes(app_key, 1).encrypt(frame[1:])
    if mic(app_key, plain[:-4]) != plain[-4:]:
        return None
    nonces, dev_addr, settings, delay = struct.unpack_from("<QIBB", b"\0\0" + plain[1:])
    return nonces >> 16 & 0xFFFFFF, nonces >> 40, dev_addr, settings, delay, plain[13:-4]
