"""The README's wiring is that of the board files, and its commands exist."""

import re
import shlex

import pytest
from binnode_tools import boards, paths
from binnode_tools.cli import main

README = (paths.REPOSITORY / "README.md").read_text(encoding="utf-8")
GUIDE = README.split("## Field guide")[1].split("\n## ")[0]
ROWS = {row[0]: row[1] for row in re.findall(r"^\| `([a-z]\w+)`(.*)\|$", GUIDE, re.M)}


def test_each_board_has_its_row():
    assert set(ROWS) == set(boards.names())


@pytest.mark.parametrize("name", boards.names())
def test_pins_are_those_of_the_board_file(name):
    board = boards.load(name)
    _, over, *cells = (cell.strip() for cell in ROWS[name].split("|"))
    assert ("LoRaWAN" in over) == (board.radio is not None)
    pins = board.pins
    trigger, echo, supply, onewire, battery, button = cells
    assert (int(trigger), int(echo)) == (pins.trigger, pins.echo)
    assert (int(supply.split(",")[0]), int(onewire)) == (pins.supply, pins.onewire)
    assert int(button.split(",")[0]) == pins.button
    assert battery == "on the board" or int(battery) == pins.battery


def test_its_commands_exist():
    lines = re.findall(r"^(?:build/venv/bin/)?binnode (.*?)(?: +#.*)?$", GUIDE, re.M)
    lines += re.findall(r"`binnode (.*?)`", GUIDE)
    assert len(lines) > 5
    for line in lines:
        name, *rest = shlex.split(line)
        command = main.cli.get_command(None, name)
        assert command is not None, line
        if rest and hasattr(command, "commands") and not rest[0].startswith("-"):
            command = command.get_command(None, rest.pop(0))
            assert command is not None, line
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, line
