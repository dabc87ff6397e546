"""The network server's MAC commands and ADR, told as traces."""

import pytest
from binnode_tools.lora_network import commands

from tests.unit.host.lora_node import S, a_node, findings

REQUESTS = {  # each request, what a device that accepts answers, what the server then believes
    "LinkADRAns": (commands.link_adr(5, 3, 0xFF, 0, 2), b"\x03\x07", {"power": 3, "nb_trans": 2}),
    "DutyCycleAns": (commands.duty_cycle(7), b"\x04", {}),
    "RXParamSetupAns": (
        commands.rx_param_setup(1, 3, 868_500_000),
        b"\x05\x07",
        {"rx1_offset": 1, "rx2_dr": 3, "rx2_hz": 868_500_000},
    ),
    "DevStatusAns": (commands.dev_status(), b"\x06\xfe\x3f", {}),
    "NewChannelAns": (commands.new_channel(8, 868_800_000), b"\x07\x03", {}),
    "RXTimingSetupAns": (commands.rx_timing_setup(3), b"\x08", {"rx1_delay_s": 3}),
    "TXParamSetupAns": (commands.tx_param_setup(True, True, 5), b"\x09", {"up_dwell": True, "down_dwell": True}),
    "DlChannelAns": (commands.dl_channel(0, 869_100_000), b"\x0a\x03", {"down_hz": {868_100_000: 869_100_000}}),
}
# As the fields stand in TS001-1.0.4, section 5.
BYTES = {
    "LinkADRAns": "03 53 ff00 02",
    "DutyCycleAns": "04 07",
    "RXParamSetupAns": "05 13 c88584",
    "DevStatusAns": "06",
    "NewChannelAns": "07 08 809184 50",
    "RXTimingSetupAns": "08 03",
    "TXParamSetupAns": "09 35",
    "DlChannelAns": "0a 00 389d84",
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_goes_out_until_it_is_answered(name):
    node = a_node()
    request, answer, believed = REQUESTS[name]
    assert request == bytes.fromhex(BYTES[name])
    node.network.server.request(node.device, request)
    assert node.uplink(20 * S).fopts == request
    assert node.uplink(30 * S).fopts == request  # the answer was lost
    before = vars(node.device.session).copy()
    node.transmit(node.frame(fopts=answer), 40 * S)
    node.network.air.run_to(44 * S)
    assert [(a.name, a.payload, a.accepted) for a in node.device.answers] == [(name, answer[1:], True)]
    assert not node.device.requests and findings(node) == []
    changed = {key: value for key, value in vars(node.device.session).items() if believed.get(key) == value}
    assert changed == believed and (not believed or changed.items() != before.items())


@pytest.mark.parametrize("name", [name for name in REQUESTS if len(REQUESTS[name][1]) == 2])
def test_a_refused_request_changes_nothing(name):
    node = a_node()
    node.network.server.request(node.device, REQUESTS[name][0])
    node.uplink(20 * S)
    before = str(vars(node.device.session) | {"heard": 0, "rates": 0, "fcnt_up": 0, "last_frame": 0})
    node.uplink(30 * S, fopts=REQUESTS[name][1][:1] + b"\x01")
    assert str(vars(node.device.session) | {"heard": 0, "rates": 0, "fcnt_up": 0, "last_frame": 0}) == before
    assert [answer.accepted for answer in node.device.answers] == [False]


def test_new_parameters_hold_from_the_answer_on():
    node = a_node()
    node.network.server.request(node.device, commands.rx_param_setup(2, 3, 868_500_000))
    node.uplink(20 * S)
    node.rx1_offset, node.rx2_dr, node.rx2_hz = 2, 3, 868_500_000
    assert node.uplink(30 * S, fopts=b"\x05\x07", confirmed=True).window == 1
    node.network.server.transmitter.only = 2
    assert node.uplink(40 * S, fopts=b"\x05\x07", confirmed=True).window == 2
    assert findings(node) == []  # an answer may come again


def test_the_audit_follows_the_dwell_time_that_the_network_sets():
    node = a_node("AS923-1")
    audit, server = node.network.audit, node.network.server
    node.uplink(20 * S)
    assert audit.dwell_of == {"bin": True}
    for n, (request, while_asked, after) in enumerate(
        (
            (commands.tx_param_setup(False, False, 5), False, False),
            (commands.tx_param_setup(True, False, 5), False, True),
        )
    ):
        server.request(node.device, request)
        node.uplink((40 + 40 * n) * S)
        assert audit.dwell_of["bin"] == while_asked
        node.uplink((60 + 40 * n) * S, fopts=b"\x09")
        assert audit.dwell_of["bin"] == after


def test_channels_are_added_and_taken_away():
    node = a_node()
    for n, request in enumerate((commands.new_channel(9, 866_100_000, 0, 5), commands.new_channel(3, 0))):
        node.network.server.request(node.device, request)
        node.uplink((20 + 20 * n) * S)
        node.uplink((30 + 20 * n) * S, fopts=b"\x07\x03")
    assert node.device.session.channels[9] == 866_100_000 and 3 not in node.device.session.channels


def test_the_status_is_kept():
    node = a_node()
    node.network.server.request(node.device, commands.dev_status())
    node.uplink(20 * S)
    node.uplink(30 * S, fopts=b"\x06\x80\x3d")
    assert (node.device.battery, node.device.margin_db) == (128, -3)


def test_a_request_without_an_answer_is_given_up():
    node = a_node("US915")
    node.network.server.request(node.device, commands.new_channel(3, 903_900_000))
    assert [bool(node.uplink((20 + 10 * n) * S)) for n in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize("answer", [b"\x03\x07", b"\x06\xff\x05", b"\x05\x07"])
def test_an_answer_nobody_asked_for_is_a_finding(answer):
    node = a_node()
    node.uplink(20 * S, fopts=answer)
    assert findings(node) == [f"{commands.FROM_DEVICE[answer[0]][0]} without a request"]


@pytest.mark.parametrize(
    ("answer", "problem"), [(b"\x03\x07\x03\x07", False), (b"\x03\x07", True), (b"\x03\x07\x03\x06", True)]
)
def test_a_block_of_linkadrreqs_has_an_answer_for_each_all_the_same(answer, problem):
    node = a_node("US915")
    server = node.network.server
    server.request(node.device, server.link_adr(node.device.joining, 2, 5, 1)[0])
    assert node.uplink(20 * S).fopts == bytes.fromhex("03 25 0200 71 03 25 00ff 01")
    node.uplink(30 * S, fopts=answer)
    assert bool(findings(node)) == problem


def test_an_unknown_command_is_a_finding():
    node = a_node()
    node.uplink(20 * S, fopts=b"\x02\x80\x01")
    assert findings(node) == ["a MAC command that no device has: 8001"]


def test_a_link_check_tells_margin_and_gateways():
    node = a_node(gateways=2, loss_db=125)
    down = node.uplink(20 * S, fopts=b"\x02")
    snr_db = 14 - 125 - node.network.air.noise_dbm("gateway 1", 125)
    assert down.fopts == bytes([2, round(round(snr_db, 1) + 7.5), 2])


def test_the_time_is_that_of_the_uplinks_end():
    """2026-01-01 00:00:00 UTC is GPS second 1451260818."""
    node = a_node()
    down = node.uplink(20 * S, fopts=b"\x0d")
    end_us = 20 * S + 46_336 + 5_120
    gps_us = int.from_bytes(down.fopts[1:5], "little") * S + down.fopts[5] * S // 256
    assert down.fopts[0] == 0x0D
    assert abs(gps_us - 1_451_260_818 * S - end_us) <= S // 256


def test_commands_may_come_on_fport_0():
    node = a_node()
    assert node.uplink(20 * S, b"\x0d", fport=0).fopts[0] == 0x0D
    assert node.got == []


# ADR.


def settle_adr(node, count, from_s=100, step_s=600):
    """A device that obeys: (data rate, power index) that it ends with."""
    fopts = b""
    for n in range(count):
        down = node.uplink((from_s + n * step_s) * S, control=0x80, fopts=fopts)
        fopts = b""
        if down and down.fopts[:1] == b"\x03":
            node.dr, node.power = down.fopts[1] >> 4, down.fopts[1] & 15
            node.dbm = min(14.0, 16 - 2 * node.power)
            fopts = b"\x03\x07" * (len(down.fopts) // 5)
    return node.dr, node.power


def test_adr_raises_the_data_rate_after_twenty_uplinks():
    """SNR 5 dB at SF12: (5 + 20 - 10) / 3 = 5 steps, SF7 at full power."""
    node = a_node(loss_db=122)
    node.dr = 0
    gateway_dbm = node.network.air.noise_dbm("gateway 1", 125)
    node.network.air.set_loss_db("bin", "gateway 1", 14 - gateway_dbm - 5)
    for n in range(19):
        assert node.uplink((100 + 600 * n) * S, control=0x80) is None
    assert node.uplink(100_000 * S, control=0x80).fopts == bytes.fromhex("03 50 ff00 01")


def test_adr_settles():
    """A good link ends at SF7 with little power, and then nothing more is asked for."""
    node = a_node(loss_db=115)
    node.dr = 0
    settled = settle_adr(node, 120)
    assert settled[0] == 5 and settled[1] > 0
    asked = node.device.downlinks
    assert settle_adr(node, 60, from_s=200_000) == settled
    assert node.device.downlinks == asked
    assert findings(node) == []


@pytest.mark.parametrize(("snr_db", "dr"), [(-3, 3), (-5, 2), (-7, 1), (-20, 0)])
def test_adr_brings_a_device_back_from_the_wide_channel(snr_db, dr):
    """At 125 kHz the SNR is 6 dB better; SF7 needs -7.5 + 10, SF8 -10 + 10, SF9 -12.5 + 10."""
    node = a_node("US915")
    node.hz, node.dr = 904_600_000, 4
    node.network.air.set_loss_db("bin", "gateway 1", 14 - node.network.air.noise_dbm("gateway 1", 500) - snr_db)
    downs = [node.uplink((100 + 600 * n) * S, control=0x80) for n in range(20)]
    if snr_db > -10:
        assert downs[-1].fopts[1] >> 4 == dr
    else:
        assert not any(downs)  # not even heard


def test_adr_takes_confirmed_uplinks_too_but_not_their_retries_for_a_back_off():
    """A device whose every report asks for an ACK (this one's default) settles as well."""
    node = a_node(loss_db=115)
    node.dr = 0
    for n in range(20):
        down = node.uplink((100 + 600 * n) * S, confirmed=True, control=0x80)
    assert down.fopts[:1] == b"\x03" and down.fopts[1] >> 4 == 5
    node.dr, fopts = 5, b"\x03\x07"
    for n in range(60):
        down = node.uplink((20_000 + 600 * n) * S, confirmed=True, control=0x80, fopts=fopts)
        fopts = b"\x03\x07" if down.fopts[:1] == b"\x03" else b""
    session = node.device.session
    assert session.dr == 5 and session.power > 0
    power = session.power
    for node.dr in (5, 5, 4, 4, 3, 3):  # a message and its retries: the ACKs are lost
        node.uplink((100_000 + 10 * node.fcnt) * S, confirmed=True, control=0x80)
    assert (session.dr, session.power) == (5, power)
    for node.dr in (3, 3, 3):  # by itself
        node.uplink((110_000 + 600 * node.fcnt) * S, confirmed=True, control=0x80)
    assert (session.dr, session.power) == (3, 0)


def test_adr_leaves_devices_alone_that_do_not_want_it():
    node = a_node()
    node.dr = 0
    assert [node.uplink((100 + 600 * n) * S) for n in range(30)] == [None] * 30


def test_adr_repeats_frames_when_many_are_lost():
    node = a_node(loss_db=130)
    down = None
    for n in range(40):
        node.fcnt += n % 2
        down = down or node.uplink((100 + 600 * n) * S, control=0x80)
    assert down.fopts[4] & 15 == 3


def test_adr_takes_power_back_when_the_device_has_backed_off():
    node = a_node(loss_db=110)
    settle_adr(node, 60)
    assert node.device.session.power > 0
    node.dr, node.dbm = 3, 14
    node.uplink(300_000 * S, control=0x80)
    assert node.device.session.power == 0
