"""The supply goes at every byte of every write of a day, and at every act of a wake: the node comes back by itself."""

import sys
from dataclasses import replace

import pytest
from binnode_tools import paths
from binnode_tools.virtual_board.scene import Unkind
from binnode_tools.virtual_board.storage import Cutter

from tests.system.scenario import Scenario, scenario
from tests.system.snapshots import copied, next_wake
from tests.system.test_outage import break_network

sys.path[:0] = [path for path in (str(paths.FIRMWARE), str(paths.SHIMS)) if path not in sys.path]

CALM = replace(Unkind(), join_failures=0, sleep_clock_permille=0, sleep_clock_drift_permille_per_k=0)


def waiting(node: Scenario) -> int:
    """Readings in the node's backlog, from RTC memory as the firmware reads it."""
    from binnode.storage.state import unpack

    return len(unpack(node.board.chip.rtc).backlog)


def checkpointed(node: Scenario) -> int:
    """Readings in the checkpoint that a power loss would go back to; 0 without one."""
    from binnode.storage.state import StateError, unpack

    item = node.board.chip.nvs.live.get(("binnode", "checkpoint"))
    try:
        return len(unpack(item.value).backlog) if item and isinstance(item.value, bytes) else 0
    except StateError:
        return 0


def bytes_written(node: Scenario) -> int:
    """How much the next wake writes to flash and NVS."""
    trial = copied(node)
    counter = Cutter(1 << 30)
    trial.board.chip.nvs.cutter = trial.board.chip.flash.cutter = counter
    next_wake(trial)
    return (1 << 30) - counter.left


def comes_back(node: Scenario, before: int) -> None:
    """After the cut: two wakes that end in sleep, and no more lost than the checkpoint allows."""
    kept = checkpointed(node)
    next_wake(node, 2)
    for wake in node.wakes[-2:]:
        assert wake.how == "deep sleep", wake.console
        assert "failed;" not in wake.console, wake.console
    assert node.wakes[-2].cause == 1
    # What the checkpoint held waits again, with the two new readings, unless a report has taken some of it out.
    delivered = node.judge.delivered
    assert waiting(node) + delivered >= min(kept, before)


def cut_through(measure_s: int, hours: float, step: int) -> tuple[int, int]:
    """Cut at every `step`-th byte of every write of these hours; (writes, cuts). `make soak` takes every byte.

    The network is gone from the second hour, so that readings wait and there is something to write.
    """
    cuts = 0
    with scenario(lambda t_s: 300 + t_s / 500, unkind=CALM, config={"measure_s": measure_s}) as node:
        break_network(node, "no access point", (1, 90))
        node.judge = ForgivingJudge()
        writes = 0
        while node.board.next_time < hours * 3_600_000_000:
            size = bytes_written(node)
            before = waiting(node) if node.wakes else 0
            for after in [*range(0, size, step), *range(max(0, size - 2), size)]:
                trial = copied(node)
                trial.board.cut_power(after_bytes=after, off_us=5_000_000)
                next_wake(trial)
                assert trial.wakes[-1].how == "power cut"
                comes_back(trial, before)
                cuts += 1
            writes += size > 0
            next_wake(node)
        assert not node.board.chip.flash.writes
    return writes, cuts


@pytest.mark.parametrize(("measure_s", "hours", "step", "checkpoints"), [(900, 25, 13, 1), (3600, 50, 11, 2)])
def test_cut_in_the_middle_of_every_write_of_a_day(measure_s, hours, step, checkpoints):
    writes, cuts = cut_through(measure_s, hours, step)
    assert writes == 1 + checkpoints and cuts >= 40, "the count of first tries, and the checkpoints"


@pytest.mark.parametrize("which", ["measure", "report"])
def test_cut_at_every_fifth_act_of_a_wake(which):
    with scenario(lambda t_s: 300 if t_s < 1800 or which == "measure" else 380, unkind=CALM) as node:
        node.judge = ForgivingJudge()
        next_wake(node, 2)
        trial = copied(node)
        while True:
            next_wake(trial)
            if (": sent" in trial.wakes[-1].console) == (which == "report"):
                break
            next_wake(node)
        for act in range(0, trial.wakes[-1].acts, 5):
            cut = copied(node)
            cut.board.cut_power(after_acts=act, off_us=5_000_000)
            next_wake(cut)
            assert cut.wakes[-1].how == "power cut"
            comes_back(cut, 0)


class ForgivingJudge:
    """Counts only: after a power cut what was waiting is gone, and that is what these tests are about."""

    def __init__(self):
        self.delivered = 0

    def wake(self, wake, messages):
        from binnode_tools.codec import decode

        for topic, payload in messages:
            if topic.endswith("/up/1"):
                self.delivered += 1 + len(decode(payload).history)
