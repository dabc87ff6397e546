"""wifi/station.py against a Wi-Fi driver that keeps the manners of the ESP32 port's network_wlan.c, in virtual time."""

from binnode.deadline import Deadline
from binnode.wifi import leave
from binnode.wifi.station import JoinError, join
from check import raises
from virtual_clock import Clock

BUDGET_MS = 15010  # no multiple of a poll
STATIC = "192.168.1.9/255.255.255.0/192.168.1.1/192.168.1.2"


class Wlan:
    """WLAN(STA_IF) and one access point. Attempts are scans of 120 ms a channel, then 300 ms to associate, then DHCP.

    As in network_wlan.c: connect(ssid, key) blanks the configuration; the last failure stays in status() until an
    address is there; while retries are left status() hides failures other than 201 and 202; disconnect() makes it IDLE.
    `fails` are the failures of the coming associations (0: none), "silent" associates without ever giving an address.
    """

    def __init__(self, clock, channel=6, key="right", dhcp_ms=900, fails=()):
        self.clock, self.channel, self.key, self.dhcp_ms, self.fails = clock, channel, key, dhcp_ms, list(fails)
        self.on = False
        self.configured = self.address = None
        self.first_channel = self.reconnects = self.tried = self.reason = 0
        self.busy_until_ms = 0
        self.ends = None  # (ms, status) of the attempt under way
        self.begun = 0, 0  # (ms, failure to come) of the same
        self.log = []

    def active(self, on):
        self.log.append("on" if on else "off")
        self.on = on

    def ifconfig(self, address):
        self.address = address

    def config(self, name=None, channel=None, reconnects=None):
        if not self.on:
            raise OSError("Wifi Not Started")
        if name == "channel":
            return self.channel
        if name:
            raise ValueError("unknown config param")
        if channel is not None:
            if self.ends:
                raise OSError("Wifi Internal State Error")
            self.first_channel = channel
        if reconnects is not None:
            self.reconnects = reconnects + 1
        return None

    def connect(self, ssid=None, key=None):
        if not self.on:
            raise OSError("Wifi Not Started")
        if self.ends or self.clock.passed_ms < self.busy_until_ms:
            raise OSError("Wifi Internal State Error")
        if ssid is not None:
            self.configured = (ssid, key)
            self.first_channel = 0
        self.log.append((self.configured[0], self.first_channel))
        self.tried = 0
        self._attempt(self.clock.passed_ms)

    def _attempt(self, start_ms):
        ssid, key = self.configured
        self.begun = start_ms, 0
        if ssid != "crew" or not self.channel:
            self.ends = (start_ms + 13 * 120, 201)
            return
        scan_ms = 120 * (1 if self.first_channel == self.channel else self.channel + bool(self.first_channel))
        fail = self.fails.pop(0) if self.fails else 0
        self.begun = start_ms, fail
        if key != self.key:
            fail = 202
        if fail == "silent":
            self.ends = (start_ms + 1000000, 1010)
        elif fail:
            self.ends = (start_ms + scan_ms + 300, fail)
        else:
            self.ends = (start_ms + scan_ms + 300 + (0 if self.address else self.dhcp_ms), 1010)

    def disconnect(self):
        if not self.on:
            raise OSError("Wifi Not Started")
        self.log.append("disconnect")
        if self.ends and self.begun[0] == self.clock.passed_ms:
            self.fails.insert(0, self.begun[1])  # It had not come to an association.
        self.ends = None
        self.reason = 8  # WIFI_REASON_ASSOC_LEAVE

    def status(self):
        while self.ends and self.ends[0] <= self.clock.passed_ms:
            at_ms, self.reason = self.ends
            self.ends = None
            if self.reason != 1010:
                self.tried += 1
                if self.reconnects == 0 or self.tried < self.reconnects:
                    self._attempt(at_ms)
        if self.reason == 8:
            return 1000
        if self.reason in (1010, 201, 202):
            return self.reason
        if self.ends:
            return 1001
        return self.reason or 1000


def joined(wlan, channel=0, ssid="crew", key="right", address=""):
    return join(wlan, wlan.clock, ssid, key, address, channel, Deadline(wlan.clock, BUDGET_MS))


def refused(wlan, *args):
    error = raises(JoinError, joined, wlan, *args)
    assert "right" not in str(error) and "sesame" not in str(error), "a key is never told"
    return str(error)


def test_first_join_scans_and_tells_the_channel():
    wlan = Wlan(Clock(), channel=11)
    assert joined(wlan) == 11
    assert wlan.log == ["on", ("crew", 0)]
    due_ms = 11 * 120 + 300 + 900
    assert due_ms <= wlan.clock.passed_ms <= due_ms + 50
    assert all(20 <= ms <= 50 for ms in wlan.clock.sleeps)


