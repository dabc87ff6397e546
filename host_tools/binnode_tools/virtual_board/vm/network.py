"""Stand-in for the chip's `network`: the station interface, as the ESP32 port has it."""

import acts
from _link import act

STA_IF = 0
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
_NUMBERS = {"channel": 1, "reconnects": 2, "pm": 3, "txpower": 4}


def _text(value):
    return value.encode() if isinstance(value, str) else bytes(value)


class WLAN:
    IF_STA = 0
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            raise ValueError("the virtual board has the station interface only")

    def active(self, on=None):
        return act(acts.WIFI_ACTIVE, -1 if on is None else 1 if on else 0) == 1

    def connect(self, ssid=None, key=None, *, bssid=None):
        if ssid is None:  # the settings stay, a channel given since then among them
            act(acts.WIFI_CONNECT, 1)
            return
        act(acts.WIFI_CONNECT, data=b"\0".join((_text(ssid or b""), _text(key or b""), bssid or b"")))

    def disconnect(self):
        act(acts.WIFI_DISCONNECT)

    def status(self, what=None):
        if what is None:
            return act(acts.WIFI_STATUS)
        if what == "rssi":
            return act(acts.WIFI_STATUS, 1)
        raise ValueError("unknown status param")

    def isconnected(self):
        return act(acts.WIFI_STATUS) == STAT_GOT_IP

    def config(self, name=None, **settings):
        if name == "mac" or name == "ssid":
            return act(acts.WIFI_CONFIG, 10 if name == "mac" else 11, wants_data=True)
        if name is not None:
            if name not in _NUMBERS:
                raise ValueError("unknown config param")
            return act(acts.WIFI_CONFIG, _NUMBERS[name], -1)
        for key, value in settings.items():
            if key not in _NUMBERS:
                raise ValueError("unknown config param")
            act(acts.WIFI_CONFIG, _NUMBERS[key], value)
        return None

    def ifconfig(self, addresses=None):
        if addresses is None:
            return tuple(str(act(acts.WIFI_ADDRESS, wants_data=True), "ascii").split("/"))
        act(acts.WIFI_ADDRESS, 1, data="/".join(addresses).encode())
        return None
