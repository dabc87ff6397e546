"""The budgets that a wake must keep: heap and bytecode. `make bench` prints how much of them is used."""

import pytest
from binnode_tools.virtual_board import node_kit

from tests.bench import bytecode, heap, lorawan
from tests.bench.node import MEASURE, image_files, new_kit
from tests.system.scenario import scenario
from tests.system.test_outage import break_network, rising

BOARD = "esp32_devkit"


def test_every_wake_completes_in_96_kib():
    """Cold start, measuring, reporting, and three days of backlog in one report, in the node's own 96 KiB."""
    with scenario(rising, heap_kib=node_kit.NODE_HEAP_KIB + node_kit.STAND_INS_KIB) as node:
        break_network(node, "silent", (1, 61))
        node.run_hours(66)
        assert max(len(report.history) for report in node.reports()) == 78, "a full message"
        assert not [wake.console for wake in node.wakes if "Error" in wake.console or "failed;" in wake.console]
        assert all(wake.how == "deep sleep" for wake in node.wakes)


def test_what_is_taken_off_for_the_stand_ins_is_no_more_than_they_need():
    """A wake that does nothing but sleep needs STAND_INS_KIB, or the node's heap is given too much."""
    assert heap.needed_kib(BOARD, heap.STAND_INS) >= node_kit.STAND_INS_KIB


def test_a_wake_loads_at_most_32_kib_of_bytecode():
    for name, (modules, _) in bytecode.loaded_by_each(BOARD).items():
        assert 10 * 1024 < sum(modules.values()) <= 32 * 1024, name


def test_a_report_over_tls_loads_at_most_32_kib_of_bytecode():
    pytest.importorskip("cryptography")
    modules = bytecode.loaded_tls()
    assert modules and {"binnode/wifi/tls.mpy", "binnode/wifi/sntp.mpy", "binnode/wifi/dns.mpy"} < set(modules)
    assert sum(modules.values()) <= 32 * 1024


def test_a_report_over_lorawan_loads_at_most_32_kib_of_bytecode():
    modules = lorawan.loaded()
    assert {"binnode/lorawan/session.mpy", "binnode/lorawan/mac.mpy", "binnode/radios/sx126x.mpy"} < set(modules)
    assert sum(modules.values()) <= 32 * 1024


def test_a_node_over_lorawan_that_only_measures_loads_nothing_of_it():
    modules = lorawan.loaded(MEASURE)
    words = ("lorawan", "radio", "wifi", "payload", "service", "config")
    assert modules and not [name for name in modules for word in words if word in name]


@pytest.mark.parametrize("region", ["EU868", "US915", "KR920", "AS923-JP"])
def test_the_first_wake_joins_and_reports_in_96_kib(region):
    """It loads more than 32 KiB of bytecode, but never holds all of it at once."""
    files = image_files(lorawan.kit_of(region))
    assert lorawan.joins(files, node_kit.NODE_HEAP_KIB + node_kit.STAND_INS_KIB, region)


def test_a_wake_that_only_measures_loads_no_radio_and_leaves_known_settings_alone():
    modules, _ = bytecode.loaded_by_each(BOARD)["measure"]
    words = ("wifi", "payload", "state_json", "service", "config")
    assert not [name for name in modules for word in words if word in name]


def test_all_of_the_firmware_fits_96_kib():
    assert sum(bytecode.sizes(image_files(new_kit(BOARD))).values()) <= 96 * 1024
