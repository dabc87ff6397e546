"""`binnode flash` through the real esptool, to a chip that speaks its loader's protocol: whole, or untouched."""

import errno
import functools
import json
from types import SimpleNamespace

import pytest
import serial
import serial.tools.list_ports
from binnode_tools import boards, image
from binnode_tools.cli import main
from binnode_tools.flashing import complete, micropython_build, node_rules
from click.testing import CliRunner
from esp_pylib.logger import EspLog
from esptool import cmds

from tests.unit.command_line import binnode, on_flash
from tests.unit.fake_loader import FakeLoader
from tests.unit.micropython_bin import micropython_bin

SECRETS = {"wifi_key": "correct horse battery"}
CONFIG = {"name": "bin7"}


@functools.cache
def application_files(board_name, make=image.application_files):
    return make(boards.load(board_name))


@pytest.fixture(autouse=True)
def same_application(monkeypatch):
    """For all tests, even if the firmware is edited while they run."""
    monkeypatch.setattr(image, "application_files", lambda board: application_files(board.name))


@pytest.fixture
def given(tmp_path):
    for chip, mib in (("esp32", 4), ("esp32c3", 4), ("esp32s3", 8)):
        (tmp_path / f"{chip}.bin").write_bytes(micropython_bin(chip, flash_mib=mib, filler=60_000))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    (tmp_path / "secrets.json").chmod(0o600)
    return tmp_path


def flash(*args, code=0):
    """(stdout, stderr) of the command, which keeps the secret to itself."""
    done = CliRunner().invoke(main.cli, ["flash", *map(str, args)])
    assert done.exit_code == code, done.output + repr(done.exception)
    assert SECRETS["wifi_key"] not in done.output and "Traceback" not in done.output
    return done.stdout, done.stderr


def wanted(given, name, chip, mib, config=None, secrets=None):
    build = micropython_build.parse((given / f"{chip}.bin").read_bytes())
    return complete.build(boards.load(name), build, mib << 20, config, secrets).content


@pytest.mark.parametrize(
    ("name", "chip", "mib"), [("esp32_devkit", "esp32", 4), ("esp32c3", "esp32c3", 4), ("heltec_v3", "esp32s3", 8)]
)
def test_whole_node_is_written_and_verified(given, name, chip, mib):
    before = EspLog.instance
    with FakeLoader(chip, mib) as target:
        options = ["--config", given / "config.json", "--secrets", given / "secrets.json", "--port", target.port]
        said, _ = flash("--board", name, "--micropython", given / f"{chip}.bin", *options)
        content = wanted(given, name, chip, mib, node_rules.complete_config(CONFIG), SECRETS)
        assert target.flash == content, "what was there before is gone, to the last byte"
    assert f"{boards.load(name).title}: {chip}, {mib} MiB, MAC " in said and "MicroPython 1.29.0" in said
    assert said.endswith("Written, and verified by the chip. The node starts.\n") and "wifi_key" in said
    assert EspLog.instance is before


def test_result_for_scripts(given):
    with FakeLoader() as target:
        result = json.loads(flash("--port", target.port, "--micropython", given / "esp32.bin", "--json")[0])
    assert result["board"] == "esp32_devkit" and result["verified"] is True and result["secrets"] == []
    assert result["mac"] == "00:00:00:00:00:00" and result["bytes"] == 4 << 20 and "main.py" in result["files"]


def test_what_the_board_has_is_kept_when_asked_for(given, monkeypatch):
    monkeypatch.chdir(given)
    with FakeLoader() as target:
        options = ["--config", given / "config.json", "--secrets", given / "secrets.json"]
        flash("--port", target.port, "--micropython", given / "esp32.bin", *options)
        before = bytes(target.flash)
    (given / "newer.bin").write_bytes(micropython_bin(filler=90_000))
    with FakeLoader(flash=before) as target:
        said, _ = flash("--port", target.port, "--micropython", given / "newer.bin", "--keep")
        config = node_rules.complete_config(CONFIG)
        assert target.flash == wanted(given, "esp32_devkit", "newer", 4, config, SECRETS) != before
    assert "wifi_key" in said and not list(given.glob("binnode-kept-*"))


