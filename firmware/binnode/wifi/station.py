"""Joining the Wi-Fi network within one deadline, and leaving it.

What the ESP32 port does (micropython ports/esp32/network_wlan.c, master of 2026; the numbers are those of its issues):
- `connect(ssid, key)` sets a blank configuration, so a channel set before it is lost (11819). `connect()` without
  arguments keeps the configuration, so the channel goes in between; the driver then scans that channel first.
- The BSSID of the access point cannot be read (`config('bssid')` raises ValueError, 11462), only found by a scan
  that takes seconds: the channel is what is remembered.
- `status()` keeps the last failure until an address is there: a new `connect()` does not clear it. While the driver
  tries again (`config(reconnects=)`, by default for ever) it says CONNECTING, except for "no such network" and
  "wrong password", which show at once.
- After `disconnect()` it says IDLE, also while the next connect is under way: IDLE is no failure.
- `connect` raises OSError (Wifi Internal State Error) as long as an earlier attempt is being ended.
"""

from micropython import const

from binnode.deadline import Deadline
from binnode.wifi import LinkFailure

_POLL_MS = const(25)
# A scan of 13 channels: 120 ms each where probing is allowed, 360 ms where listening only (esp_wifi scan defaults).
_SCAN_MS = const(3000)
# How long an earlier attempt may take to end.
_ENDING_MS = const(500)

_IDLE = const(1000)
_CONNECTING = const(1001)
_GOT_IP = const(1010)
_NO_AP_FOUND = const(201)
_WRONG_PASSWORD = const(202)


class JoinError(LinkFailure):
    """The network was not joined; the text is the reason and says what to do."""


def join(wlan, time, ssid, key, address, channel, deadline):
    """Join `ssid` and have an IP address before `deadline`: its channel, to remember for the next time.

    `wlan` is network.WLAN(STA_IF); `address` "ip/mask/gateway/dns" or "" for DHCP; `channel` that of the last time or
    0, tried first for a third of the time. JoinError says why not. Call binnode.wifi.leave() afterwards in any case.
    """
    try:
        wlan.active(True)
        if address:
            wlan.ifconfig(tuple(address.split("/")))
        status = 0  # not tried yet
        if channel:
            status = _attempt(wlan, time, (ssid, key), channel, 0, Deadline(time, deadline.left_ms() // 3))
        # A wrong password stays wrong; anything else may be an access point that moved.
        if status != _GOT_IP and status != _WRONG_PASSWORD:
            if status:
                wlan.disconnect()
            status = _attempt(wlan, time, (ssid, key), 0, 2, deadline)
        if status == _GOT_IP:
            return wlan.config("channel")
    except OSError as error:
        raise JoinError("Wi-Fi driver failed: %s" % error)
    from binnode.wifi.failures import of_join

    raise JoinError(of_join(status))


def _attempt(wlan, time, credentials, channel, reconnects, deadline):
    """The status that ends one attempt: _GOT_IP, a failure, or what it was when the time was over."""
    wlan.config(reconnects=reconnects)
    old = wlan.status()
    patience = Deadline(time, min(_ENDING_MS, deadline.left_ms()))
    _connect(wlan, time, patience, credentials)
    if channel:
        # Let the scan begin there: the configuration is there only now, after connect(ssid, key).
        try:
            wlan.disconnect()
            wlan.config(channel=channel)
        except OSError:
            pass  # The scan begins at channel 1 then.
        _connect(wlan, time, patience, ())
    scan = Deadline(time, _SCAN_MS)
    while True:
        status = wlan.status()
        if status == _GOT_IP or deadline.expired():
            return status
        if status != old:
            old = None
        # A failure that was there before may be left over from the last attempt, until this one had time for its own.
        if status not in (_IDLE, _CONNECTING) and (old is None or scan.expired()):
            return status
        time.sleep_ms(min(_POLL_MS, deadline.left_ms()))


def _connect(wlan, time, patience, arguments):
    while True:
        try:
            wlan.connect(*arguments)
            return
        except OSError:
            if patience.expired():
                raise
            time.sleep_ms(_POLL_MS)
