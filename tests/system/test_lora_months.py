"""Days of each region with each radio, of the months and weeks that `make soak` runs (tests/soak/lora.py)."""

import pytest
from binnode_tools.lora_network.regions import REGIONS

from tests.soak import lora

SAMPLE = [("EU868", "SX1262"), ("KR920", "SX1276"), ("US915", "SX1262")]  # their ADR settles in four days


@pytest.mark.parametrize(("region", "radio"), SAMPLE)
def test_four_days_of_the_month(region, radio):
    found = lora.weeks(region, radio, 4.2)
    assert not found.problems
    assert found.wakes > 90 and found.uplinks == found.downlinks >= found.wakes
    assert 0 < found.settled_h < 84 and found.adr_changes <= 4
    assert found.duty_worst < 0.05 and found.lost_frames <= 3
    assert found.nvs_writes <= found.downlinks + 12


@pytest.mark.parametrize("radio", lora.RADIOS)
@pytest.mark.parametrize("region", REGIONS)
def test_a_few_hours_of_every_region(region, radio):
    found = lora.weeks(region, radio, 0.25)
    assert not found.problems
    assert found.wakes == 6 and found.uplinks >= 7 and found.joins == 1


def test_what_is_wrong_is_seen():
    """A month can fail: a report is lost on its way to the judge, a counter is used twice, a frame is too loud."""
    with lora.lora_scenario("EU868", lora.sawtooth, config=lora.HOURLY) as node:
        node.run_hours(3)
        assert not lora.figures(node, "EU868", "SX1262", 0.1).problems
        node.judge.arrived.remove(1)
        node.witness.burst_began("bin", node_burst(node.witness.last))
        node.lora.audit.burst_began("bin", node_burst(node.witness.last, dbm=20))
        problems = lora.figures(node, "EU868", "SX1262", 0.1).problems
        assert [text for text in problems if "3 readings" in text]
        assert [text for text in problems if "FCntUp 0 after" in text]
        assert [text for text in problems if "20.0 dBm EIRP" in text]
        node.witness.broken.clear()
        node.lora.audit.findings.clear()


def node_burst(last, dbm=14.0):
    """A frame of the same session with FCntUp 0."""
    from binnode_tools.virtual_board.radios.burst import Burst

    frame = next(iter(last.values()))[1]
    return Burst(868_100_000, 9, 125, frame[:6] + b"\0\0" + frame[8:], dbm, 0)