def test_what_was_to_be_kept_outlasts_a_cable_that_slips(given, monkeypatch):
    monkeypatch.chdir(given)
    with FakeLoader() as target:
        options = ["--config", given / "config.json", "--secrets", given / "secrets.json"]
        flash("--port", target.port, "--micropython", given / "esp32.bin", *options)
        before = bytes(target.flash)
    with FakeLoader(flash=before, cut_after=1) as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", "--keep", code=main.FAILED)
        after = bytes(target.flash)
    (backup,) = given.glob("binnode-kept-*.json")
    assert f"What it had is in {backup.name}: flash it with --restore {backup.name}" in error
    assert backup.stat().st_mode & 0o777 == 0o600 and after != before
    with FakeLoader(flash=before) as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", "--keep", code=main.FAILED)
        assert target.untouched and "when flashing it broke off" in error and "or, if that was done, remove it" in error
    with FakeLoader(flash=after) as target:
        _, said = flash("--port", target.port, "--micropython", given / "esp32.bin", "--restore", backup)
        assert target.flash == before
    assert f"{backup} has done its work: remove it" in said and "counters" in said
    told = json.loads(backup.read_text())
    backup.write_text(json.dumps({**told, "mac": "24:0a:c4:00:00:01"}))
    with FakeLoader(flash=after) as target:
        _, error = flash("--micropython", given / "esp32.bin", "--restore", backup, "--port", target.port, code=1)
        assert target.untouched and "is of another chip, 24:0a:c4:00:00:01; this one is 00:00:00:00:00:00" in error
    backup.write_text("{}")
    with FakeLoader(flash=after) as target:
        _, error = flash("--micropython", given / "esp32.bin", "--restore", backup, "--port", target.port, code=1)
    assert "is no file that --keep wrote" in error


def test_nothing_to_keep_is_said_before_anything_is_erased(given):
    with FakeLoader() as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", "--keep", code=main.FAILED)
        assert target.untouched
    assert "there is nothing to keep on this board" in error and error.endswith("Nothing was changed.\n")
    _, error = flash("--keep", "--secrets", given / "secrets.json", code=main.USAGE_ERROR)
    assert "--keep takes settings and secrets from the board" in error


def test_larger_flash_is_used_whole(given):
    with FakeLoader(flash_mib=16) as target:
        _, noted = flash("--port", target.port, "--micropython", given / "esp32.bin")
        assert target.flash == wanted(given, "esp32_devkit", "esp32", 16)
    assert "the flash has 16 MiB: the file system takes all of it" in noted


def test_wrong_chip_is_refused_before_anything_is_erased(given):
    with FakeLoader("esp32c3") as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.MISFIT)
        assert target.untouched
    assert "the chip is an esp32c3, and esp32_devkit is for an esp32: --board esp32c3. Nothing was changed." in error


def test_small_flash_is_refused_before_anything_is_erased(given):
    with FakeLoader(flash_mib=2) as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.MISFIT)
        assert target.untouched
    assert "the flash has 2 MiB, and esp32_devkit needs 4 MiB: another board, or" in error
    assert error.endswith("Nothing was changed.\n")


@pytest.mark.parametrize(
    ("file", "message"),
    [("esp32c3.bin", "is for the esp32c3, and esp32_devkit has an esp32"), ("config.json", "is no MicroPython build")],
)
def test_wrong_build_is_refused_before_the_board_is_asked(given, file, message):
    with FakeLoader() as target:
        _, error = flash("--port", target.port, "--micropython", given / file, code=main.FAILED)
        assert target.commands == []
    assert message in error and "https://micropython.org/download/ESP32_GENERIC/" in error


def test_image_that_does_not_fit_is_refused_before_the_board_is_asked(given, monkeypatch):
    monkeypatch.setattr(image, "application_files", lambda board: {"main.py": b"#" * (3 << 20)})
    with FakeLoader() as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.FAILED)
        assert target.commands == []
    assert "3145728 bytes in 1 files do not fit a file system of 2097152 bytes" in error


def test_cable_that_slips_while_writing_says_what_the_board_is_now(given, monkeypatch):
    monkeypatch.setattr(cmds, "DEFAULT_CONNECT_ATTEMPTS", 0)  # esptool looks for the port again, for seconds
    with FakeLoader(cut_after=2) as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.FAILED)
    assert "the line broke" in error
    assert error.endswith("The board is erased in part and does not start: flash it again.\n")


def test_ctrl_c_says_what_the_board_is_now(given, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    resets = []
    monkeypatch.setattr(cmds, "reset_chip", lambda esp, how: resets.append(how))
    for place, left in (("run_stub", "Nothing was changed."), ("write_flash", "The board is erased in part")):
        with FakeLoader() as target, monkeypatch.context() as patch:
            patch.setattr(cmds, place, stop)
            _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.FAILED)
        assert f"binnode: stopped. {left}" in error
    assert resets == ["hard-reset"] * 2, "out of the loader"


@pytest.mark.parametrize("at", [0x2000, 0x9000, 0x1F0000])  # the last is not written: the hash of the whole finds it
def test_flash_that_holds_something_else_is_noticed(given, at):
    with FakeLoader(worn=at) as target:
        options = ["--secrets", given / "secrets.json", "--port", target.port]
        _, error = flash("--micropython", given / "esp32.bin", *options, code=main.DISAGREES)
    assert "the flash does not hold what was written: flash again, at --baud 115200" in error


