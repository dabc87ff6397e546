"""A LoRaWAN node as a technician provisions it: keys by `binnode config set` over the serial port, then it reports."""

import subprocess
import sys
from pathlib import Path

import pytest
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.virtual_board import lora_kit

from tests.system.test_console import bench

BINNODE = Path(sys.executable).with_name("binnode")
EUI, JOIN_EUI = "70b3d57ed006a5c1", "0011223344556677"
APP_KEY, NWK_S_KEY, APP_S_KEY = (f"{number:032x}" for number in (0xA1B2 << 100, 0xC3D4 << 100, 0xE5F6 << 100))
DEV_ADDR = "260b1234"
SPEED = 20  # once it is provisioned


def set_(node, *arguments, secrets=""):
    command = [BINNODE, "config", "set", "--port", node.console.path, "transport=lorawan", "lora_region=KR920"]
    command += arguments
    done = subprocess.run(command, input=secrets, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert done.stdout.startswith("transport = lorawan (was none)\nlora_region = KR920 (was EU868)\n")
    return done.stdout


def otaa(node, network):
    out = set_(node, f"lora_join_eui={JOIN_EUI}", f"lora_dev_eui={EUI}", "lora_app_key", secrets=APP_KEY + "\n")
    assert APP_KEY not in out and "lora_app_key: set" in out
    return network.server.add(Device("node", bytes.fromhex(EUI), bytes.fromhex(JOIN_EUI), bytes.fromhex(APP_KEY)))


def abp(node, network):
    keys = f"{NWK_S_KEY}\n{APP_S_KEY}\n"
    out = set_(node, "lora_join=abp", f"lora_dev_addr={DEV_ADDR}", "lora_nwk_s_key", "lora_app_s_key", secrets=keys)
    assert "lora_nwk_s_key: set" in out and "lora_app_s_key: set" in out and NWK_S_KEY not in out
    device = Device("node", bytes.fromhex(EUI))
    return network.server.abp(device, int(DEV_ADDR, 16), bytes.fromhex(NWK_S_KEY), bytes.fromhex(APP_S_KEY))


@pytest.mark.parametrize("activate", [otaa, abp])
def test_a_node_that_got_its_keys_by_config_set_reports(activate):
    network = setup.make("KR920")
    network.air.set_loss_db("node", network.gateways[0].name, 105)
    arrived = []
    network.server.on_uplink = lambda device, fport, *_: arrived.append((device.dev_eui.hex(), fport))
    with bench(board="heltec_v3") as node:
        node.board.chip.radio.attach(network.air, "node", lora_kit.ANTENNA_DBI)
        device = activate(node, network)
        node.runs_until(arrived, SPEED)
    assert arrived[0] == (EUI, 1)
    assert device.joins == (activate is otaa) and network.findings == []


def test_a_key_of_another_length_is_refused_and_not_repeated():
    with bench(board="heltec_v3") as node:
        command = [BINNODE, "config", "set", "--port", node.console.path, "lora_app_key"]
        done = subprocess.run(command, input=APP_KEY[:-1] + "\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "lora_app_key: must be 32 hex digits" in done.stderr
    assert APP_KEY[:-1] not in done.stdout + done.stderr