def test_a_remembered_channel_is_scanned_first():
    wlan = Wlan(Clock(), channel=11)
    assert joined(wlan, 11) == 11
    assert wlan.log == ["on", ("crew", 0), "disconnect", ("crew", 11)]
    assert wlan.clock.passed_ms <= 120 + 300 + 900 + 50


def test_a_channel_that_cannot_be_set_costs_a_scan_only():
    wlan = Wlan(Clock())

    def config(name=None, channel=None, reconnects=None):
        if channel:
            raise OSError("Wifi Unknown Error")
        return wlan.channel

    wlan.config = config
    assert joined(wlan, 6) == 6
    assert wlan.log[-1] == ("crew", 0)


def test_a_remembered_access_point_that_is_gone():
    wlan = Wlan(Clock(), channel=3, fails=[201])
    assert joined(wlan, 6) == 3
    # The stale "no such network" of the first attempt did not end the second one.
    assert wlan.log[-2:] == ["disconnect", ("crew", 0)]
    assert wlan.clock.passed_ms <= 13 * 120 + 3 * 120 + 300 + 900 + 100


def test_a_stale_failure_is_told_from_a_new_one():
    for stale in (201, 202):
        wlan = Wlan(Clock())
        wlan.reason = stale
        assert joined(wlan) == 6
    wlan = Wlan(Clock())
    wlan.reason = 201
    assert "no such network" in refused(wlan, 0, "other")
    assert wlan.clock.passed_ms <= 3100


def test_a_remembered_access_point_that_stalls_gets_a_third():
    wlan = Wlan(Clock(), fails=["silent"])
    assert joined(wlan, 6) == 6
    due_ms = BUDGET_MS // 3 + 6 * 120 + 300 + 900
    assert due_ms <= wlan.clock.passed_ms <= due_ms + 50


def test_a_remembered_access_point_gets_one_attempt():
    wlan = Wlan(Clock(), fails=[203])
    assert joined(wlan, 6) == 6
    assert wlan.clock.passed_ms <= 120 + 300 + 6 * 120 + 300 + 900 + 75


def test_a_wrong_key_ends_it_at_once():
    for channel in (0, 6):
        wlan = Wlan(Clock())
        assert "wrong password" in refused(wlan, channel, "crew", "sesame")
        assert wlan.clock.passed_ms <= 6 * 120 + 300 + 50


def test_no_network_ends_it_after_a_scan_or_two():
    wlan = Wlan(Clock(), channel=0)
    assert "wifi_ssid" in refused(wlan)
    assert wlan.clock.passed_ms <= 13 * 120 + 50
    wlan = Wlan(Clock(), channel=0)
    refused(wlan, 6)
    assert wlan.clock.passed_ms <= 2 * 13 * 120 + 100


def test_other_failures_are_tried_three_times():
    for code, word in (
        (203, "refused"),
        (204, "handshake"),
        (200, "weak"),
        (15, "handshake"),
        (2, "expired"),
        (67, "reason 67"),
    ):
        wlan = Wlan(Clock(), fails=[code] * 3)
        assert word in refused(wlan)
        assert wlan.clock.passed_ms <= 3 * (6 * 120 + 300) + 50
        wlan = Wlan(Clock(), fails=[code] * 2)
        assert joined(wlan) == 6


def test_without_dhcp_it_ends_at_the_deadline():
    for channel in (0, 6):
        wlan = Wlan(Clock(), fails=["silent"] * 2)
        assert "DHCP" in refused(wlan, channel)
        assert wlan.clock.passed_ms == BUDGET_MS


def test_an_earlier_attempt_may_take_a_while_to_end():
    wlan = Wlan(Clock())
    wlan.busy_until_ms = 200
    assert joined(wlan) == 6
    wlan = Wlan(Clock())
    wlan.busy_until_ms = 1000000
    assert "Internal State" in refused(wlan)
    assert wlan.clock.passed_ms == 500
    wlan.clock.passed_ms = 0
    raises(JoinError, join, wlan, wlan.clock, "crew", "right", "", 0, Deadline(wlan.clock, 100))
    assert wlan.clock.passed_ms == 100


def test_static_address_saves_dhcp():
    wlan = Wlan(Clock())
    assert joined(wlan, 6, "crew", "right", STATIC) == 6
    assert wlan.address == ("192.168.1.9", "255.255.255.0", "192.168.1.1", "192.168.1.2")
    assert wlan.clock.passed_ms <= 120 + 300 + 50


def test_leave_is_always_safe():
    wlan = Wlan(Clock())
    leave(wlan)
    assert wlan.log == ["off"] and not wlan.on
    joined(wlan)
    leave(wlan)
    assert wlan.log[-2:] == ["disconnect", "off"] and not wlan.on

    def broken(*_):
        raise OSError("Wifi Unknown Error")

    wlan.active = wlan.disconnect = broken
    leave(wlan)
