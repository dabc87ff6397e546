"""wifi/mqtt.py on real sockets: a real broker (amqtt) between our client and another one (paho-mqtt) as the witness."""

import asyncio
import logging
import queue
import socket
import threading
import time
from types import SimpleNamespace

import paho.mqtt.client as paho
import pytest
from amqtt.broker import Broker
from binnode.deadline import Deadline
from binnode.wifi.mqtt import Client, MqttError, open_socket
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# MicroPython's time on the computer's clock.
TIME = SimpleNamespace(
    ticks_ms=lambda: time.monotonic_ns() // 1_000_000 % (1 << 30),
    ticks_add=lambda ticks, delta: (ticks + delta) % (1 << 30),
    ticks_diff=lambda end, start: (end - start + (1 << 29)) % (1 << 30) - (1 << 29),
)
BUDGET_MS = 5000
USER, PASSWORD = "crew", "correct horse"


@pytest.fixture(scope="module")
def broker_port(tmp_path_factory):
    """The port of a broker on loopback that knows one user."""
    users = tmp_path_factory.mktemp("broker") / "users"
    cheap = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    users.write_text(f"{USER}:{cheap.hash(PASSWORD)}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    logging.getLogger("transitions").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever, daemon=True)
    running.start()

    def wait_for(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(5)

    async def start():
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
                "plugins": {"amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(users)}},
            }
        )
        await broker.start()
        return broker

    broker = wait_for(start())
    yield port
    wait_for(broker.shutdown())
    loop.call_soon_threadsafe(loop.stop)
    running.join(5)
    loop.close()


@pytest.fixture
def subscribe(broker_port):
    """subscribe(topic): a queue of (topic, payload, retained, qos), filled once the broker has agreed."""
    witnesses = []

    def to(topic):
        messages, subscribed = queue.Queue(), threading.Event()
        witness = paho.Client(paho.CallbackAPIVersion.VERSION2, f"witness{len(witnesses)}")
        witnesses.append(witness)
        witness.username_pw_set(USER, PASSWORD)
        witness.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        witness.on_subscribe = lambda *_: subscribed.set()
        witness.on_message = lambda _client, _data, m: messages.put((m.topic, m.payload, bool(m.retain), m.qos))
        witness.connect("127.0.0.1", broker_port)
        witness.loop_start()
        assert subscribed.wait(5)
        return messages

    yield to
    for witness in witnesses:
        witness.disconnect()
        witness.loop_stop()


@pytest.fixture
def visit(broker_port):
    """visit(user, password): a connected Client of ours."""
    clients = []

    def connect(user=USER, password=PASSWORD):
        deadline = Deadline(TIME, BUDGET_MS)
        client = Client(open_socket(socket, "127.0.0.1", broker_port, deadline), deadline)
        clients.append(client)
        client.connect("binnode-1", user, password)
        return client

    yield connect
    for client in clients:
        client.disconnect()


def test_qos1_arrives_at_a_subscriber(visit, subscribe):
    messages = subscribe("bins/#")
    client = visit()
    # Lengths on both sides of where the remaining length takes a second and a third byte.
    payloads = [b"", b"{}", bytes(115), bytes(116), bytes(117), bytes(range(256)) * 64]
    for payload in payloads:
        client.publish("bins/1", payload)
    client.settle()
    client.disconnect()
    assert [messages.get(timeout=5) for _ in payloads] == [("bins/1", payload, False, 1) for payload in payloads]


def test_retained_state_waits_for_who_comes_later(visit, subscribe):
    client = visit()
    client.publish("state/1", b"80 %", True)
    client.publish("state/2", b"not kept")
    client.settle()
    client.disconnect()
    messages = subscribe("state/#")
    assert messages.get(timeout=5) == ("state/1", b"80 %", True, 1)
    visit().publish("state/3", b"live")
    assert messages.get(timeout=5) == ("state/3", b"live", False, 1)


@pytest.mark.parametrize(("user", "password"), [(USER, "wrong"), ("nobody", PASSWORD), ("", "")])
def test_who_is_not_known_is_refused(visit, user, password):
    with pytest.raises(MqttError) as refused:
        visit(user, password)
    assert "mqtt_user" in str(refused.value)
    assert not password or password not in str(refused.value)


def test_a_port_where_nobody_listens():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(MqttError, match="mqtt_host"):
            open_socket(socket, "127.0.0.1", bound.getsockname()[1], Deadline(TIME, BUDGET_MS))


def test_a_peer_that_accepts_and_is_silent():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        deadline = Deadline(TIME, 150)
        client = Client(open_socket(socket, "127.0.0.1", silent.getsockname()[1], deadline), deadline)
        started = time.monotonic()
        with pytest.raises(MqttError, match="out of time waiting for CONNACK"):
            client.connect("binnode-1")
        assert time.monotonic() - started < 1
        client.disconnect()
