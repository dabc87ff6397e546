"""What the tools and the pages say of the distance modules is what the firmware has, and boards have pins for them."""

import json
from pathlib import Path

import pytest
from binnode_tools import boards, modules
from binnode_tools.cli import main
from binnode_tools.cli.modules import command
from binnode_tools.virtual_board import serial_modules
from click.testing import CliRunner


def test_each_module_of_the_firmware_has_a_wiring_and_a_model():
    assert set(modules.modules()) == set(modules.WIRINGS) == set(serial_modules.KINDS)


@pytest.mark.parametrize("board", boards.names())
def test_every_module_has_pins_on_every_board_but_i2c_where_none_is_left(board):
    loaded = boards.load(board)
    without = {name for name, module in modules.modules().items() if modules.pins(module, loaded) is None}
    assert without == ({"rcwl9600"} if board == "lilygo_lora32_v21" else set())


def test_a_board_file_may_name_other_pins_for_a_bus(tmp_path):
    text = (boards.BOARDS / "esp32_devkit.toml").read_text().replace('name = "esp32_devkit"', 'name = "mine"')
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("onewire = 33", "onewire = 33\nmodule_tx = 17\nmodule_rx = 34\nscl = 22\nsda = 21"))
    board = boards.load(path)
    assert board.pins.uart == (17, 34) and board.pins.i2c == (22, 21)
    assert {"module_tx": 17, "module_rx": 34, "scl": 22, "sda": 21}.items() <= boards.firmware_json(board).items()
    for wrong, message in (("sda = 34", "input only"), ("module_tx = 39", "input only"), ("scl = 26", "taken by")):
        path.write_text(text.replace("onewire = 33", f"onewire = 33\n{wrong}"))
        with pytest.raises(boards.BoardError, match=message):
            boards.load(path)
    assert not {"module_tx", "sda"} & set(boards.firmware_json(boards.load("esp32_devkit")))


def test_the_list_of_modules_for_people_and_scripts():
    for columns in ("80", "120"):
        shown = CliRunner(env={"COLUMNS": columns}).invoke(command, ["--board", "heltec_v3"]).output
        for name in serial_modules.KINDS:
            assert f"\n{name} " in shown and f"  {name}: " in shown
    assert "RX 4, TX 5" in shown and max(map(len, shown.splitlines())) <= 120
    rows = json.loads(CliRunner().invoke(command, ["--json"]).output)["modules"]
    (row,) = [row for row in rows if row["name"] == "mb7360"]
    assert (row["blind_mm"], row["range_mm"], row["pins"], row["level_shifter"]) == (301, 5000, [26, 27], "none")
    wrong = CliRunner().invoke(main.cli, ["modules", "--board", "nix"])
    assert wrong.exit_code == main.FAILED and "there are: esp32_devkit" in wrong.output


def test_the_page_names_every_module():
    page = (Path(modules.__file__).parents[1] / "docs" / "modules.md").read_text()
    named = {
        name for row in page.splitlines() if row.startswith("| ") for name in row.split("|")[1].strip().split(", ")
    }
    assert named - {"name"} == set(serial_modules.KINDS)
