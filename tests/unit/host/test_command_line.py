"""The command line as a whole: help, ports, JSON, colours and completion of every command."""

import json
import os
import re
import shutil
import subprocess

import click
import pytest
from binnode_tools.cli import main, port
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from tests.unit.command_line import BINNODE, binnode
from tests.unit.host.test_errors import ports

ANSI = "\x1b["
# What prints no result of its own: a script for the shell, a stream of lines until Ctrl-C.
WITHOUT_JSON = {"completion", "sim server"}
ASKS = {"calibrate", "provision node"}  # and can be told not to


def walk(command=main.cli, path=()):
    """(words, command) of every command, groups too."""
    ctx = click.Context(command)
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            yield from walk(command.get_command(ctx, name), (*path, name))


EVERY = dict(walk())
LEAVES = {path: command for path, command in EVERY.items() if not isinstance(command, click.Group)}


def run(*args, **options):
    return CliRunner().invoke(main.cli, [*map(str, args)], prog_name="binnode", **options)


def test_overview_has_each_command_once_and_in_its_section():
    shown = [name for names in main.SECTIONS.values() for name in names]
    assert sorted(shown) == sorted(main.COMMANDS) and len(set(shown)) == len(shown)
    text = run("--help").stdout
    for title in (*main.SECTIONS, "Examples", "Exit codes", "Options"):
        assert f"\n{title}:\n" in text
    assert all(re.search(rf"^  {name} +{re.escape(line)}$", text, re.M) for name, (_, line) in main.COMMANDS.items())


@pytest.mark.parametrize("path", EVERY, ids=lambda path: " ".join(path) or "binnode")
def test_help_reads_at_80_columns(path):
    for option in ("--help", "-h"):
        done = run(*path, option, env={"COLUMNS": "80"})
        assert done.exit_code == 0 and done.stdout.startswith(f"Usage: {' '.join(('binnode', *path))} ")
        assert max(map(len, done.stdout.splitlines())) <= 90  # examples may stand out a little
    command = EVERY[path]
    nameless = [one.name for one in command.params if isinstance(one, click.Option) and not one.help]
    assert not nameless, "options without a word of help"
    assert not re.search(r"\b(INTEGER|FLOAT|TEXT) RANGE\b", done.stdout)
    assert not any(line.endswith("...") for line in done.stdout.splitlines()[1:]), "cut off by click"


@pytest.mark.parametrize("path", [path for path in LEAVES if path], ids=" ".join)
def test_help_has_an_example(path):
    assert re.search(rf"^  binnode {' '.join(path)}\b|^ +bash +binnode", run(*path, "-h").stdout, re.M)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_results_are_there_for_scripts(path):
    options = {name for one in LEAVES[path].params for name in one.opts}
    assert ("--json" in options) == (" ".join(path) not in WITHOUT_JSON)
    assert ("--yes" in options) == (" ".join(path) in ASKS)


def test_nothing_is_coloured_unless_a_terminal_wants_it(board):
    for command in (["config", "show"], ["measure"], ["deploy"], ["config", "set", "name=x"]):
        out, err = binnode(board, *command)
        assert ANSI not in out + err
    assert not any(ANSI in run(*path, "-h", color=True).output for path in EVERY)


# the port


def test_port_is_taken_from_all_the_places_it_can_be_named_in(board, monkeypatch):
    def measured(*args):
        board.wait_for_start()
        done = run(*args, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)["readings"][0]["kind"]

    assert measured("--port", board.port, "measure") == "ok"
    assert measured("-p", board.port, "measure") == "ok"
    monkeypatch.setenv("BINNODE_PORT", board.port)
    assert measured("measure") == "ok"
    monkeypatch.setenv("BINNODE_PORT", "/dev/ttyNONE")
    assert measured("measure", "-p", board.port) == "ok", "what is typed goes before the environment"
    monkeypatch.delenv("BINNODE_PORT")
    ports(monkeypatch, (board.port, 0x1A86), ("/dev/ttyACM7", 0x2341))
    assert measured("measure") == "ok", "the only one that fits"
    shown = run("config", "get", "measure_s")
    assert shown.stdout == "900\n"


def test_what_is_named_later_goes_first(monkeypatch):
    monkeypatch.setenv("BINNODE_PORT", "environment")
    with click.Context(main.cli) as ctx:
        assert port.chosen(None) == "environment"
        ctx.meta["binnode.port"] = "group"
        assert (port.chosen(None), port.chosen("command")) == ("group", "command")


def test_several_ports_are_listed_with_what_they_are(monkeypatch):
    ports(monkeypatch, ("/dev/ttyUSB1", 0x10C4), ("/dev/ttyUSB0", 0x1A86))
    done = run("measure")
    assert done.exit_code == main.USAGE_ERROR
    assert "Ports there are: /dev/ttyUSB0 (USB Serial), /dev/ttyUSB1 (USB Serial)." in done.stderr


# completion


