"""The way over Wi-Fi: join, MQTT, and out again, all within one deadline."""

from binnode.deadline import Deadline
from binnode.wifi import mqtt, station

LinkError = (mqtt.MqttError, station.JoinError, OSError, ValueError)  # all that open() and deliver() raise
_ROOM = 242  # a report stays as small as on LoRaWAN; more readings make more reports


class WifiLink:
    """open(), deliver() any number of times, close() in any case. `room`: bytes that a payload may have."""

    room = _ROOM

    def __init__(self, board, config, state):
        self._board, self._config, self._state = board, config, state
        self._wlan = board.wlan()
        self._client = None
        self._name = config["name"] or "bin-" + "".join("%02x" % byte for byte in board.device_id[-3:])
        self._topic = config["mqtt_topic"] + "/" + self._name
        self._deadline = Deadline(board.time, config["wifi_budget_ms"])

    def open(self):
        """Join the network and the broker. Raises LinkError; the channel is remembered for the next time."""
        config, state, board = self._config, self._state, self._board
        if not config["wifi_ssid"] or not config["mqtt_host"]:
            raise ValueError("no wifi_ssid or mqtt_host: binnode config set")
        remembered = state.bssid, state.channel
        state.bssid, state.channel = station.join(
            self._wlan,
            board.time,
            config["wifi_ssid"],
            board.secret("wifi_key"),
            config["wifi_address"],
            remembered,
            self._deadline,
        )
        sock = mqtt.open_socket(board.sockets(), config["mqtt_host"], config["mqtt_port"], self._deadline)
        self._client = mqtt.Client(sock, self._deadline)
        self._client.connect(self._name, config["mqtt_user"], board.secret("mqtt_key") if config["mqtt_user"] else "")

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

    def close(self):
        if self._client:
            self._client.disconnect()
        station.leave(self._wlan)
