"""What calibrate makes of a cylinder that is heard a little higher than its tape says; a line lost after saving."""

import json

import pytest
from binnode_tools.cli import main
from binnode_tools.node_service import NodeService
from binnode_tools.serial_ports import LinkError

from tests.unit.command_line import binnode


def test_a_cylinder_is_as_high_as_it_was_heard_when_its_tape_says_a_little_less(board):
    """Full to its very top, by a diameter that is some mm less than the echo: as with a strapping table."""
    board.surface(1402)
    out, _ = binnode(board, "calibrate", "--yes", "--no-sheet", "--full-mm", "300", "--diameter-mm", "1090")
    config = board.config()
    assert abs(config["empty_mm"] - 1402) <= 2 and config["full_mm"] == 300
    assert config["diameter_mm"] == config["empty_mm"] - 300 and str(config["diameter_mm"]) in out


def test_a_cylinder_that_is_much_too_low_is_refused(board):
    options = ["--yes", "--empty-mm", "1400", "--full-mm", "300", "--diameter-mm", "1040"]
    assert "must be 0 or 1100..2200" in binnode(board, "calibrate", *options, code=1)[1]
    assert board.config() is None


@pytest.mark.parametrize("error", [KeyboardInterrupt, LinkError("the line broke")])
def test_what_is_saved_has_its_sheet_when_the_reading_after_it_fails(board, tmp_path, monkeypatch, error):
    measure, configure, saved = NodeService.measure, NodeService.configure, []

    def broken(node, whole_range=False, module=None):
        if saved:
            raise error
        return measure(node, whole_range, module)

    monkeypatch.setattr(NodeService, "configure", lambda *args: (configure(*args), saved.append(True))[0])
    monkeypatch.setattr(NodeService, "measure", broken)
    _, err = binnode(
        board, "calibrate", "--yes", "--full-mm", "200", "--sheet", str(tmp_path / "sheets"), code=main.FAILED
    )
    assert "The new calibration is saved." in err
    (file,) = (tmp_path / "sheets").glob("*.json")
    sheet = json.loads(file.read_text())
    assert sheet["saved"] and sheet["after"]["settings"]["full_mm"] == 200 and sheet["after"]["reading"] is None
