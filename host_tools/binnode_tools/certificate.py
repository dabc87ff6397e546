"""Certificates: their dates, read from DER (RFC 5280, 4.1), which the chip compares with its clock; PEM to DER."""

import ssl
from datetime import UTC, datetime, timedelta

CA_FILE = "ca.der"  # on the node: firmware/binnode/wifi/tls.py
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_UTC_TIME = 0x17
_PEM = b"-----BEGIN CERTIFICATE-----"


def _content(der: bytes, at: int) -> tuple[int, int]:
    """(start, end) of the content of the element at `at` (X.690, 8.1.3)."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[at + 2 : start], "big")
    return start, start + size


def validity(der: bytes) -> tuple[int, int]:
    """(from, to) in seconds since 2000."""
    at, _ = _content(der, _content(der, 0)[0])  # into Certificate, and into its TBSCertificate
    if der[at] == 0xA0:  # the version
        at = _content(der, at)[1]
    for _ in range(3):  # serial number, algorithm, issuer
        at = _content(der, at)[1]
    at, _ = _content(der, at)
    _, middle = _content(der, at)
    return _seconds(der, at), _seconds(der, middle)


def _seconds(der: bytes, at: int) -> int:
    start, end = _content(der, at)
    text = der[start:end].decode("ascii")
    if der[at] == _UTC_TIME:  # two digits of the year: 1950 to 2049
        text = ("19" if text[0] >= "5" else "20") + text
    date = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return round((date - _EPOCH).total_seconds())


def to_der(content: bytes) -> bytes:
    """The one certificate of a PEM or DER file, in DER. ValueError says what is wrong with the file."""
    if _PEM in content:
        if content.count(_PEM) > 1:
            raise ValueError(f"holds {content.count(_PEM)} certificates; the node trusts one CA: give that one alone")
        try:
            content = ssl.PEM_cert_to_DER_cert(content[content.index(_PEM) :].decode("ascii").strip())
        except ValueError as error:
            raise ValueError(f"holds a broken certificate ({error})") from None
    try:
        _, end = _content(content, 0)
        validity(content)
    except (IndexError, ValueError):
        end = -1
    if content[:1] != b"\x30" or end != len(content):
        raise ValueError("is no certificate: PEM or DER is wanted")
    return content


def date(seconds: int) -> str:
    """Seconds since 2000 as a day."""
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d")
