"""What `binnode flash` makes of a MicroPython build: the real format, and all that may come in its place."""

import re
import subprocess
import sys

import pytest
from binnode_tools import boards
from binnode_tools.flashing import micropython_build, partitions
from binnode_tools.image import ImageError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.micropython_bin import APP, NVS, OTA_TABLE, PHY, TABLE, firmware_image, micropython_bin, partition_table

DEVKIT = boards.load("esp32_devkit")
GOOD = micropython_bin()
SMALL = micropython_bin(filler=2000)


@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32s3"])
def test_build_is_read(chip):
    build = micropython_build.parse(micropython_bin(chip, flash_mib=8, version="1.29.1"))
    assert (build.chip, build.version, build.flash_size) == (chip, "1.29.1", 8 << 20)
    assert [tuple(vars(row).values()) for row in build.partitions] == TABLE
    assert build.nvs.offset == 0x9000
    system = build.file_system(8 << 20)
    assert (system.offset, system.size) == (0x200000, 0x600000), "from the last partition to the end of flash"


@pytest.mark.parametrize("chip", ["esp32", "esp32c3", "esp32s3"])
def test_esptool_reads_the_same_file(chip, tmp_path):
    """The builder of the tests is held against Espressif's reader, and so is the length that we find."""
    start = 0x1000 if chip == "esp32" else 0
    content = micropython_bin(chip)
    for name, image in (("bootloader", content), ("application", content[0x10000 - start :])):
        path = tmp_path / name
        path.write_bytes(image)
        command = [sys.executable, "-m", "esptool", "--chip", chip, "image-info", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert re.search(r"Checksum: 0x\w\w \(valid\)", said) and re.search(r"Validation hash: \w+ \(valid\)", said)
        assert "Flash size: 4MB" in said
        if name == "application":
            assert re.search(r"Project name: +micropython", said) and re.search(r"App version: +v1\.29\.0", said)
            assert micropython_build.image_length(image) == len(image)


def test_table_with_a_row_for_the_files_and_one_for_updates():
    rows = [*TABLE, ("vfs", 1, 0x81, 0x200000, 0x180000)]
    assert micropython_build.parse(micropython_bin(table=rows)).file_system(4 << 20).size == 0x180000
    build = micropython_build.parse(micropython_bin(table=OTA_TABLE))
    assert build.nvs.size == 0x4000
    assert (build.file_system(4 << 20).offset, build.file_system(4 << 20).size) == (0x310000, 0xF0000)


def moved(content, at, byte):
    return content[:at] + bytes([content[at] ^ byte]) + content[at + 1 :]


REFUSED = {
    "empty": (b"", "no MicroPython build for an ESP32"),
    "web page": (b"<!DOCTYPE html>" * 9, "no MicroPython build for an ESP32"),
    "other chips": (moved(GOOD, 12, 0x40), "for none of the ESP32 chips"),
    "update only": (GOOD[0xF000:], "has no partition table"),
    "no table": (GOOD[:0x7000] + b"\xff" * 0x1000 + GOOD[0x8000:], "has no partition table"),
    "table flipped": (moved(GOOD, 0x7004, 1), "partition table is damaged (MD5)"),
    "table magic flipped": (moved(GOOD, 0x7020, 1), "partition table is damaged"),
    "bootloader flipped": (moved(GOOD, 40, 1), "damaged (checksum)"),
    "bootloader header flipped": (moved(GOOD, 4, 1), "damaged (SHA-256)"),
    "application flipped": (moved(GOOD, 0x20000, 1), "damaged (checksum)"),
    "cut off": (GOOD[:-400], "cut off"),
    "other firmware": (micropython_bin(banner=False), "no MicroPython"),
    "too old": (micropython_bin(version="1.22.2"), "MicroPython 1.22.2, too old"),
    "application elsewhere": (micropython_bin(app_at=0x11000), "no application for the esp32 at 0x10000"),
    "application too large": (micropython_bin(table=[NVS, PHY, (*APP[:4], 0x10000)]), "does not fit its partition"),
    "no NVS": (micropython_bin(table=[PHY, APP]), "lacks NVS"),
    "overlap": (micropython_bin(table=[NVS, ("phy_init", 1, 1, 0xE000, 0x1000), APP]), "nvs and phy_init overlap"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_build_is_refused_with_a_remedy(name, tmp_path):
    content, message = REFUSED[name]
    path = tmp_path / "downloaded.bin"
    path.write_bytes(content)
    with pytest.raises(ImageError) as refused:
        micropython_build.load(path, DEVKIT)
    text = str(refused.value)
    assert text.startswith("downloaded.bin: ") and message in text
    assert text.endswith("Take the .bin of ESP32_GENERIC from https://micropython.org/download/ESP32_GENERIC/")


def test_build_for_another_chip_is_refused(tmp_path):
    path = tmp_path / "c3.bin"
    path.write_bytes(micropython_bin("esp32c3"))
    with pytest.raises(ImageError, match=r"c3\.bin: is for the esp32c3, and esp32_devkit has an esp32\. Take the"):
        micropython_build.load(path, DEVKIT)
    with pytest.raises(ImageError, match="No such file"):
        micropython_build.load(tmp_path / "none.bin", DEVKIT)


def test_image_of_one_segment_without_a_digest():
    image = bytearray(firmware_image("esp32", 4, b"x" * 40))[:-32]
    image[23] = 0
    assert micropython_build.image_length(bytes(image)) == len(image)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_any_flipped_byte_that_counts_is_noticed(at, bits):
    """Images and table are covered by checksums; what lies between them, and behind the digest, is not read."""
    try:
        build = micropython_build.parse(moved(SMALL, at, bits))
    except ImageError:
        return
    whole = micropython_build.parse(SMALL)
    assert (build.chip, build.version, build.partitions) == (whole.chip, whole.version, whole.partitions)
    blank = 0x7000 + len(TABLE) * 32 + 32
    bootloader = micropython_build.image_length(SMALL)
    assert bootloader <= at < 0x7000 or blank <= at < 0xF000


CUT_OFF = st.integers(0, len(SMALL)).map(lambda length: SMALL[:length])


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400) | CUT_OFF)
def test_whatever_the_file_is_the_answer_is_a_build_or_an_image_error(content):
    try:
        assert len(micropython_build.parse(content).content) == len(SMALL)
    except ImageError:
        pass


@given(st.binary(max_size=128))
def test_whatever_the_table_is_it_is_read_or_refused(content):
    for data in (content, partition_table(TABLE)[:64] + content):
        try:
            assert partitions.parse(data)
        except ImageError:
            pass
