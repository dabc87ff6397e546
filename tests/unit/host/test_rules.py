"""Rules of the house that a reader can't see from one file: no float on the way, one page per truth, small files."""

import ast
import re
from pathlib import Path

import pytest
from binnode_tools.virtual_board import acts, acts_chip, acts_network, acts_pins, acts_radio, trace
from binnode_tools.virtual_board.handlers import HANDLERS

ROOT = Path(__file__).parents[3]
FIRMWARE = ROOT / "firmware"
# From the echo to the payload. Wi-Fi's socket time-outs are seconds as floats, and are not on this way.
ON_THE_WAY = [
    *sorted((FIRMWARE / "binnode" / "sensing").glob("*.py")),
    *sorted((FIRMWARE / "binnode" / "reporting").glob("*.py")),
    *sorted((FIRMWARE / "binnode" / "storage").glob("*.py")),
    *sorted((FIRMWARE / "binnode" / "lorawan").rglob("*.py")),
    FIRMWARE / "binnode" / "node.py",
    FIRMWARE / "binnode" / "board.py",
    FIRMWARE / "binnode" / "config.py",
]
assert all((acts_chip, acts_network, acts_pins, acts_radio))  # imported for their handlers


def floats_in(source: str) -> list[str]:
    """Places where the source makes a float: a literal, a true division, float(), round() with digits, math."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            found.append(f"line {node.lineno}: {node.value}")
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            found.append(f"line {node.lineno}: /")
        elif isinstance(node, ast.Name) and node.id == "float":
            found.append(f"line {node.lineno}: float")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [
                f"line {node.lineno}: import of {name}" for name in names if name.split(".")[0] in ("math", "cmath")
            ]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            found.append(f"line {node.lineno}: ** (a negative exponent makes a float)")
    return found


@pytest.mark.parametrize("path", ON_THE_WAY, ids=lambda path: path.relative_to(FIRMWARE).as_posix())
def test_no_float_between_echo_and_payload(path):
    assert not floats_in(path.read_text())


@pytest.mark.parametrize(
    "source", ["x = 1.0", "x = a / b", "x /= 2", "x = float(1)", "import math", "from math import pi", "y = 2 ** -1"]
)
def test_the_float_check_sees_a_float(source):
    assert floats_in(source)


def test_the_float_check_passes_integers():
    assert not floats_in("x = (a * 7 + 3) // b << 2\n")


def test_every_act_has_a_handler_and_stands_on_the_page():
    page = (ROOT / "host_tools/binnode_tools/virtual_board/ACTS.md").read_text()
    table = page[page.index("## The acts") : page.index("## Sockets")]
    described = {
        name
        for row in table.splitlines()
        if row.startswith("| ")
        for name in re.findall(r"[A-Z][A-Z0-9_]+", row.split("|")[1])
    }
    assert described == set(trace.NAMES.values())
    assert set(HANDLERS) == set(trace.NAMES)
    assert f"`{acts.REQUEST}`" in page and f"`{acts.ANSWER}`" in page


@pytest.mark.parametrize("folder", ["firmware", "host_tools/binnode_tools", "tests"])
def test_files_stay_small_enough_to_read(folder):
    long = {
        path.relative_to(ROOT).as_posix(): count
        for path in (ROOT / folder).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 360
    }
    assert not long


def test_only_board_and_the_cold_start_touch_the_chip():
    chip = {"machine", "esp32", "network", "socket", "onewire"}
    allowed = {
        "main.py",
        "verify.py",
        "binnode/board.py",
        "binnode/board_radio.py",
        "binnode/board_serial.py",
        "binnode/board_rare.py",
        "binnode/board_store.py",
    }
    for path in FIRMWARE.rglob("*.py"):
        name = path.relative_to(FIRMWARE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert name in allowed or not chip & set(names), f"{name} imports {names}"


# Constants that a module has a copy of, since an import costs a wake more: whose they are.
COPIES = {
    "sensing/echo_filter.py": ("sensing/kinds.py",),
    "sensing/pulse_ranger.py": ("sensing/kinds.py",),
    "sensing/serial_ranger.py": ("sensing/kinds.py",),
    "node.py": ("sensing/kinds.py", "storage/state.py"),
    "reporting/policy.py": ("reporting/reasons.py", "sensing/kinds.py"),
}


def constants(name: str) -> dict[str, int]:
    """Names and values of a module's integers: NAME = 3 and NAME = const(3)."""
    found = re.findall(r"^(\w+) = (?:const\()?(-?\d+)\b", (FIRMWARE / "binnode" / name).read_text(), re.MULTILINE)
    return {key: int(value) for key, value in found}


@pytest.mark.parametrize("name", COPIES)
def test_copies_of_constants_are_true(name):
    originals = {f"_{key}": value for origin in COPIES[name] for key, value in constants(origin).items()}
    copies = {key: value for key, value in constants(name).items() if key in originals}
    assert copies and copies == {key: originals[key] for key in copies}


def test_nothing_names_the_workplace():
    """What is committed names no path of the machine that it was made on."""
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("Makefile"),
        *(ROOT / "firmware").rglob("*"),
        *(ROOT / "host_tools").rglob("*.*"),
        *(ROOT / "boards").glob("*"),
    ]:
        if (
            path.is_file()
            and path.suffix in (".py", ".md", ".toml", ".js", ".yaml", "")
            and "egg-info" not in str(path)
        ):
            text = path.read_text()
            assert "/work/" not in text and "shared/" not in text, path
