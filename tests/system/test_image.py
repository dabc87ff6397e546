"""The image is what runs: one flipped byte in it stops the node with a message that says what to do."""

import re

import pytest
from binnode_tools import boards, image
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.misuse import MISUSES
from littlefs import LittleFS

from tests.system.scenario import scenario
from tests.unit.flash_reader import files_of

BOARD = boards.load("esp32_devkit")
MODULES = sorted(name for name in image.application_files(BOARD) if name.endswith(".mpy"))


def place_of(content: bytes, flash: bytes) -> int:
    """Where a file's middle lies in the image; of a small file, which lies in its directory, the copy that counts."""
    middle = len(content) // 2
    width = 24 if len(content) > 120 else len(content)
    start = max(0, min(middle - width // 2, len(content) - width))
    places = [found.start() + width // 2 for found in re.finditer(re.escape(content[start : start + width]), flash)]
    assert places
    # A directory has two blocks, each with a revision in front; the newer one counts, and in it what was written last.
    return max(places, key=lambda at: (int.from_bytes(flash[at // 4096 * 4096 :][:4], "little"), at))


@pytest.mark.parametrize("name", MODULES)
def test_flipped_byte_in_a_module_stops_the_node(name):
    with scenario() as node:
        flash = node.board.chip.flash
        content = image.application_files(BOARD)[name]
        flash.flip(place_of(content, flash.read()))
        node.run_hours(1)
        # A small file lies inside its directory's block: the flip undoes the last that was written there, which may be
        # the entry of another file of that directory.
        told = re.search(r"damaged on the flash: (.*)\. The node stops\. Remedy: binnode deploy", node.wakes[0].console)
        folder = name.rpartition("/")[0]
        assert told and [one for one in told[1].split(", ") if one == name or one.rpartition("/")[0].startswith(folder)]
        assert not node.reports() and node.wakes[0].pings == 0
        assert len(node.wakes) == 1, "it waits for repair, hours, not minutes"


def test_missing_file_is_named():
    files = node_kit.files_of(BOARD, None)
    del files["binnode/sensing/sound.mpy"]
    with scenario(files=files) as node:
        node.run_hours(0.1)
        assert "damaged on the flash: binnode/sensing/sound.mpy" in node.wakes[0].console


def test_a_file_system_that_is_damaged_is_left_alone_and_nothing_of_ours_runs():
    with scenario() as node:
        flash = node.board.chip.flash
        for block in (0, 1):
            for at in range(64):
                flash.flip(4096 * block + at, 0xFF)
        before = flash.read()
        node.run_hours(1)
        (wake,) = node.wakes
        assert wake.how == "no file system" and "appears to be corrupted" in wake.console and not wake.pings
        assert flash.read() == before


def test_an_erased_file_system_is_formatted_and_waits_at_the_prompt():
    with scenario() as node:
        node.expected_findings = {MISUSES["no_main"].finding}
        flash = node.board.chip.flash
        for block in range(flash.blocks):
            flash.erase(block)
        node.run_hours(1)
        (wake,) = node.wakes
        assert wake.how == "main ended" and not wake.pings
        image = flash.read()
        files = LittleFS(block_size=4096, block_count=len(image) // 4096, mount=False, name_max=255)
        files.context.buffer = bytearray(image)
        files.mount()
        assert files.listdir("/") == ["boot.py"]


def test_image_holds_the_version_and_the_commit():
    files = image.application_files(BOARD)
    assert image.commit().encode() in files["binnode/version.mpy"]
    assert b"0.1.0" in files["binnode/version.mpy"]


def test_independent_reader_finds_every_file():
    files = image.application_files(BOARD)
    content = image.littlefs_image(files, BOARD.flash.fs_size)
    assert len(content) == BOARD.flash.fs_size
    assert files_of(content, 0) == files


def test_too_small_a_file_system_is_refused():
    with pytest.raises(image.ImageError, match="do not fit a file system of 16384 bytes"):
        image.littlefs_image(image.application_files(BOARD), 16384)


def test_module_that_does_not_compile_is_named():
    with pytest.raises(image.ImageError, match=r"binnode/broken\.py does not compile"):
        image.compile_mpy(b"def broken(:\n", "binnode/broken.py")
