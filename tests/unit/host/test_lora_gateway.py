"""The gateway: what it hears, what it says of it, what it takes to transmit. Fields and errors: PROTOCOL.TXT."""

import base64

import pytest
from binnode_tools.lora_network.gateway import TX_READY_US, Gateway
from binnode_tools.lora_network.regions import REGIONS, region
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import Burst, Tuning
from binnode_tools.virtual_board.radios.city import City
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.host.lora_txpk import a_txpk

HZ = 868_100_000
S = 1_000_000


class Site:
    """A gateway and what it forwards."""

    def __init__(self, name="EU868", **settings):
        self.air = Air("1", City(fade_db=0))
        self.forwarded = []
        self.gateway = Gateway(self.air, "gateway", region(name), on_uplink=self._take, **settings)
        for place in ("bin", "other", "node"):
            self.air.set_loss_db(place, "gateway", 110)

    def _take(self, gateway, rxpk, now_us):
        assert gateway is self.gateway and now_us == self.air.now_us
        self.forwarded.append(rxpk)

    def hear(self, start_us=S, sf=7, hz=HZ, bw_khz=125, place="bin", payload=b"\x40 an uplink.", **how):
        """The number of frames forwarded because of this one."""
        known = len(self.forwarded)
        burst = Burst(hz, sf, bw_khz, payload, 14, start_us, **how)
        self.air.transmit(place, burst)
        self.air.run_to(burst.end_us)
        return len(self.forwarded) - known

    def txpk(self, in_us=S, size=12, **how):
        return {**a_txpk(self.gateway, self.air.now_us + in_us, bytes(size)), **how}

    def send(self, in_us=S, **how):
        return self.gateway.send(self.txpk(in_us, **how), self.air.now_us)


def test_an_uplink_is_forwarded_as_an_rxpk():
    site = Site()
    assert site.hear() == 1
    rxpk = site.forwarded[0]
    assert rxpk["tmst"] == site.gateway.tmst(site.air.now_us)
    assert base64.b64decode(rxpk["data"]) == b"\x40 an uplink."
    del rxpk["tmst"], rxpk["data"]
    assert rxpk == {
        "chan": 0,
        "rfch": 0,
        "freq": 868.1,
        "stat": 1,
        "modu": "LORA",
        "datr": "SF7BW125",
        "codr": "4/5",
        "rssi": -96,
        "lsnr": 15,
        "size": 12,
    }


@pytest.mark.parametrize("name", REGIONS)
def test_each_channel_of_the_region_is_heard(name):
    site = Site(name)
    for n, (hz, bw_khz) in enumerate(site.gateway.channels):
        assert site.hear((1 + n) * S, hz=hz + 10_000, bw_khz=bw_khz) == 1
        assert site.forwarded[-1]["chan"] == n
        assert site.forwarded[-1]["freq"] == hz / 1e6
    assert 3 <= len(site.gateway.channels) <= 9


@pytest.mark.parametrize("sf", range(7, 13))
def test_each_spreading_factor_is_heard(sf):
    site = Site()
    assert site.hear(sf=sf) == 1
    assert site.forwarded[0]["datr"] == f"SF{sf}BW125"


@pytest.mark.parametrize(
    "how",
    [
        {"iq_inverted": True},
        {"sync_word": 0x12},
        {"hz": 868_900_000},
        {"bw_khz": 500},
        {"implicit": True},
    ],
)
def test_what_is_no_uplink_of_lorawan_is_not_heard(how):
    assert Site().hear(**how) == 0


def test_what_is_too_weak_is_not_heard():
    site = Site()
    site.air.set_loss_db("bin", "gateway", 145)
    assert site.hear() == 0
    assert site.hear(9 * S, sf=12) == 1
    assert site.forwarded[0]["lsnr"] == pytest.approx(-12, abs=0.1)


def test_us915_hears_its_sub_band_only():
    site = Site("US915", sub_band=2)
    assert site.hear(hz=903_900_000) == 1
    assert site.hear(9 * S, hz=902_300_000) == 0
    assert Site("US915", sub_band=1).hear(hz=902_300_000) == 1


def test_frames_with_a_crc_error_are_counted_and_kept():
    for forward in (False, True):
        site = Site(forward_bad_crc=forward)
        for n in range(10):
            for place in ("bin", "other"):
                site.air.transmit(place, Burst(HZ, 7, 125, bytes(30), 14, (1 + n) * S))
        site.air.run_to(12 * S)
        assert 10 <= site.gateway.stats.received == site.gateway.stats.bad_crc < 20  # the others lost their headers
        assert [rxpk["stat"] for rxpk in site.forwarded] == [-1] * site.gateway.stats.bad_crc * forward


def test_frames_without_a_crc_are_no_uplinks():
    site = Site()
    assert site.hear(crc=False) == 0
    assert site.gateway.stats.received == 1 and site.gateway.stats.bad_crc == 0


def test_it_is_deaf_in_an_outage():
    site = Site(outages=[(10 * S, 20 * S)])
    assert site.hear(9 * S) == 1
    assert site.hear(10 * S - 1000) == 0
    assert site.hear(15 * S) == 0
    assert site.send() == "TOO_LATE"
    assert site.hear(20 * S) == 1


