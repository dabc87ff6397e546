"""A chip in its serial loader: ROM, then the stub, at the end of a pty, with a flash of its own.

The commands as esptool's documentation has them ("Serial Protocol"). Flash is as real: erasing makes a sector 0xFF,
programming clears bits. The pty has no reset line, so the chip is in its loader already.
"""

import hashlib
import os
import select
import struct
import threading
import zlib

from tests.unit.named_pty import NamedPty

SYNC, READ_REG, WRITE_REG, MEM_END, SECURITY = 0x08, 0x0A, 0x09, 0x06, 0x14
DEFL_BEGIN, DEFL_DATA, DEFL_END, MD5, ERASE_FLASH, READ_FLASH = 0x10, 0x11, 0x12, 0x13, 0xD0, 0xD2
_MAGIC_REG = 0x40001000
_CHIPS = {  # magic of the ROM or chip id, SPI registers: base, where an answer is read
    "esp32": (0x00F01D83, None, 0x3FF42000, 0x80),
    "esp32c3": (None, 5, 0x60002000, 0x58),
    "esp32s3": (None, 9, 0x60002000, 0x58),
}
_SIZES = {2: 0x15, 4: 0x16, 8: 0x17, 16: 0x18}  # as flash chips say them (JEDEC)


class FakeLoader:
    """`with FakeLoader(...) as chip:` listens at `chip.port`. `silent`: it answers nothing.

    `cut_after`: the cable goes when so many blocks have been written. `worn`: the byte at this address is always 0x10.
    """

    def __init__(self, chip="esp32", flash_mib=4, silent=False, cut_after=None, worn=None, flash=None):
        self.chip, self.silent, self.cut_after, self.worn = chip, silent, cut_after, worn
        self.magic, self.chip_id, self._spi, self._answer = _CHIPS[chip]
        self.flash = bytearray(flash or b"\x55" * (flash_mib << 20))
        self.flash_id = _SIZES[flash_mib] << 16 | 0x40EF
        self.commands: list[int] = []
        self._stub = self._stopping = False
        self._blocks = self._at = 0
        self._reading = b""
        self._pty = NamedPty()
        os.set_blocking(self._pty.outer, False)
        self.port = self._pty.port

    def __enter__(self):
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopping = True
        self._thread.join()
        self._unplug()

    @property
    def untouched(self):
        """True as long as nothing was erased or written."""
        return not {DEFL_BEGIN, ERASE_FLASH, 0x02, 0xD1} & set(self.commands)

    def _unplug(self):
        self._pty.close()

    def _serve(self):
        buffer = bytearray()
        while not self._stopping:
            if not select.select([self._pty.outer], [], [], 0.05)[0]:
                continue
            buffer += os.read(self._pty.outer, 65536)
            *packets, rest = buffer.split(b"\xc0")
            buffer = bytearray(rest)
            for packet in filter(None, packets):
                packet = packet.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")
                if len(packet) == 4 and self._reading:  # how much has arrived
                    self._read_on(int.from_bytes(packet, "little"))
                elif len(packet) >= 8 and not packet[0] and not self.silent:
                    self._carry_out(packet[1], bytes(packet[8:]))
            if self.cut_after is not None and self._blocks > self.cut_after:
                self._unplug()
                return

    def _send(self, packet):
        escaped = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        rest = b"\xc0" + escaped + b"\xc0"
        while rest and not self._stopping:
            if select.select([], [self._pty.outer], [], 0.05)[1]:
                rest = rest[os.write(self._pty.outer, rest[:1024]) :]

    def _reply(self, command, value=0, data=b"", error=0):
        status = bytes([bool(error), error]) + (b"" if self._stub else b"\0\0")
        self._send(struct.pack("<BBHI", 1, command, len(data) + len(status), value) + data + status)

    def _carry_out(self, command, data):
        self.commands.append(command)
        value, result, error = 0, b"", 0
        if command == SYNC:
            for _ in range(7):
                self._reply(command, 0x20120707)
            value = 0x20120707
        elif command == READ_REG:
            value = self._register(struct.unpack("<I", data[:4])[0])
        elif command == SECURITY:
            if self.chip_id is None:
                error = 5
            else:
                result = struct.pack("<IB7xII", 0, 0, self.chip_id, 0)
        elif command == ERASE_FLASH:
            self.flash[:] = b"\xff" * len(self.flash)
        elif command == DEFL_BEGIN:
            size, _, _, self._at = struct.unpack("<IIII", data[:16])
            self.flash[self._at : self._at + size] = b"\xff" * size
            self._inflate = zlib.decompressobj()
        elif command == DEFL_DATA:
            self._program(self._inflate.decompress(data[16:]))
        elif command == MD5:
            at, size = struct.unpack("<II", data[:8])
            if self.worn is not None:
                self.flash[self.worn] = 0x10
            result = hashlib.md5(self.flash[at : at + size]).digest()
        self._reply(command, value, result, error)
        if command == READ_FLASH:
            at, size = struct.unpack("<II", data[:8])
            self._reading = bytes(self.flash[at : at + size])
            self._send(self._reading[:4096])
        if command == MEM_END and not self._stub:
            self._stub = True
            self._send(b"OHAI")

    def _read_on(self, done):
        if done < len(self._reading):
            self._send(self._reading[done : done + 4096])
        else:
            self._send(hashlib.md5(self._reading).digest())
            self._reading = b""

    def _register(self, address):
        if address == _MAGIC_REG:
            return self.magic or 0
        if address == self._spi + self._answer:
            return self.flash_id
        return 347 if address in (0x3FF40014, 0x60000014) else 0  # the divider of 40 MHz for 115200 baud

    def _program(self, data):
        self._blocks += 1
        end = self._at + len(data)
        old = int.from_bytes(self.flash[self._at : end], "little")
        self.flash[self._at : end] = (old & int.from_bytes(data, "little")).to_bytes(len(data), "little")
        self._at = end
