"""`binnode config ca`, and the reading of certificates, against `cryptography` and the real MicroPython."""

import json
from datetime import UTC, datetime

import pytest
from binnode_tools import boards, certificate, image
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.system.pki import Authority
from tests.unit.command_line import binnode, on_flash
from tests.unit.fake_board import FakeBoard

DATES = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 5, 17, 3, 4, 5, tzinfo=UTC))


@pytest.fixture(scope="module")
def der():
    return Authority(dates=DATES).der


def pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def test_pem_and_der_are_the_same_certificate(der):
    assert certificate.to_der(pem(der)) == certificate.to_der(der) == der
    assert certificate.to_der(b"Subject: a text in front\n" + pem(der) + b"\n") == der


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda der: b"", "no certificate"),
        (lambda der: b"hello", "no certificate"),
        (lambda der: der[:-1], "no certificate"),
        (lambda der: der + b"\0", "no certificate"),
        (lambda der: pem(der) * 2, "holds 2 certificates"),
        (lambda der: pem(der)[:-30], "broken certificate"),
        (lambda der: b"\x30\x03\x02\x01\x05", "no certificate"),
    ],
)
def test_what_is_no_single_certificate_is_refused(der, spoil, words):
    with pytest.raises(ValueError, match=words):
        certificate.to_der(spoil(der))


def test_ca_is_stored_as_der(tmp_path, der):
    file = tmp_path / "ca.pem"
    file.write_bytes(pem(der))
    with FakeBoard(tmp_path / "board", image.application_files(boards.load("esp32_devkit"))) as board:
        out, _ = binnode(board, "config", "ca", str(file), "--json")
        assert json.loads(out) == {"file": "ca.der", "bytes": len(der), "valid_until": "2036-05-17"}
        assert on_flash(board)["ca.der"] == der and "ca.der.new" not in on_flash(board)
        file.write_text("no")
        _, err = binnode(board, "config", "ca", str(file), code=1)
        assert "ca.pem is no certificate" in err and on_flash(board)["ca.der"] == der
