"""A CA and certificates for the tests, made by `cryptography`."""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _builder(subject: str, issuer: str, key, dates: tuple[datetime, datetime]) -> x509.CertificateBuilder:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dates[0])
        .not_valid_after(dates[1])
    )


def around(now: datetime, before_days: float = 30, after_days: float = 3650) -> tuple[datetime, datetime]:
    return now - before_days * DAY, now + after_days * DAY


@dataclass
class Server:
    """A server's certificate as DER, and the context that offers it."""

    certificate: bytes
    context: ssl.SSLContext


class Authority:
    """A CA: `der` is what goes into ca.der."""

    def __init__(self, name: str = "binnode test CA", dates: tuple[datetime, datetime] | None = None):
        self.name = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(name, name, self.key.public_key(), dates or around(datetime.now(UTC)))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.der = builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def server(self, host: str, dates: tuple[datetime, datetime] | None = None) -> Server:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(host, self.name, key.public_key(), dates or around(datetime.now(UTC)))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            file.write(certificate.public_bytes(Encoding.PEM))
            file.flush()
            context.load_cert_chain(file.name)
        return Server(certificate.public_bytes(Encoding.DER), context)
