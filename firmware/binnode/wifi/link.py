"""The way over Wi-Fi: join, look the broker up, TLS if asked for, MQTT, and out again, all within one deadline."""

from binnode import forget
from binnode.deadline import Deadline
from binnode.wifi import LinkFailure, is_address, leave, mqtt

_ROOM = 242  # a report stays as small as on LoRaWAN; more readings make more reports


class WifiLink:
    """open(), deliver() any number of times, close() in any case. `room`: bytes that a payload may have."""

    way = "wifi"
    heard = True  # who has delivered has had a receipt
    errors = (LinkFailure, OSError, ValueError)  # all that open() and deliver() raise
    room = _ROOM

    def __init__(self, board, config, state):
        self._board, self._config, self._state = board, config, state
        self._wlan = board.wlan()
        self._client = None
        self._name = config["name"] or "bin-" + "".join("%02x" % byte for byte in board.device_id[-3:])
        self.name = self._name
        self._topic = config["mqtt_topic"] + "/" + self._name
        self._deadline = Deadline(board.time, config["wifi_budget_ms"])

    def open(self):
        """Join the network and the broker. Raises LinkError; the channel is remembered for the next time.

        With TLS it may set the clock, and the times in the node's memory with it.
        """
        config, state, board = self._config, self._state, self._board
        if not config["wifi_ssid"] or not config["mqtt_host"]:
            raise ValueError("no wifi_ssid or mqtt_host: binnode config set")
        tls = context = None
        if config["mqtt_tls"] == "on":
            from binnode.wifi import tls

            context = tls.trusting(board.ssl(), board.read_bytes(tls.CA))  # its 3 KiB in one piece come first
        self._join()
        forget("wifi.station")
        if tls:
            sock = tls.open_socket(context, board, config, state, self._address_of, self._deadline)
        else:
            address = self._address_of(config["mqtt_host"])
            sock = mqtt.open_socket(board.sockets(), address, config["mqtt_port"], self._deadline)
        self._client = mqtt.Client(sock, self._deadline)
        self._client.connect(self._name, config["mqtt_user"], board.secret("mqtt_key") if config["mqtt_user"] else "")

    def _join(self):
        from binnode.wifi import station

        config, state, board = self._config, self._state, self._board
        state.channel = station.join(
            self._wlan,
            board.time,
            config["wifi_ssid"],
            board.secret("wifi_key"),
            config["wifi_address"],
            state.channel,
            self._deadline,
        )

    def _address_of(self, host):
        """The dotted address of a host name; of an address itself without asking. LinkFailure."""
        if is_address(host):
            return host
        from binnode.wifi import dns

        address = dns.resolve(self._board, self._wlan.ifconfig()[3], host, self._deadline)
        forget("wifi.dns")
        return address

    def deliver(self, payload, status):
        """Publish one report: the payload (port 1, as on LoRaWAN) and the JSON state, and wait for both receipts."""
        from binnode import version
        from binnode.reporting.state_json import state_json

        client = self._client
        if not client:
            raise ValueError("the link is not open")
        text = state_json(status, self._config, self._name, self._state.reports + 1, version.VERSION)
        client.publish(self._topic + "/up/1", payload)
        client.publish(self._topic + "/state", text.encode(), True)
        client.settle()

    def deliver_plain(self, payload):
        """Publish a report's payload alone, and wait for its receipt: safe mode's way."""
        if not self._client:
            raise ValueError("the link is not open")
        self._client.publish(self._topic + "/up/1", payload)
        self._client.settle()

    def deliver_diagnostics(self, payload, text):
        """Publish a diagnostics message: the payload (port 2) and its JSON, and wait for both receipts."""
        if not self._client:
            raise ValueError("the link is not open")
        self._client.publish(self._topic + "/up/2", payload)
        self._client.publish(self._topic + "/diagnostics", text.encode(), True)
        self._client.settle()

    def close(self):
        if self._client:
            self._client.disconnect()
        leave(self._wlan)
