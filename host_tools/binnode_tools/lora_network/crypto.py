"""LoRaWAN 1.0.4 cryptography on the network's side, on package `cryptography` only. Keys are 16 bytes."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

UP, DOWN = 0, 1


def cmac(key: bytes, data: bytes) -> bytes:
    """AES-CMAC (RFC 4493), 16 bytes."""
    code = CMAC(algorithms.AES(key))
    code.update(data)
    return code.finalize()


def encrypt_ecb(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def decrypt_ecb(key: bytes, data: bytes) -> bytes:
    decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def session_keys(app_key: bytes, join_nonce: int, net_id: int, dev_nonce: int) -> tuple[bytes, bytes]:
    """(NwkSKey, AppSKey) of a join (TS001-1.0.4, 6.2.3)."""
    nonces = (
        join_nonce.to_bytes(3, "little") + net_id.to_bytes(3, "little") + dev_nonce.to_bytes(2, "little") + bytes(7)
    )
    return encrypt_ecb(app_key, b"\x01" + nonces), encrypt_ecb(app_key, b"\x02" + nonces)


def crypt(key: bytes, direction: int, dev_addr: int, fcnt: int, data: bytes) -> bytes:
    """Encrypt or decrypt a FRMPayload (4.3.3)."""
    count = -(-len(data) // 16)
    where = bytes([direction]) + dev_addr.to_bytes(4, "little") + fcnt.to_bytes(4, "little") + b"\x00"
    blocks = b"".join(b"\x01" + bytes(4) + where + bytes([n + 1]) for n in range(count))
    return bytes(a ^ b for a, b in zip(data, encrypt_ecb(key, blocks), strict=False))


def data_mic(key: bytes, direction: int, dev_addr: int, fcnt: int, message: bytes) -> bytes:
    """MIC of a data frame without its MIC (4.4)."""
    where = bytes([direction]) + dev_addr.to_bytes(4, "little") + fcnt.to_bytes(4, "little")
    return cmac(key, b"\x49" + bytes(4) + where + bytes([0, len(message)]) + message)[:4]