def completed(*words):
    *before, incomplete = words
    return [one.value for one in ShellComplete(main.cli, {}, "binnode", "_X").get_completions(before, incomplete)]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (["dep"], ["deploy"]),
        (["config", "val"], ["validate"]),
        (["measure", "--co"], ["--count"]),
        (["flash", "--board", "heltec"], ["heltec_v3"]),
        (["deploy", "--board", "esp32_"], ["esp32_devkit"]),
        (["calibrate", "--module", "jsn_sr04t_"], ["jsn_sr04t_uart"]),
        (["calibrate", "--shape", "ly"], ["lying"]),
        (["config", "get", "wifi_s"], ["wifi_ssid"]),
        (["config", "set", "name=x", "wifi_ss"], ["wifi_ssid="]),
        (["config", "set", "wifi_k"], ["wifi_key"]),
        (["provision", "node", "--region", "US"], ["US915"]),
        (["sim", "console", "--region", "KR"], ["KR920"]),
        (["sim", "console", "--module", "us1"], ["us100"]),
        (["measure", "--port", "/dev/ttyA"], ["/dev/ttyACM0"]),
        (["--port", "/dev/ttyU"], ["/dev/ttyUSB0"]),
        (["completion", "f"], ["fish"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_values_are_completed(monkeypatch, typed, wanted):
    ports(monkeypatch, ("/dev/ttyUSB0", 0x10C4), ("/dev/ttyACM0", 0x303A), ("/dev/ttyS0", None))
    assert completed(*typed) == wanted


def test_values_that_can_not_be_had_spoil_no_prompt(monkeypatch):
    def broken():
        raise OSError

    monkeypatch.setattr("serial.tools.list_ports.comports", broken)
    assert completed("measure", "--port", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_for_the_shell(shell):
    assert "_BINNODE_COMPLETE" in run("completion", shell).stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["binnode", "mod"], "modules"),
        (["binnode", "config", "set", "wifi_ss"], "wifi_ssid="),
        (["binnode", "flash", "--board", "lilygo_l"], "lilygo_lora32_v21"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else words,
)
def test_bash_completes(tmp_path, words, found):
    (tmp_path / "script").write_text(run("completion", "bash").stdout)
    code = """
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        compopt() { echo "compopt $*"; }
        _binnode_completion binnode; echo "${COMPREPLY[*]}"; complete -p binnode
    """
    path = f"{BINNODE.parent}:{os.environ['PATH']}"
    command = ["bash", "-c", code, "bash", str(tmp_path / "script"), *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PATH": path}, timeout=60)
    assert done.stderr == "" and done.stdout.splitlines()[-2] == found
    assert done.stdout.splitlines()[-1].endswith("-F _binnode_completion binnode")
    assert ("nospace" in done.stdout) == found.endswith("=")


# config validate


def test_validate_a_node(board):
    assert binnode(board, "config", "validate")[0] == "the node's config.json: in order\n"
    (board.flash / "config.json").write_text('{"measure_s": 5}')
    _, err = binnode(board, "config", "validate", code=main.FAILED)
    assert "the node's config.json is not in order: measure_s = 5: must be 10..86400 s" in err
    board.wait_for_start()
    done = run("config", "validate", "--json", "--port", board.port)
    assert done.exit_code == main.FAILED and done.stderr == ""
    found = json.loads(done.stdout)
    assert found["valid"] is False and "measure_s = 5" in found["problems"][0] and found["config"]["measure_s"] == 900


@pytest.mark.parametrize(
    ("content", "board", "problem"),
    [
        ({"name": "Gate"}, None, None),
        ({"module": "rcwl9600"}, "heltec_v3", None),
        ({"transport": "lorawan", "lora_region": "EU868"}, "heltec_v3", None),
        ({"transport": "lorawan"}, "esp32_devkit", "transport = lorawan: esp32_devkit has no LoRa radio"),
        ({"fallback": "lorawan", "transport": "wifi"}, "esp32c3", "fallback = lorawan: esp32c3 has no LoRa radio"),
        ({"full_mm": 990}, None, "full_mm = 990: must be below 950 mm"),
        ({"wifi_key": "correct horse"}, None, "wifi_key: a secret, which is kept apart"),
        ({"config": {"name": "Gate"}, "secrets": {"wifi_key": "correct horse"}}, None, None),
        ({"config": {"name": "Gate"}, "secrets": {"wifi_key": "horse"}}, None, "wifi_key: must be 8..63 characters"),
        ({"mqtt_prot": 1883}, None, "mqtt_prot: unknown"),
    ],
)
def test_validate_a_file(tmp_path, content, board, problem):
    path = tmp_path / "bin7.json"
    path.write_text(json.dumps(content))
    args = ["config", "validate", "--file", path, *(["--board", board] if board else [])]
    plain, scripted = run(*args), run(*args, "--json")
    found = json.loads(scripted.stdout)
    assert plain.exit_code == scripted.exit_code == (1 if problem else 0)
    assert found["valid"] is (problem is None) and "horse" not in plain.output + scripted.output
    if problem:
        assert f"bin7.json is not in order: {problem}" in plain.stderr and problem in found["problems"][0]
    else:
        assert plain.stdout == "bin7.json: in order\n" and found["problems"] == []


def test_validate_says_what_is_no_file_of_settings(tmp_path):
    (tmp_path / "x.json").write_text("[1]")
    assert "x.json: must be a JSON object" in run("config", "validate", "--file", tmp_path / "x.json").stderr
    assert run("config", "validate", "--board", "esp32c3").exit_code == main.USAGE_ERROR
