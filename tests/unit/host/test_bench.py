"""The bench itself: what it writes, when it fails, how it searches; without running a node."""

import json
from types import SimpleNamespace

import pytest
from binnode_tools.virtual_board.peers import ScriptedBroker

from tests.bench import bytecode, heap, instructions
from tests.bench.__main__ import main
from tests.bench.figures import NAMES, Figure, figure, table
from tests.bench.node import BenchError, sound


def bench(tmp_path, *figures, arguments=()):
    """(exit code, the JSON) of a bench that measures `figures`."""
    path = tmp_path / "out" / "bench.json"
    asked = []

    def measuring(board, say, out, keep):
        asked.append((board, keep))
        say("measuring")
        return list(figures)

    code = main([*arguments, "--output", str(path)], measuring)
    assert len(asked) == 1
    return code, json.loads(path.read_text()), asked[0]


def test_json_is_a_list_of_name_value_unit_budget(tmp_path, capsys):
    figures = (
        figure("heap_kib_report_wifi", 51),
        figure("instructions_measure_wake", None),
        figure("awake_ms_measure", 951.5),
    )
    code, written, (board, keep) = bench(tmp_path, *figures)
    assert code == 0
    assert written == [
        {"name": "heap_kib_report_wifi", "value": 51, "unit": "KiB", "budget": 96},
        {"name": "instructions_measure_wake", "value": None, "unit": "instructions", "budget": None},
        {"name": "awake_ms_measure", "value": 951.5, "unit": "ms", "budget": None},
    ]
    assert (board, keep) == ("esp32_devkit", None)
    shown = capsys.readouterr()
    assert "53 %" in shown.out and "not measured" in shown.out and "951.50" in shown.out
    assert "measuring" in shown.err and "measuring" not in shown.out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["bench.json"]


def test_exceeded_budget_is_exit_code_1_and_named(tmp_path, capsys):
    assert bench(tmp_path, Figure("a", 96, "KiB", 96), Figure("b", 10**9, "days/s", None))[0] == 0
    code, written, _ = bench(tmp_path, Figure("a", 96.01, "KiB", 96), Figure("b", 1, "ms", 2))
    assert code == 1 and len(written) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "bench: a is 96.01 KiB, the budget 96"


def test_budgets_are_those_of_the_project():
    budgets = {name: budget for name, (_, budget) in NAMES.items() if budget is not None}
    assert budgets == {
        "firmware_mpy_kib": 96,
        "wake_mpy_kib_measure": 32,
        "wake_mpy_kib_report_wifi": 32,
        "wake_mpy_kib_report_tls": 32,
        "wake_mpy_kib_report_lorawan": 32,
        "heap_kib_measure_wake": 96,
        "heap_kib_report_wifi": 96,
        "heap_kib_report_tls": 96,
        "heap_kib_join": 96,
        "heap_kib_report_lorawan": 96,
    }


def test_table_has_a_row_for_each_figure():
    assert table(figure(name, 1) for name in NAMES).row_count == len(NAMES) == 27


def test_what_goes_wrong_is_said_without_a_traceback(tmp_path, capsys):
    path = tmp_path / "bench.json"

    def failing(board, say, out, keep):
        raise BenchError("no measure wake, but a dead node")

    assert main(["--output", str(path)], failing) == 1
    assert capsys.readouterr().err == "bench: no measure wake, but a dead node\n"
    assert main(["--board", "no_such_board", "--output", str(path)], failing) == 1
    assert "no_such_board" in capsys.readouterr().err
    assert not path.exists()
    with pytest.raises(SystemExit) as ended:
        main(["--nonsense"], failing)
    assert ended.value.code == 2


def test_without_valgrind_the_numbers_are_unknown_and_nothing_is_run(monkeypatch):
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    monkeypatch.setattr(instructions, "executed", lambda *_: pytest.fail("there is nothing to count with"))
    assert not instructions.available()
    assert instructions.of_wakes("esp32_devkit", (None, None)) == [None, None]
    assert "package manager" in instructions.MISSING


