"""A soak of three days: every reading accounted for, and the firmware on CPython decides the same."""

import pickle
from collections import Counter

import pytest

from tests.soak import decisions, faults, report, year


@pytest.fixture(scope="module")
def soaked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("soak")
    outcome = year.run("1", 3, folder, lambda text: None)
    outcome.decide(folder / "recorded.pickle", decisions.compare)
    return outcome, folder


def test_three_days_of_faults_break_no_promise(soaked):
    outcome, _ = soaked
    assert not outcome.problems
    assert len(outcome.injected) >= 8 and outcome.ends["power cut"] >= 3
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
    report.write(outcome, folder)
    facts = report.as_dict(outcome)
    assert facts["readings_measured"] == (
        facts["readings_delivered"] + facts["readings_waiting"] + sum(facts["readings_lost"].values())
    )
    assert (folder / "soak.png").read_bytes()[:4] == b"\x89PNG" and (folder / "report.json").exists()


def test_year_has_a_thousand_cuts_and_every_kind_of_fault():
    year_of_them = faults.schedule("1", 365)
    counts = Counter(fault.kind for fault in year_of_them)
    assert set(counts) == set(faults.KINDS)
    assert counts[faults.CUT_AT_ACT] >= 1000 and min(counts.values()) >= 5
    assert faults.schedule("1", 20) == [fault for fault in year_of_them if fault.at_s < 20 * 86400 - 6 * 3600]
