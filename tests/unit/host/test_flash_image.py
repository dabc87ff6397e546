"""The complete image, unpacked by independent readers, holds exactly what it should."""

import hashlib
import json
import ssl
import stat

import pytest
from binnode_tools import boards, image
from binnode_tools.cli import main
from binnode_tools.flashing import complete, micropython_build, node_rules
from binnode_tools.image import ImageError
from click.testing import CliRunner

from tests.system.pki import Authority
from tests.unit import flash_reader
from tests.unit.micropython_bin import NVS, OTA_TABLE, STARTS, TABLE, micropython_bin

SECRETS = {"wifi_key": "correct horse", "lora_app_key": "00112233445566778899aabbccddeeff"}
CONFIG = {"name": "bin7", "wifi_ssid": "Depot", "mqtt_host": "broker.example"}


def made(board_name="esp32_devkit", there_mib=4, **options):
    """An image with CONFIG and SECRETS for a flash of that size; `options` are those of micropython_bin."""
    board = boards.load(board_name)
    build = micropython_build.parse(micropython_bin(board.chip, **options))
    return complete.build(board, build, there_mib << 20, node_rules.complete_config(CONFIG), SECRETS)


@pytest.mark.parametrize("name", boards.names())
def test_every_board_gets_its_micropython_its_files_and_its_secrets(name, tmp_path):
    board = boards.load(name)
    mib = board.flash.size >> 20
    bin_file = micropython_bin(board.chip, flash_mib=mib)
    flash = made(name, mib, flash_mib=mib).content
    start = STARTS[board.chip]
    assert len(flash) == board.flash.size
    rows = flash_reader.table_of(flash)
    assert rows == {label: tuple(rest) for label, *rest in TABLE}
    files = flash_reader.files_of(flash, 0x200000)
    assert json.loads(files.pop("config.json")) == node_rules.complete_config(CONFIG)
    assert files == image.application_files(board)
    assert "Project name: micropython" in flash_reader.image_info(flash, 0x10000, board.chip, tmp_path)
    flash_reader.image_info(flash, start, board.chip, tmp_path)
    nvs_at, nvs_size = rows["nvs"][2:]
    for secret in SECRETS.values():
        assert flash.count(secret.encode()) == 1 and nvs_at < flash.index(secret.encode()) < nvs_at + nvs_size
    written = 1 + sum(2 + -(-len(secret) // 32) for secret in SECRETS.values())  # namespace; head, data, index of each
    entries = flash[nvs_at + 64 : nvs_at + nvs_size]
    assert entries[32 * (written - 1) : 32 * written].strip(b"\xff") and not entries[32 * written :].strip(b"\xff")
    assert flash_reader.stray_blocks(flash, 0x200000) == 0
    # Beside NVS and the files it is the build as it was downloaded, and nothing else is anywhere.
    rest = bytearray(flash[: start + len(bin_file)])
    rest[nvs_at : nvs_at + nvs_size] = b"\xff" * nvs_size
    assert rest == b"\xff" * start + bin_file
    assert flash[start + len(bin_file) : 0x200000].strip(b"\xff") == b""


def test_without_settings_and_secrets_there_are_none():
    board = boards.load("esp32_devkit")
    flash = complete.build(board, micropython_build.parse(micropython_bin()), 4 << 20).content
    assert flash[0x9000:0xF000] == b"\xff" * 0x6000
    assert flash_reader.files_of(flash, 0x200000) == image.application_files(board)


def test_file_system_is_where_the_build_looks_for_it():
    flash = made(table=OTA_TABLE).content
    assert "main.py" in flash_reader.files_of(flash, 0x310000)
    flash = made(there_mib=8).content
    assert len(flash) == 8 << 20 and "main.py" in flash_reader.files_of(flash, 0x200000)
    assert boards.load("esp32_devkit").flash.size == 4 << 20, "a chip with more than the board file says"


def test_runs_are_all_that_is_not_blank():
    built = made()
    flash = bytearray(b"\xff" * len(built.content))
    for offset, data in built.runs():
        assert offset % 4096 == 0 and len(data) % 4096 == 0
        flash[offset : offset + len(data)] = data
    assert flash == built.content
    assert built.runs()[0][0] == 0x1000, "the first is the bootloader, which esptool checks against the chip"
    assert sum(len(data) for _, data in built.runs()) < 0x100000


def test_same_again_is_the_same_byte_for_byte():
    assert made().content == made().content


LITTLE = ("factory", 0, 0, 0x10000, 0x3E0000)
REFUSED = {
    "flash too small": (2, 4, {}, "the flash has 2 MiB, and this MicroPython build is for 4 MiB or more"),
    "build for more flash": (4, 8, {}, "the flash has 4 MiB, and this MicroPython build is for 8 MiB"),
    "no room for files": (4, 4, {"table": [NVS, (*LITTLE[:4], 0x3F0000)]}, "leave no room for files"),
    "little room for files": (4, 4, {"table": [NVS, LITTLE]}, "do not fit a file system of 65536"),
    "other files": (4, 4, {"table": [*TABLE, ("ffat", 1, 0x81, 0x200000, 0x200000)]}, "that of TinyUF2"),
    "NVS too small": (4, 4, {"table": [("nvs", 1, 2, 0x9000, 0x1000), *TABLE[1:]]}, "do not fit the NVS partition"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(name):
    there_mib, build_mib, options, message = REFUSED[name]
    board = boards.load("esp32_devkit")
    build = micropython_build.parse(micropython_bin(flash_mib=build_mib, **options))
    with pytest.raises(ImageError) as refused:
        complete.build(board, build, there_mib << 20, None, SECRETS)
    assert message in str(refused.value)


def test_wrong_chips_build_is_refused():
    build = micropython_build.parse(micropython_bin("esp32c3"))
    with pytest.raises(ImageError, match="is for the esp32c3, and esp32_devkit has an esp32"):
        complete.build(boards.load("esp32_devkit"), build, 4 << 20)


def test_settings_and_secrets_are_checked_by_the_nodes_own_rules():
    config = node_rules.complete_config({"measure_s": 600})
    assert config["measure_s"] == 600 and config["name"] == ""
    with pytest.raises(ImageError, match="measure_s = 1: must be"):
        node_rules.complete_config({"measure_s": 1})
    with pytest.raises(ImageError, match="a secret, which is kept apart"):
        node_rules.complete_config({"wifi_key": "hunter2hunter2"})
    node_rules.check_secrets(SECRETS)
    with pytest.raises(ImageError, match="wifi_kee: no secret; there are: wifi_key"):
        node_rules.check_secrets({"wifi_kee": "hunter2hunter2"})
    with pytest.raises(ImageError) as refused:
        node_rules.check_secrets({"wifi_key": "hunter2"})
    assert "wifi_key" in str(refused.value) and "hunter2" not in str(refused.value)


@pytest.fixture
def given(tmp_path):
    """Files for the command line."""
    (tmp_path / "mp.bin").write_bytes(micropython_bin())
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "secrets.json").write_text(json.dumps(SECRETS))
    (tmp_path / "secrets.json").chmod(0o600)
    return tmp_path


def binnode_image(*args, code=0):
    done = CliRunner().invoke(main.cli, ["image", *map(str, args)])
    assert done.exit_code == code, done.output + repr(done.exception)
    assert all(secret not in done.output for secret in SECRETS.values())
    return done.stdout, done.stderr


def test_image_command_writes_the_same_image_for_its_owner_only(given):
    options = [
        "--micropython",
        given / "mp.bin",
        "--config",
        given / "config.json",
        "--secrets",
        given / "secrets.json",
    ]
    output = given / "made" / "bin7.bin"
    said, warned = binnode_image(*options, "--output", output)
    assert output.read_bytes() == made().content and warned == ""
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "the whole flash, 4194304 bytes from 0x0" in said and "lora_app_key, wifi_key" in said
    result = json.loads(binnode_image(*options, "--output", output, "--json")[0])
    assert result["sha256"] == hashlib.sha256(output.read_bytes()).hexdigest()
    assert result["secrets"] == ["lora_app_key", "wifi_key"] and result["micropython"] == "1.29.0"
    assert list(output.parent.iterdir()) == [output], "nothing else is left"


def test_image_command_for_another_flash_and_without_secrets(given):
    output = given / "x.bin"
    binnode_image("--micropython", given / "mp.bin", "--flash-size", 16, "--output", output)
    assert output.stat().st_size == 16 << 20 and stat.S_IMODE(output.stat().st_mode) == 0o644
    assert "config.json" not in flash_reader.files_of(output.read_bytes(), 0x200000)


def test_file_system_alone(given):
    output = given / "fs.littlefs"
    said, _ = binnode_image("--fs-only", "--board", "esp32c3", "--output", output)
    assert "2097152 bytes for flash at 0x200000" in said
    assert flash_reader.files_of(output.read_bytes(), 0) == image.application_files(boards.load("esp32c3"))
    _, error = binnode_image("--fs-only", "--secrets", given / "secrets.json", code=main.USAGE_ERROR)
    assert "--fs-only" in error


def test_image_command_refuses_with_a_sentence(given):
    for name, text, message in (
        ("a.json", "{", "a.json: not JSON"),
        ("a.json", "[1]", "a.json: must be a JSON object"),
        ("a.json", '{"name": true}', "a.json: name has no value that fits"),
        ("a.json", '{"nam": "x"}', "nam: unknown"),
    ):
        (given / name).write_text(text)
        _, error = binnode_image("--micropython", given / "mp.bin", "--config", given / name, code=main.FAILED)
        assert message in error and "Traceback" not in error
    (given / "secrets.json").chmod(0o644)
    _, error = binnode_image("--micropython", given / "none", "--secrets", given / "secrets.json", code=main.FAILED)
    assert "chmod 600" in error and "No such file" in error


def test_certificate_of_the_ca_goes_along(given):
    ca = Authority().der
    (given / "ca.pem").write_text(ssl.DER_cert_to_PEM_cert(ca))
    output = given / "x.bin"
    binnode_image("--micropython", given / "mp.bin", "--ca", given / "ca.pem", "--output", output)
    assert flash_reader.files_of(output.read_bytes(), 0x200000)["ca.der"] == ca
    _, error = binnode_image("--micropython", given / "mp.bin", "--ca", given / "config.json", code=main.FAILED)
    assert error.startswith("binnode: config.json ")
