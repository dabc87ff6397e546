"""What a board has and keeps through a full flash: its settings, and all of its NVS."""

import json

import pytest
from binnode_tools import boards
from binnode_tools.flashing import complete, esptool_writer, keeping, micropython_build, nvs
from binnode_tools.image import ImageError
from binnode_tools.serial_ports import LinkError

from tests.unit import flash_reader
from tests.unit.fake_loader import FakeLoader
from tests.unit.micropython_bin import OTA_TABLE, TABLE, micropython_bin

CONFIG = {"name": "bin7", "empty_mm": 1234}
VALUES = {
    ("binnode", "lora_app_key"): b"00112233" * 4,
    ("binnode", "lora_nonce"): b"\x07\0",
    ("phy", "cal"): b"\x01" * 900,
}


@pytest.fixture(scope="module")
def before():
    """The flash of a node that has been at work."""
    board = boards.load("esp32_devkit")
    build = micropython_build.parse(micropython_bin(filler=50_000))
    made = complete.build(board, build, 4 << 20, CONFIG, more_files={"ca.der": b"0\x82" * 400})
    offset, size = flash_reader.table_of(made.content)["nvs"][2:]
    content = bytearray(made.content)
    content[offset : offset + size] = nvs.encode(VALUES, size)
    return bytes(content)


def reader(flash, log=None):
    def read(offset, size):
        if log is not None:
            log.append(size)
        return bytes(flash[offset : offset + size])

    return read


def test_settings_and_nvs_are_read_and_little_else(before):
    log = []
    kept = keeping.of(reader(before, log), len(before))
    assert json.loads(kept.files["config.json"]) == CONFIG and kept.files["ca.der"] == b"0\x82" * 400
    assert nvs.decode(kept.store) == VALUES and kept.names == ("lora_app_key", "lora_nonce")
    assert kept.problem is None and sum(log) < 200_000


@pytest.mark.parametrize("table", [TABLE, OTA_TABLE])
def test_new_image_has_them(before, table):
    kept = keeping.of(reader(before), len(before))
    build = micropython_build.parse(micropython_bin(table=table, filler=60_000))
    made = complete.build(boards.load("esp32_devkit"), build, 4 << 20, kept=kept)
    rows = flash_reader.table_of(made.content)
    offset, size = rows["nvs"][2:]
    found = nvs.decode(made.content[offset : offset + size])
    if size == len(kept.store):
        assert found == VALUES
    else:
        assert found == {place: value for place, value in VALUES.items() if place[0] == "binnode"}
    files = flash_reader.files_of(made.content, max(start + length for _, _, start, length in rows.values()))
    assert json.loads(files["config.json"]) == CONFIG and files["ca.der"] == kept.files["ca.der"]
    assert made.secrets == ("lora_app_key", "lora_nonce")


def test_the_real_esptool_reads_them(before):
    with FakeLoader(flash=before) as chip:
        with esptool_writer.connected(chip.port, 115200) as target:
            kept = keeping.of(target.read, target.flash_size)
        assert chip.untouched
    assert kept == keeping.of(reader(before), len(before))


def test_a_file_system_that_is_gone_costs_the_settings_and_not_the_keys(before):
    end = max(start + size for _, _, start, size in flash_reader.table_of(before).values())
    broken = before[:end] + b"\xff" * (len(before) - end)
    kept = keeping.of(reader(broken), len(broken))
    assert nvs.decode(kept.store) == VALUES and kept.files == {}
    assert kept.problem is not None and "its settings are lost" in kept.problem


@pytest.mark.parametrize("flash", [b"\xff" * (4 << 20), b"\0" * (4 << 20)])
def test_a_blank_board_has_nothing_to_keep(flash):
    with pytest.raises(ImageError, match=r"there is nothing to keep on this board .*: flash it without --keep"):
        keeping.of(reader(flash), len(flash))


def test_a_damaged_table_is_not_trusted(before):
    flash = bytearray(before)
    flash[0x8004] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        keeping.of(reader(flash), len(flash))


@pytest.mark.parametrize("problem", [LinkError("the flash can't be read"), KeyboardInterrupt()])
def test_a_line_that_breaks_anywhere_is_no_file_system_without_files(before, problem):
    """littlefs calls from C, where an exception would be printed and forgotten: then the settings would be erased."""
    log = []
    keeping.of(reader(before, log), len(before))
    for whole in range(len(log)):
        left = iter(range(whole))

        def read(offset, size, left=left):
            if next(left, None) is None:
                raise problem
            return bytes(before[offset : offset + size])

        with pytest.raises(type(problem)):
            keeping.of(read, len(before))


def test_a_line_that_breaks_once_is_not_read_on(before):
    calls = []

    def read(offset, size):
        calls.append(offset)
        if len(calls) == 4:
            raise LinkError("the flash can't be read")
        return bytes(before[offset : offset + size])

    with pytest.raises(LinkError):
        keeping.of(read, len(before))
    assert len(calls) == 4
