"""`make run` in the default unkind world: real bins, a real broker, every report held against the truth."""

import os

import pytest
from binnode_tools.virtual_board import run_report, simulation
from binnode_tools.virtual_board.vm_process import VmError, micropython_command

RUNS = [("1511199", 1, "ds18b20", 1.0), ("1511204", 2, "ds18b20", 1.0), ("1510830", 3, "chip", 2.0)]


@pytest.mark.parametrize(("bin_id", "seed", "thermometer", "limit_pct"), RUNS)
def test_two_weeks_of_a_real_bin(bin_id, seed, thermometer, limit_pct):
    wakes = []
    settings = simulation.Settings(bin_id=bin_id, seed=seed, thermometer=thermometer)
    result = simulation.run(settings, lambda wake, reports: wakes.append(wake))
    numbers = run_report.summary(result)
    assert numbers["days"] == 14 and numbers["measurements"] >= 14 * 96 * 0.94
    assert numbers["reports"] == numbers["decoded"] > 28
    assert numbers["max_abs_fill_error_pct"] <= limit_pct
    assert numbers["emptyings_true"] >= 2
    assert numbers["emptyings_reported"] == numbers["emptyings_true"]
    assert numbers["false_emptyings"] == 0
    assert numbers["interpreter_starts"] == len(wakes) == numbers["measurements"]
    assert all(wake.how == "deep sleep" for wake in wakes)


def test_same_seed_same_trace_through_a_real_broker():
    def trace(seed):
        return simulation.run(simulation.Settings(days=3, seed=seed)).trace_sha256

    first = trace(5)
    assert first == trace(5)
    assert first != trace(6)


def test_without_micropython_it_says_what_to_do(monkeypatch):
    monkeypatch.delenv("MICROPYTHON", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VmError, match=r"Linux x86-64 and macOS arm64 only.*\n.*\n.*MICROPYTHON=/path/to/micropython"):
        micropython_command()
    monkeypatch.setenv("MICROPYTHON", "/nowhere/micropython")
    with pytest.raises(VmError, match="there is no such program"):
        micropython_command()


def test_a_micropython_from_elsewhere_serves_too(monkeypatch, tmp_path):
    """MICROPYTHON=...: the VM is executed and not forked; the trace is the same."""
    import sys

    forked = simulation.run(simulation.Settings(days=1, seed=9))
    program = tmp_path / "micropython"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m micropython_unix "$@"\n')
    os.chmod(program, 0o755)
    monkeypatch.setenv("MICROPYTHON", str(program))
    executed = simulation.run(simulation.Settings(days=1, seed=9))
    assert executed.trace_sha256 == forked.trace_sha256
    assert executed.micropython_version == forked.micropython_version