def test_silent_chip(given, monkeypatch):
    monkeypatch.setattr(cmds.detect_chip, "__defaults__", ("", 115200, "default-reset", False, 1))  # one attempt, not 7
    with FakeLoader(silent=True) as target:
        _, error = flash("--port", target.port, "--micropython", given / "esp32.bin", code=main.NO_DEVICE)
    assert f"no chip answers at {target.port}" in error and "hold BOOT, press and release reset (EN)" in error
    assert error.endswith("Nothing was changed.\n")


def test_port_that_can_not_be_had(given, monkeypatch):
    options = ["--micropython", given / "esp32.bin", "--port"]
    _, error = flash(*options, "/dev/ttyNONE", code=main.NO_DEVICE)
    assert "there is no port /dev/ttyNONE" in error and error.endswith("Nothing was changed.\n")
    with FakeLoader() as target:
        with serial.Serial(target.port, exclusive=True):
            _, error = flash(*options, target.port, code=main.NO_DEVICE)
        assert f"{target.port} is busy: another program has it open" in error

        def forbidden(*_, **__):
            raise serial.SerialException(errno.EACCES, "could not open port")

        monkeypatch.setattr(serial, "serial_for_url", forbidden)
        _, error = flash(*options, target.port, code=main.NO_DEVICE)
        assert f"{target.port}: no permission. On Linux: sudo usermod -aG dialout" in error


class Port(SimpleNamespace):
    def __lt__(self, other):
        return self.device < other.device


def ports(monkeypatch, *found):
    listed = [Port(device=device, description=f"a {vendor:x}", vid=vendor) for device, vendor in found]
    listed.append(Port(device="/dev/ttyS0", description="on the mainboard", vid=None))
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: listed)


def test_port_is_found_when_only_one_fits(given, monkeypatch):
    with FakeLoader() as target:
        ports(monkeypatch, (target.port, 0x10C4), ("/dev/ttyACM0", 0x303A), ("/dev/ttyACM1", 0x2341))
        flash("--micropython", given / "esp32.bin")
        assert target.flash == wanted(given, "esp32_devkit", "esp32", 4)
    with FakeLoader("esp32c3") as target:  # the chip's own USB
        ports(monkeypatch, (target.port, 0x303A), ("/dev/ttyUSB0", 0x1A86))
        flash("--board", "esp32c3", "--micropython", given / "esp32c3.bin")
        assert not target.untouched


def test_ports_are_listed_when_more_than_one_fits(given, monkeypatch):
    ports(monkeypatch, ("/dev/ttyUSB1", 0x10C4), ("/dev/ttyUSB0", 0x1A86))
    for options in (["--micropython", given / "esp32.bin"], ["--app-only"]):
        _, error = flash(*options, code=main.USAGE_ERROR)
        assert (
            "several ports fit: say which, --port PORT. Ports there are: /dev/ttyUSB0 (a 1a86), /dev/ttyUSB1" in error
        )


def test_no_port_that_fits(given, monkeypatch):
    ports(monkeypatch)
    _, error = flash("--micropython", given / "esp32.bin", code=main.NO_DEVICE)
    assert "no port looks like the USB bridge of a board. No USB serial port is there: is the board plugged in" in error
    ports(monkeypatch, ("/dev/ttyACM0", 0x2341))
    _, error = flash("--board", "esp32c3", "--micropython", given / "esp32c3.bin", code=main.NO_DEVICE)
    assert "no port looks like a chip's own USB. Ports there are: /dev/ttyACM0" in error


def test_application_alone_goes_over_the_repl_and_only_what_differs(board, files, given, monkeypatch):
    monkeypatch.setattr(image, "application_files", lambda board: files)
    (board.flash / "binnode/node.mpy").write_bytes(b"old")
    (board.flash / "config.json").write_text('{"measure_s": 600}')
    result = json.loads(binnode(board, "flash", "--app-only", "--json")[0])
    assert result["sent"] == ["binnode/node.mpy"]
    assert on_flash(board) == {**files, "config.json": b'{"measure_s": 600}'}
    board.wait_for_start()
    ports(monkeypatch, (board.port, 0x10C4))
    assert "already there" in flash("--app-only")[0]
    _, error = flash("--app-only", "--secrets", given / "secrets.json", code=main.USAGE_ERROR)
    assert "--app-only leaves MicroPython, settings and secrets as they are" in error


def test_unknown_board(given):
    _, error = flash("--board", "esp8266", code=main.FAILED)
    assert "board 'esp8266': unknown; there are: esp32_devkit" in error
