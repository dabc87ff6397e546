"""A cable that is pulled at any byte of a calibration: the node has the old one or the new one, and the tool knows."""

import json
import re

from binnode_tools import boards, image
from binnode_tools.cli import main
from click.testing import CliRunner

from tests.unit.fake_board import FakeBoard

OLD = {"empty_mm": 1234, "full_mm": 210, "shape": "upright"}
NEW = {"empty_mm": 1500, "full_mm": 300, "shape": "lying", "diameter_mm": 1300}
OPTIONS = ["--empty-mm", "1500", "--full-mm", "300", "--diameter-mm", "1300"]
AS_IT_WAS, PERHAPS, SAVED = (
    "The calibration is as it was.",
    "It may be saved or not: binnode config show tells.",
    "The new calibration is saved.",
)
DONE = "Saved. The node starts."
FIRST = b"service.info("  # what is sent before it depends on when the board answers


def run(board, *options):
    board.wait_for_start()
    arguments = ["calibrate", *options, "--yes", "--no-sheet", "--wait", "2", "--port", board.port]
    result = CliRunner().invoke(main.cli, arguments)
    assert "Traceback" not in result.output and not isinstance(result.exception, Exception), result.exception
    return result


def start(board):
    """The old calibration, the line there, and the board in its first seconds."""
    (board.flash / "config.json").write_text(json.dumps(OLD))
    board.replug()
    board.press_reset()
    board.heard = b""


def cut_the_line(board, cuts, *options):
    """What each cut came to: "old" or "new", and what the tool said of it. `cuts`: (text or None, bytes from the tools
    after it)."""
    seen = []
    for text, count in cuts:
        start(board)
        if text is None:
            board.unplug_after(count)
        else:
            board.unplug_at(text, count)
        result = run(board, *options)
        config = board.config()
        has = {name: config.get(name) for name in NEW}
        assert has == NEW or config == OLD, (text, count, config)
        what = "new" if has == NEW else "old"
        said = [text for text in (AS_IT_WAS, PERHAPS, SAVED, DONE) if text in result.output]
        if result.exit_code == main.NO_DEVICE and not said:  # it never got in
            assert what == "old"
        else:
            assert len(said) == 1, (text, count, result.output)
            assert {AS_IT_WAS: "old", PERHAPS: what}.get(said[0], "new") == what, (text, count, what, result.output)
            assert (result.exit_code == 0) == (said[0] == DONE), result.output
        seen.append((what, said[0] if said else "no board"))
    return seen


def session(board, *options):
    """All that the tools send from their first call on, when nobody disturbs."""
    start(board)
    result = run(board, *options)
    assert result.exit_code == 0 and NEW.items() <= board.config().items(), result.output
    return board.heard[board.heard.index(FIRST) + len(FIRST) :]


def exhaustive(folder, step=1):
    """For the soak: the cable pulled at each `step`-th byte of the session. How often."""
    with FakeBoard(folder, image.application_files(boards.load("esp32_devkit"))) as board:
        cuts = [(FIRST, count) for count in range(0, len(session(board, *OPTIONS)), step)]
        return len(cut_the_line(board, cuts, *OPTIONS))


def test_a_line_that_is_cut_anywhere(board):
    """A dozen places all over the session, and more around the order that writes."""
    sent = session(board, *OPTIONS)
    order = re.search(rb"service\.configure\(.*?\x04", sent, re.DOTALL)
    assert order
    last = sent.rindex(b"service.measure(")
    counts = {*range(0, len(sent), len(sent) // 12), order.start(), order.end() - 1, order.end(), last, len(sent) - 1}
    seen = cut_the_line(board, [(FIRST, count) for count in sorted(counts)], *OPTIONS)
    assert [what for what, _ in seen] == sorted((what for what, _ in seen), reverse=True), "first old, then new"
    assert {said for _, said in seen} >= {AS_IT_WAS, PERHAPS, SAVED, DONE}


def test_a_line_that_is_cut_before_it_is_in(board):
    assert cut_the_line(board, [(None, 0), (None, 3)], *OPTIONS) == [("old", "no board")] * 2


def test_a_line_that_is_cut_while_it_measures(board):
    """Readings of the empty bin, not typed ones."""
    board.surface(1500)
    options = [*OPTIONS[2:], "--depth-mm", "1500"]
    sent = session(board, *options)
    places = [match.end() for match in re.finditer(rb"service\.measure\(", sent)]
    assert len(places) == 7
    seen = cut_the_line(board, [(FIRST, places[0] + 3), (FIRST, places[4] + 20)], *options)
    assert seen == [("old", AS_IT_WAS)] * 2
