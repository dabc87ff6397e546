"""The firmware's MAC and the host's network, each written from the specification alone, understand each other."""

import pytest
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.regions import REGIONS

from tests.unit.host.lora_mac_node import MacNode, S

DAY = 86_400
SUB_BANDS = {"US915": 2, "AU915": 2}


def a_node(name, seed="1", rate=1.0, loss=0.0, loss_db=None):
    """Two gateways; loss_db: to both, else the city's."""
    network = setup.make(name, seed, gateways=((0.0, 0.0), (900.0, 300.0)))
    for gateway in network.gateways:
        if loss_db:
            network.air.set_loss_db("bin", gateway.name, loss_db)
    network.air.loss_up = network.air.loss_down = loss
    node = MacNode(network, name, SUB_BANDS.get(name, 0), rate, int(seed))
    node.got = []
    network.server.on_uplink = lambda device, port, payload, fcnt, end_us, rxpk: node.got.append((fcnt, payload))
    return node


@pytest.mark.parametrize("name", REGIONS)
def test_a_good_link_joins_once_loses_nothing_and_settles(name):
    node = a_node(name, loss_db=125)
    assert node.join() == 1
    sent = node.run(1.5 * DAY)
    device, session = node.device, node.device.session
    assert [payload for _, payload in node.got] == [count.to_bytes(4, "big") for count in range(sent)]
    assert (device.joins, device.missed) == (1, 0)
    assert node.net.findings == []
    assert node.session.dr == node.net.server.region.adr_top
    assert (session.power, session.nb_trans) == (node.session.power, node.session.nb_trans)
    assert session.power > 0


@pytest.mark.parametrize("rate", [0.95, 1.05])
@pytest.mark.parametrize("name", ["EU868", "KR920", "AU915", "AS923-1", "IN865"])
def test_a_poor_link_and_a_clock_that_is_off(name, rate):
    """30 % of all frames are lost: no counter, nonce or law is broken by it, and most reports arrive by repetition."""
    node = a_node(name, seed="2", rate=rate, loss=0.3)
    node.join()
    sent = node.run(2 * DAY)
    assert node.net.findings == []
    assert node.device.joins == 1 and len(node.got) > 0.65 * sent
    assert node.device.uplinks + node.device.missed == node.got[-1][0] + 1


def test_an_outage_of_two_days_is_no_reason_to_join():
    node = a_node("EU868", seed="3", loss_db=125)
    node.join()
    for gateway in node.net.gateways:
        gateway.outages.append((1 * DAY * S, 3 * DAY * S))
    node.run(5 * DAY)
    assert node.device.joins == node.device.join_requests == 1
    assert node.net.findings == []
    assert node.got[-1][0] == node.session.fcnt_up - 1
    assert node.session.dr == 5 and node.net.audit.accounts["bin"].rates["SF12BW125"] > 0


def test_a_node_that_the_network_has_forgotten_joins_anew():
    node = a_node("EU868", seed="4", loss_db=125)
    node.join()
    node.run(0.5 * DAY)
    node.net.server.forget(node.device)
    node.run(7 * DAY)
    assert node.device.joins == 2
    assert node.net.findings == []
    assert node.got[-1][0] == node.session.fcnt_up - 1
