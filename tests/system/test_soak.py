"""A soak of three days: every reading accounted for, and the firmware on CPython decides the same."""

import json
import pickle
from collections import Counter
from dataclasses import replace
from io import StringIO

import pytest
from binnode_tools.virtual_board import storage
from rich.console import Console

from tests.soak import __main__ as soak
from tests.soak import decisions, faults, report, sweeps, year


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    """Three days out of a round that is pressed into eight."""
    folder = tmp_path_factory.mktemp("soak")
    outcome = year.run("2", 3, folder, lambda text: None, round_days=8)
    outcome.decide(folder / "recorded.pickle", decisions.compare)
    return outcome, folder


def test_three_days_of_faults_break_no_promise(soaked):
    outcome, _ = soaked
    assert not outcome.problems
    assert len(outcome.injected) >= 8 and outcome.ends["power cut"] >= 1
    accounts = outcome.accounts
    assert accounts.measured >= outcome.ends["deep sleep"] > 250 and accounts.balance == 0
    assert sum(accounts.lost.values()) > 0 and any(loss.told_s for loss in accounts.losses)


def test_decisions_on_cpython_are_the_same(soaked):
    decided = soaked[0].decisions
    assert decided["wakes"] > 80 and decided["reports"] > 0 and decided["acts"] > 5000
    assert decided["differences"] == []


def test_another_echo_is_another_decision(soaked):
    """The comparison can fail: one act is answered otherwise, and one report was another."""
    _, folder = soaked
    recording = decisions.load(folder / "recorded.pickle")
    echoes = [
        (wake, place)
        for wake, (_, _, acts, _, _) in enumerate(recording["wakes"])
        for place, act in enumerate(acts)
        if act[0] == 36 and act[5] > 1000
    ]
    wake, place = echoes[0]
    acts = recording["wakes"][wake][2]
    acts[place] = (*acts[place][:5], acts[place][5] * 2, b"")
    other = folder / "other.pickle"
    other.write_bytes(pickle.dumps(recording))
    assert decisions.compare(other)["different_wakes"] == 1


def test_report_and_picture(soaked):
    outcome, folder = soaked
    report.write(folder, outcome, {"random": sweeps.Sweep(cuts=7), "problems": []})
    written = json.loads((folder / "report.json").read_text())
    facts = written["year"]
    assert facts["readings_measured"] == (
        facts["readings_delivered"] + facts["readings_waiting"] + sum(facts["readings_lost"].values())
    )
    assert sum(facts["faults"].values()) == len(outcome.injected) and written["random"]["cuts"] == 7
    assert (folder / "soak.png").read_bytes()[:4] == b"\x89PNG"
    shown = Console(file=StringIO(), width=120)
    report.show(outcome, shown)
    assert all(kind in shown.file.getvalue() for kind in faults.NAMES)


def test_year_has_every_kind_of_fault_often_and_is_no_storm():
    year_of_them = faults.schedule("1", 365)
    counts = Counter(fault.kind for fault in year_of_them)
    assert set(counts) == set(faults.NAMES)
    assert min(counts.values()) >= 7 and len(year_of_them) <= 365
    assert faults.schedule("1", 20) == [fault for fault in year_of_them if fault.at_s < 20 * 86400 - 6 * 3600]


@pytest.fixture(scope="module")
def hours_of_cuts():
    """30 hours, a few cuts of each sort."""
    return sweeps.at_random("1", 12, lambda text: None, hours=30)


def test_random_cuts_are_survived(hours_of_cuts):
    assert hours_of_cuts.cuts == 12 and hours_of_cuts.writes >= 2 and hours_of_cuts.problems == []


def test_nvs_that_takes_the_old_away_first_is_found(monkeypatch):
    """The sweep can fail: a cut in the middle of the second checkpoint, and neither is there."""
    whole = storage.Nvs._write

    def gone_first(nvs, name, value):
        nvs.live.pop(name, None)
        whole(nvs, name, value)

    monkeypatch.setattr(storage.Nvs, "_write", gone_first)
    found = sweeps.every_byte("1", lambda text: None, step=90, measure_s=3600)
    assert found.problems and all("checkpoint is gone" in problem for problem in found.problems)


def test_a_loss_that_nobody_named_is_found(soaked):
    outcome, _ = soaked
    accounts = replace(outcome.accounts, measured=outcome.accounts.measured + 1)
    assert accounts.balance == 1


def test_stages_are_named_and_an_error_in_one_is_a_problem():
    def broken():
        """that breaks"""
        raise ValueError("here")

    assert "ValueError: here" in soak.stage("broken", broken)[0]
    assert all(getattr(soak.Soak, name).__doc__ for name in soak.STAGES)
