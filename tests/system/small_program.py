"""A board that runs a small main.py of the test's own, and nothing of the node."""

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from binnode_tools import boards, image
from binnode_tools.virtual_board import node_kit, stand_ins
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.chip import Chip, Wiring
from binnode_tools.virtual_board.network import AccessPoint
from binnode_tools.virtual_board.peers import ScriptedBroker
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.storage import Flash
from binnode_tools.virtual_board.world import World

ESP32 = boards.load("esp32_devkit")
C3 = replace(
    ESP32, chip="esp32c3", pins=replace(ESP32.pins, trigger=4, echo=5, supply=None, onewire=None, battery=None)
)
SLEEP = "machine.deepsleep(1000)"
WIFI = """
import network
wlan = network.WLAN()
wlan.active(True)
"""
ONLINE = f"""{WIFI}
wlan.connect("binnode", "{AccessPoint().key}")
while not wlan.isconnected():
    time.sleep_ms(100)
import socket
"""
CONNECTED = f"""{ONLINE}
s = socket.socket()
s.settimeout(5)
s.connect(("10.0.0.10", 1883))
"""
TOLD = """
import esp32, machine, time
from machine import ADC, Pin, RTC, UART

def misuse():
{}

try:
    misuse()
except Exception as error:
    print(type(error).__name__, error.args)
"""


@contextmanager
def board_with(files, board=ESP32):
    """A board with these files alone, in a world with a network and a broker; it has not run yet."""
    kit = node_kit.Kit()
    scene = Scene(lambda t_s: 300, kit.geometry, kit.unkind, kit.seed)
    network = node_kit.network_of(kit)
    network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, ScriptedBroker(network.latency_us).connect)
    with World() as world:
        folder = Path(tempfile.mkdtemp(prefix="binnode-"))
        flash = Flash(folder / "flash.bin", image.littlefs_image(files, 0x10000), temporary=True)
        chip = Chip(board, scene, network, flash, kit.seed, Wiring())
        chip.nvs.provision("binnode", "wifi_key", AccessPoint().key.encode())
        chip.nvs.provision("binnode", "number", 7)
        virtual = world.add(VirtualBoard(chip, stand_ins.build(), "200K"))
        virtual.world = world
        yield virtual


def wakes_of(code, board=ESP32, seconds=30.0, **files):
    """Run `code` as main.py, an exception told on the console; the wakes of the first `seconds`."""
    told = TOLD.format("\n".join(f"    {line}" for line in code.strip().splitlines()))
    with board_with({"main.py": told.encode(), **files}, board) as virtual:
        virtual.world.run_until(round(seconds * 1e6))
        return virtual.wakes
