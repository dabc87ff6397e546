"""The page about Python: its examples run, and every command has its functions."""

import importlib
import json
import re
from pathlib import Path

import pytest
from binnode_tools.calibration import calibrate
from PIL import Image

from tests.unit.fake_loader import FakeLoader
from tests.unit.host.test_command_line import LEAVES
from tests.unit.host.test_errors import ports
from tests.unit.micropython_bin import micropython_bin

PAGE = (Path(__file__).parents[3] / "host_tools/docs/python.md").read_text()
FIRST, TEN_BINS, FROM_THE_BOX = re.findall(r"```python\n(.*?)```", PAGE, re.S)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def test_every_command_has_its_functions():
    rows = dict(re.findall(r"^\| `([a-z ]+)` \| (.*) \|$", PAGE, re.M))
    assert set(rows) == {" ".join(path) for path in LEAVES}
    for names in rows.values():
        for name in re.findall(r"`([\w.]+)`", names):
            assert callable(found(name)), name


def found(name):
    parts = name.split(".")
    for count in range(len(parts) - 1, 0, -1):
        try:
            place = importlib.import_module("binnode_tools." + ".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            place = getattr(place, part)
        return place
    raise AssertionError(name)


def test_first_example(board, monkeypatch, capsys):
    ports(monkeypatch, (board.port, 0x10C4))
    board.surface(600)
    exec(FIRST, {})
    assert board.config()["name"] == "Gate 3" and board.config()["measure_s"] == 600
    said = capsys.readouterr().out
    kind, distance_mm, fill_permille = said.splitlines()[-1].split()
    assert kind == "ok" and abs(int(distance_mm) - 600) <= 2 and abs(int(fill_permille) - 500) <= 3
    assert board.starts == 2, "the node goes on with its work"


def test_ten_bins(board, monkeypatch):
    """Three of them, that is; the second's module is not plugged in."""
    ports(monkeypatch, (board.port, 0x10C4))
    visits = []

    def walk(prompt):
        visits.append(prompt)
        board.surface("silent" if len(visits) == 2 else 800 + 50 * len(visits))
        board.press_reset()  # it gets its power
        board.wait_for_start()

    monkeypatch.setattr("builtins.input", walk)
    names = {}
    assert "range(1, 11)" in TEN_BINS
    exec(TEN_BINS.replace("range(1, 11)", "range(1, 4)"), names)
    assert len(visits) == 3 and list(names["left"]) == ["Market square 2"]
    assert names["left"]["Market square 2"].startswith("module_silent: the module gave 5 of 5 readings as fault")
    wanted = {f"Market square {number}": 800 + 50 * number for number in (1, 3)}
    assert all(abs(names["depths"][place] - mm) <= 2 for place, mm in wanted.items())
    sheets = [json.loads(path.read_text()) for path in Path("calibrations").glob("*.json")]
    assert {sheet["place"]: sheet["bin"]["empty_mm"] for sheet in sheets} == names["depths"]
    for path in Path("calibrations").glob("*.png"):
        Image.open(path).verify()
    assert board.config()["empty_mm"] == names["depths"]["Market square 3"]


def test_from_the_box(monkeypatch, capsys):
    Path("esp32.bin").write_bytes(micropython_bin("esp32", filler=1000))
    with FakeLoader() as target:
        ports(monkeypatch, (target.port, 0x10C4))
        names = {}
        exec(FROM_THE_BOX, names)
        assert target.flash == names["image"].content
    assert names["entry"].dev_eui == "240ac4fffe000110" and names["became"] == "created"
    assert b'"name": "Gate"' in names["image"].content and Path("gate.json").stat().st_mode & 0o077 == 0
    assert list(Path("labels").iterdir())
    said = capsys.readouterr().out
    assert "created" in said and names["entry"].secrets["lora_app_key"] not in said


def test_the_api_needs_no_command_line():
    """A Problem comes out, not the end of the program."""
    assert "click" not in calibrate.__globals__
    for name in ("calibration", "app_update", "flashing.whole_node", "flashing.content", "node_provisioning", "fleet"):
        source = Path(importlib.import_module(f"binnode_tools.{name}").__file__).read_text()
        assert "import click" not in source and "binnode_tools.cli" not in source and "sys.exit" not in source