def test_instructions_are_counted_from_those_of_an_empty_wake(monkeypatch):
    counts = {None: 48_413_591, "measure": 72_655_692}
    monkeypatch.setattr(instructions, "available", lambda: True)
    monkeypatch.setattr(instructions, "executed", lambda board, scenario, keep: counts[scenario])
    assert instructions.of_wakes("esp32_devkit", ("measure",)) == [24_242_101]


def test_callgrind_total_is_read_from_its_file():
    assert instructions.total("events: Ir\nfn=(1) main\n3 90\n\ntotals: 72655692\n") == 72_655_692
    with pytest.raises(BenchError, match="total"):
        instructions.total("events: Ir\n")


@pytest.mark.parametrize("least", [8, 9, 33, 70, 200, 510])
def test_smallest_heap_is_found_in_few_trials(least):
    trials = []
    assert heap.smallest(lambda kib: trials.append(kib) or kib >= least) == least
    assert len(trials) == len(set(trials)) < 14


def test_a_lucky_size_below_one_that_fails_is_not_the_smallest():
    assert heap.smallest(lambda kib: kib >= 70 or kib == 68) == 70
    with pytest.raises(BenchError, match="512 KiB"):
        heap.smallest(lambda kib: False)


def test_modules_are_found_in_the_image_whether_files_or_packages():
    files = dict.fromkeys(("main.py", "binnode/__init__.mpy", "binnode/node.mpy"), b"abc")
    assert bytecode.file_of("binnode", files) == "binnode/__init__.mpy"
    assert bytecode.file_of("binnode.node", files) == "binnode/node.mpy"
    assert bytecode.file_of("machine", files) is None
    assert bytecode.sizes(files) == {"binnode/__init__.mpy": 3, "binnode/node.mpy": 3}


def test_only_a_wake_without_trouble_is_sound():
    def ended(line, how="deep sleep"):
        return sound(SimpleNamespace(console=line + "\n", how=how))

    measured = "binnode: wake 2, 25.0 %, ok, 800 mm, none: nothing to report, 1 waiting; sleeps 900 s"
    sent = "binnode: wake 24, 80.1 %, ok, 359 mm, heartbeat: sent, 0 waiting; sleeps 900 s"
    assert ended(measured) == "nothing to report" and ended(sent) == "sent"
    assert ended("binnode: starts in 3 s; Ctrl-C stops it\n" + sent) == "sent"
    assert ended(sent + "\nmodules binnode machine") == "sent"
    assert ended(measured, "main ended") is None
    assert ended("") is None
    for trouble in (
        sent.replace("sent", "failed: out of time waiting for CONNACK"),
        sent.replace("0 waiting", "0 waiting; RTC memory was lost (crc)"),
        sent.replace("80.1 %, ok, 359 mm", "--.- %, noisy, - mm"),
        "binnode: wake failed; next one in 900 s\nMemoryError: memory allocation failed",
        "MemoryError\n" + sent,
    ):
        assert ended(trouble) is None, trouble


def test_scripted_broker_acknowledges_what_arrives_in_pieces():
    broker = ScriptedBroker(lambda: 10_000).connect()
    connect = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02ab"
    publish = b"\x32\x90\x01" + b"\x00\x01t\x12\x34" + bytes(139)
    for byte in connect:
        assert broker.receive(4, 0, 10**9) is None
        broker.send(bytes([byte]), 5)
    assert broker.receive(4, 6, 10_004) is None  # on its way
    assert broker.receive(4, 6, 10_005) == (b"\x20\x02\x00\x00", 10_005)
    broker.send(publish[:100], 20_000)
    assert broker.receive(2, 20_000, 10**9) is None
    broker.send(publish[100:] + b"\xe0\x00", 20_000)
    assert broker.receive(2, 20_000, 10**9) == (b"\x40\x02", 30_000)
    assert broker.receive(9, 40_000, 10**9) == (b"\x12\x34", 40_000)
    assert broker.receive(9, 40_000, 10**9) is None
