"""A real MQTT broker on loopback for a run: Mosquitto when it is installed, else amqtt. And a subscriber to it."""

import asyncio
import logging
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

_READY_S = 15


class BrokerError(Exception):
    """The broker did not start."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A broker process. `name` says which; `address` where."""

    def __init__(self) -> None:
        self.address = ("127.0.0.1", _free_port())
        self.folder = tempfile.TemporaryDirectory()
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
        if mosquitto:
            self.name = "Mosquitto"
            settings = Path(self.folder.name, "mosquitto.conf")
            settings.write_text(f"listener {self.address[1]} 127.0.0.1\nallow_anonymous true\n")
            command = [mosquitto, "-c", str(settings)]
        else:
            self.name = "amqtt"
            command = [sys.executable, "-m", "binnode_tools.virtual_board.broker", str(self.address[1])]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + _READY_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(self.address, 0.5).close()
                return
            except OSError:
                time.sleep(0.02)
        self.close()
        raise BrokerError(f"the MQTT broker ({self.name}) did not start on {self.address[0]}:{self.address[1]}")

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_) -> None:
        self.close()


def _send_at_once(client: paho.Client, data: object, connection: object) -> None:
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Subscriber:
    """Everything published below `topic`, in order. Nothing is lost: it waits for its own mark."""

    _MARK = "binnode-mark"

    def __init__(self, address: tuple[str, int], topic: str):
        self.messages: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.subscribed: queue.Queue[None] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = lambda client, data, message: self.messages.put(
            (message.topic, bytes(message.payload))
        )
        self.client.on_subscribe = lambda *_: self.subscribed.put(None)
        self.client.on_socket_open = _send_at_once
        self.client.connect(*address)
        self.client.subscribe([(f"{topic}/#", 1), (self._MARK, 0)])
        self.client.loop_start()
        try:
            self.subscribed.get(timeout=_READY_S)
        except queue.Empty:
            raise BrokerError("the broker does not answer a subscription") from None
        self.marks = 0

    def collect(self) -> list[tuple[str, bytes]]:
        """What arrived since the last call, complete: a mark is published and waited for."""
        self.marks += 1
        mark = str(self.marks).encode()
        self.client.publish(self._MARK, mark, qos=0)
        arrived = []
        while True:
            try:
                topic, payload = self.messages.get(timeout=_READY_S)
            except queue.Empty:
                raise BrokerError("the broker lost a message of the subscriber") from None
            if topic != self._MARK:
                arrived.append((topic, payload))
            elif payload == mark:
                return arrived

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


async def _serve(port: int) -> None:
    from amqtt.broker import Broker as Amqtt

    settings = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    await Amqtt(settings).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(int(sys.argv[1])))
