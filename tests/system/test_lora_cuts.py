"""The supply goes during a join and an uplink: no nonce and no counter is used again, and the node reports again.

`make soak` takes every byte of every write, and 1,000 acts (tests/soak/lora_cuts.py).
"""

import pytest

from tests.soak import lora_cuts
from tests.system.lora_scenario import RADIOS
from tests.system.snapshots import next_wake


@pytest.mark.parametrize("radio", RADIOS)
def test_cut_in_the_middle_of_every_write(radio):
    """The writes of a join, of a first report, of a second."""
    found = lora_cuts.every_byte("EU868", radio, 2, step=37)
    assert not found.problems
    assert found.cuts >= 25 and found.bytes_written > 800


@pytest.mark.parametrize(("region", "radio"), [("EU868", "SX1262"), ("KR920", "SX1276"), ("US915", "SX1276")])
def test_cut_at_acts_of_join_and_uplink(region, radio):
    found = lora_cuts.at_random(region, radio, 14, 3, seed="acts")
    assert not found.problems
    assert found.cuts == 14 and found.acts > 1000


def test_cut_amid_repeats():
    """Half of all frames are lost, so most acts are those of a second try."""
    found = lora_cuts.at_random("EU868", "SX1262", 8, 3, seed="repeats", lost=0.3)
    assert not found.problems


def test_a_counter_that_nvs_forgets_is_seen():
    """The check can fail: with the reserve gone, the node goes on at a counter that it has used."""
    with lora_cuts.cut_node("EU868", "SX1262", "lora") as node:
        next_wake(node)
        nvs = node.board.chip.nvs
        next_wake(node, 2)
        nvs.provision("binnode", "lora_counters", old(nvs.live["binnode", "lora_counters"].value))
        node.board.power_on(node.board.chip.now + 60_000_000)
        next_wake(node, 3)
        assert any("FCntUp" in problem for problem in node.problems())
        node.witness.broken.clear()
        node.lora.server.findings.clear()


def old(record):
    """The counters record with a ceiling of 1."""
    import binascii

    body = record[:4] + (1).to_bytes(4, "big") + record[8:12]
    return body + binascii.crc32(body).to_bytes(4, "big")
