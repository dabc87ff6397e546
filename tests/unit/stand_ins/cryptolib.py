"""MicroPython's cryptolib for CPython, over the package `cryptography`: what the firmware uses of it, and as strict."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:
    """AES with a key of 16 or 32 bytes; mode 1 is ECB, 2 is CBC. One object only encrypts, or only decrypts."""

    def __init__(self, key, mode, iv=None):
        if mode not in (1, 2) or len(key) not in (16, 32) or (mode == 2) != (iv is not None):
            raise ValueError("mode, key or iv")
        self._cipher = Cipher(algorithms.AES(bytes(key)), modes.ECB() if mode == 1 else modes.CBC(bytes(iv)))
        self._encryptor = self._decryptor = None

    def encrypt(self, data):
        if len(data) % 16 or self._decryptor:
            raise ValueError("blksize % 16" if len(data) % 16 else "can't encrypt & decrypt")
        self._encryptor = self._encryptor or self._cipher.encryptor()
        return self._encryptor.update(bytes(data))

    def decrypt(self, data):
        if len(data) % 16 or self._encryptor:
            raise ValueError("blksize % 16" if len(data) % 16 else "can't encrypt & decrypt")
        self._decryptor = self._decryptor or self._cipher.decryptor()
        return self._decryptor.update(bytes(data))
