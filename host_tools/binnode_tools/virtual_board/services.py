"""Servers that answer single datagrams: names (DNS) and the time of day (NTP)."""

import struct
from collections.abc import Callable

Service = Callable[[bytes, int], bytes | None]  # (datagram, world us) -> answer, None: says nothing

DNS_PORT, NTP_PORT = 53, 123
_NTP_TO_2000_S = 3155673600  # RFC 5905, figure 4: 1900 to 2000


class DnsServer:
    """Answers A queries from `names` (RFC 1035), by way of an alias when `aliases` names one."""

    def __init__(self, names: dict[str, str]):
        self.names = names
        self.aliases: dict[str, str] = {}
        self.asked: list[str] = []

    def __call__(self, data: bytes, now: int) -> bytes | None:
        if len(data) < 17 or data[2] & 0x80:
            return None
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        question = data[12 : at + 5]
        name = ".".join(labels)
        self.asked.append(name)
        records = []
        if name in self.aliases:
            name = self.aliases[name]
            alias = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
            records.append(b"\xc0\x0c" + struct.pack(">HHIH", 5, 1, 60, len(alias)) + alias)
        if name not in self.names:
            return data[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
        address = bytes(int(part) for part in self.names[name].split("."))
        owner = b"\xc0\x0c" if not records else b"\xc0" + bytes([12 + len(question) + 12])
        records.append(owner + struct.pack(">HHIH", 1, 1, 60, 4) + address)
        return data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0) + question + b"".join(records)


class NtpServer:
    """Tells the time (RFC 5905): `starts_s` seconds since 2000 when the world began. `stratum` 0 sends clients away."""

    def __init__(self, starts_s: float):
        self.starts_s = starts_s
        self.stratum, self.leap = 2, 0
        self.asked = 0

    def __call__(self, data: bytes, now: int) -> bytes | None:
        if len(data) < 48 or data[0] & 7 != 3:
            return None
        self.asked += 1
        stamp = round((self.starts_s + now / 1e6 + _NTP_TO_2000_S) * 2**32) & (1 << 64) - 1
        time = stamp.to_bytes(8, "big")
        head = bytes([self.leap << 6 | 4 << 3 | 4, self.stratum, 6, 0xE9]) + bytes(8)
        return head + (b"RATE" if not self.stratum else b"\x7f\0\0\1") + time + data[40:48] + time + time


class Cut:
    """A service whose answers end after `count` bytes: None, all of it; -1, no answer at all."""

    def __init__(self, service: Service):
        self.service = service
        self.count: int | None = None

    def __call__(self, data: bytes, now: int) -> bytes | None:
        answer = self.service(data, now)
        if self.count is None or answer is None:
            return answer
        return None if self.count < 0 else answer[: self.count]
