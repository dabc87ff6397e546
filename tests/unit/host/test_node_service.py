"""The typed API against the application as it is deployed, in the real MicroPython."""

import pytest
from binnode_tools import image
from binnode_tools.board_link import BoardLink
from binnode_tools.node_service import NodeError, NodeService
from binnode_tools.problems import Problem

SECRET = "correct horse battery"


@pytest.fixture
def node(board):
    with BoardLink(board.port) as link:
        yield NodeService(link)


def test_info(node):
    info = node.info()
    assert (info.board, info.device_id, info.commit) == ("esp32_devkit", "240ac4000110", image.commit())
    assert info.micropython.startswith("1.") and info.free_heap > 100_000


def test_settings_are_stored_and_read_back(board, node):
    assert node.configure({"name": 'Gärtner\'s "gate" \\ \U0001f5d1', "measure_s": 600}) is None
    shown = node.show()
    assert shown.config["name"] == 'Gärtner\'s "gate" \\ \U0001f5d1'
    assert shown.problem is None and shown.config == board.config()


def test_refusal_is_worded_by_the_node_and_changes_nothing(board, node):
    with pytest.raises(NodeError, match=r"full_mm = 990: must be below 950 mm, which is 50 mm less than empty_mm"):
        node.configure({"full_mm": 990, "measure_s": 600})
    assert board.config() is None


def test_broken_config_is_shown_and_mended(board, node):
    (board.flash / "config.json").write_text('{"empty_mm": 1200, "full_mm": ')
    assert "not readable" in node.show().problem
    assert "not readable" in node.configure({"measure_s": 600})
    assert node.show().problem is None


def test_secret_goes_in_and_never_comes_out(board, node):
    node.keep_secret("wifi_key", SECRET)
    with pytest.raises(NodeError, match=r"^wifi_key: must be 8..63 characters$"):
        node.keep_secret("wifi_key", SECRET * 4)
    shown = node.show()
    assert [name for name, is_set in shown.secrets.items() if is_set] == ["wifi_key"]
    assert board.secrets() == {"wifi_key": SECRET}
    assert SECRET not in str(shown) + board.said.decode(errors="replace")
    assert all(SECRET.encode() not in path.read_bytes() for path in board.flash.rglob("*") if path.is_file())


def test_reading(board, node):
    board.surface(600)
    reading = node.measure()
    assert reading.kind == "ok" and abs(reading.distance_mm - 600) <= 1 and abs(reading.fill_permille - 500) <= 2
    assert (reading.valid, reading.pings, reading.temperature_c10, reading.battery_mv) == (5, 5, 200, 3900)
    assert len(reading.heard_mm) == 5 and all(abs(mm - 600) <= 10 for mm in reading.heard_mm)
    assert board.light_sleeps() == 0, "the console would have gone dead"


def test_reading_beyond_the_bottom_needs_the_whole_range(board, node):
    board.surface(1400)
    assert node.measure().kind == "lid_open"
    reading = node.measure(whole_range=True)
    assert reading.kind == "ok" and abs(reading.distance_mm - 1400) <= 1 and reading.fill_permille is None
    board.surface(3950)
    assert abs(node.measure(whole_range=True).distance_mm - 3950) <= 2


def test_module_that_is_not_there(board, node):
    board.surface("silent")
    reading = node.measure()
    assert (reading.kind, reading.distance_mm, reading.fill_permille, reading.spread_mm) == ("fault", None, None, None)
    assert reading.heard_mm == [None] * reading.pings


def test_board_file_that_is_gone(board, node):
    (board.flash / "board.json").unlink()
    with pytest.raises(NodeError, match=r"board.json: missing or broken; deploy again"):
        node.info()


@pytest.mark.parametrize("change", [lambda told: told.pop("heard_mm"), lambda told: told.update(more=1)])
def test_an_answer_of_other_firmware_with_the_same_version(node, monkeypatch, change):
    """Between two releases versions are the same: what does not fit is a Problem, and no TypeError."""
    answer = {"readings": [dict(vars(node.measure()))]}
    change(answer["readings"][0])
    monkeypatch.setattr(BoardLink, "call", lambda *_, **__: answer)
    with pytest.raises(Problem, match=r"other firmware than that of these tools.* binnode deploy --port") as caught:
        node.measure()
    assert caught.value.code == "other_version"