def test_it_does_not_transmit_in_an_outage():
    site = Site(outages=[(10 * S, 20 * S)])
    site.air.run_to(9 * S + S // 2)
    assert site.send() == "NONE"
    site.air.run_to(12 * S)
    assert site.gateway.stats.sent == 0


def test_a_downlink_goes_out_when_the_counter_says():
    site = Site()
    site.air.run_to(5 * S)
    assert site.send(S) == "NONE"
    got = site.air.find("node", Tuning(HZ, 7, 125, True), 6 * S - 2000, 6 * S + 8000)
    assert got and got.burst.start_us == 6 * S and not got.burst.crc and got.payload == bytes(12)
    assert got.rssi_dbm == 14 - 110
    assert site.gateway.stats.sent == 1 and site.gateway.stats.airtime_us == got.burst.airtime_us


def test_it_hears_nothing_while_it_transmits():
    site = Site()
    assert site.send(S, size=60) == "NONE"
    assert site.hear(S - 10_000) == 0
    assert site.hear(S + 50_000, hz=867_100_000) == 0
    assert site.hear(2 * S) == 1


def test_the_counter_wraps_at_32_bits():
    site = Site()
    wraps_us = (1 << 32) - site.gateway.tmst(0)
    site.air.run_to(wraps_us - S // 2)
    assert site.gateway.tmst(wraps_us - 1) == (1 << 32) - 1 and site.gateway.tmst(wraps_us) == 0
    txpk = site.txpk(S)
    assert txpk["tmst"] == S // 2
    assert site.gateway.send(txpk, site.air.now_us) == "NONE"
    assert site.air.find("node", Tuning(HZ, 7, 125, True), wraps_us + S // 2, wraps_us + S)


@pytest.mark.parametrize(
    ("in_us", "how", "answer"),
    [
        (TX_READY_US, {}, "NONE"),
        (TX_READY_US - 1, {}, "TOO_LATE"),
        (-S, {}, "TOO_LATE"),
        (512 * S, {}, "NONE"),
        (513 * S, {}, "TOO_EARLY"),
        (S, {"freq": 902.3}, "TX_FREQ"),
        (S, {"powe": 31}, "TX_POWER"),
        (-S, {"imme": True}, "NONE"),
    ],
)
def test_it_says_what_it_can_not_send(in_us, how, answer):
    site = Site()
    site.air.run_to(100 * S)
    assert site.send(in_us, **how) == answer
    assert site.gateway.stats.asked == 1


@pytest.mark.parametrize(
    ("in_us", "answer"),
    [
        (S, "COLLISION_PACKET"),
        (S - 41_216 - 2_501, "NONE"),
        (S - 41_216 - 2_499, "COLLISION_PACKET"),
        (S + 41_216 + 2_501, "NONE"),
        (S + 41_216 + 2_499, "COLLISION_PACKET"),
    ],
)
def test_two_transmissions_do_not_overlap(in_us, answer):
    site = Site()
    assert site.send(S) == "NONE"
    assert site.gateway.queue[0] == (S, S + 41_216)
    assert site.send(in_us, freq=867.1) == answer


def test_at_once_means_in_the_next_gap():
    site = Site()
    assert site.send(TX_READY_US + 1000) == "NONE"
    assert site.send(imme=True) == "NONE"
    assert site.gateway.queue[1][0] > site.gateway.queue[0][1]


def test_a_full_queue_is_reported_as_the_forwarder_does():
    site = Site()
    answers = [site.send((1 + n) * S) for n in range(33)]
    assert answers == ["NONE"] * 32 + ["COLLISION_PACKET"]


@pytest.mark.parametrize(
    "how",
    [
        {"modu": "FSK", "datr": 50000},
        {"datr": "SF13BW125"},
        {"datr": "SF7BW999"},
        {"size": 11},
        {"data": "%"},
        {"data": 7},
        {"freq": None},
        {"tmst": "soon"},
        {"tmst": 1 << 32},
        {"codr": "none"},
        {"powe": "loud"},
    ],
)
def test_what_is_no_txpk_is_refused(how):
    site = Site()
    with pytest.raises(ValueError, match=r"."):
        site.gateway.send(site.txpk() | how, 0)
    assert site.gateway.queue == []


TEXT = st.text("SFBW0125/47=A", max_size=10)
JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, st.lists(st.integers(), max_size=2))
FIELDS = st.sampled_from(["tmst", "freq", "powe", "modu", "datr", "codr", "prea", "size", "data", "imme", "ipol"])


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_whatever_a_server_asks_for_is_answered_or_refused(how):
    site = Site()
    try:
        assert site.gateway.send(site.txpk() | how, 0) in ("NONE", "TOO_LATE", "TOO_EARLY", "TX_FREQ", "TX_POWER")
    except ValueError:
        assert site.gateway.queue == []


def test_padding_of_the_data_is_optional():
    site = Site()
    assert site.send(size=10, data=base64.b64encode(bytes(10)).decode().rstrip("=")) == "NONE"


def test_it_has_eight_demodulators():
    site = Site()
    for n in range(8):
        hz = site.gateway.channels[n % 8][0]
        site.air.transmit("bin" if n % 2 else "other", Burst(hz, 10, 125, b"\x40" + bytes(20), 14, S + n))
    site.air.transmit("bin", Burst(HZ, 7, 125, b"\x40 the ninth", 14, S + 1000))
    site.air.run_to(9 * S)
    assert len(site.forwarded) == 8
