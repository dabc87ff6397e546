"""The NVS partition: written by Espressif's generator, read by ours, which follows the format's description."""

import struct

import pytest
from binnode_tools.flashing import nvs
from binnode_tools.image import ImageError
from hypothesis import given, settings
from hypothesis import strategies as st

SECRETS = {("binnode", "wifi_key"): b"correct horse", ("binnode", "lora_app_key"): b"00112233445566778899aabbccddeeff"}
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=15)
VALUES = st.binary(min_size=1, max_size=600) | st.integers(-(2**31), 2**31 - 1)


def test_page_is_as_esp_idf_describes_it():
    """By hand, from the programming guide: header, states, the namespace's entry, then a blob's data and index."""
    page = nvs.encode({("binnode", "wifi_key"): b"correct horse"}, 0x6000)
    assert len(page) == 0x6000 and page[4096:] == b"\xff" * 0x5000, "the other pages stay free"
    state, sequence, version = struct.unpack_from("<IIB", page)
    assert (state, sequence, version) == (0xFFFFFFFE, 0, 0xFE)
    assert page[32] == 0b10101010 and page[33:64] == b"\xff" * 31, "four entries are written"
    namespace, data, index = page[64:96], page[96:128], page[160:192]
    assert namespace[:4] == bytes([0, 0x01, 1, 0xFF]) and namespace[8:24] == b"binnode".ljust(16, b"\0")
    assert namespace[24] == 1
    assert data[:4] == bytes([1, 0x42, 2, 0]) and data[8:24] == b"wifi_key".ljust(16, b"\0")
    assert struct.unpack_from("<H", data, 24)[0] == 13 and page[128:141] == b"correct horse"
    assert index[:4] == bytes([1, 0x48, 1, 0xFF]) and struct.unpack_from("<IBB", index, 24) == (13, 1, 0)


def test_what_goes_in_is_read_back():
    values = {**SECRETS, ("binnode", "number"): -7, ("other", "wifi_key"): b"x"}
    assert nvs.decode(nvs.encode(values, 0x4000)) == values
    assert nvs.decode(b"\xff" * 0x6000) == {}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from(["binnode", "phy", "n"]), NAMES), VALUES, max_size=25))
def test_any_values_are_read_back_or_refused(values):
    try:
        written = nvs.encode(values, 0x6000)
    except ImageError:
        assert sum(len(value) if isinstance(value, bytes) else 0 for value in values.values()) > 3000
        return
    assert len(written) == 0x6000 and nvs.decode(written) == values


def test_blob_over_several_pages_is_put_together():
    value = bytes(range(256)) * 40
    written = nvs.encode({("binnode", "record"): value}, 0x6000)
    assert struct.unpack_from("<I", written)[0] == 0xFFFFFFFC, "the first page is full"
    assert nvs.decode(written) == {("binnode", "record"): value}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ImageError, match="do not fit the NVS partition of 12288 bytes"):
        nvs.encode({("binnode", "record"): b"x" * 9000}, 0x3000)
    with pytest.raises(ImageError, match="a_name_too_long_: a key in NVS has 1 to 15 letters"):
        nvs.encode({("binnode", "a_name_too_long_"): b"secret"}, 0x6000)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 4095), st.integers(0, 7))
def test_a_flipped_bit_never_makes_another_value(at, bit):
    written = bytearray(nvs.encode(SECRETS, 0x6000))
    written[at] ^= 1 << bit
    try:
        found = nvs.decode(bytes(written))
    except ImageError:
        return
    assert found.items() <= SECRETS.items()


def test_what_is_no_partition_is_refused():
    with pytest.raises(ImageError, match="no NVS partition"):
        nvs.decode(b"\xff" * 100)
    with pytest.raises(ImageError, match="page at 0x1000 is damaged"):
        nvs.decode(b"\xff" * 4096 + b"\0" * 4096)
