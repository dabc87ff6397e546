"""`binnode provision` on the virtual board: the node joins with the keys it got; the power may go at any byte of it."""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import zxingcpp
from binnode_tools.board_link import last_answer
from binnode_tools.codec import decode
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.virtual_board import lora_kit
from binnode_tools.virtual_board.scene import Geometry
from binnode_tools.virtual_board.storage import Cutter
from PIL import Image

from tests.system.test_console import ASLEEP, PATIENCE_S, bench

BINNODE = Path(sys.executable).with_name("binnode")
SPEED = 20  # once it is provisioned
CONFIG = {"name": "Gate", "transport": "none", "lora_region": "US915", "lora_sub_band": 2}
SECRETS = {"wifi_key": "battery staple", "lora_app_key": "0123456789abcdef" * 2}


def binnode(*arguments, folder):
    done = subprocess.run(
        [BINNODE, *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done
    return done.stdout


def test_provisioned_calibrated_and_then_it_reports(tmp_path):
    """By the commands as they are called. The server knows of it only what is in the export for it."""
    network = setup.make("EU868")
    network.air.set_loss_db("node", network.gateways[0].name, 105)
    arrived = []
    network.server.on_uplink = lambda device, fport, payload, *_: arrived.append((device.name, fport, payload))
    with bench(board="heltec_v3", level=0, geometry=Geometry(empty_mm=1234, full_mm=300)) as node:
        node.board.chip.radio.attach(network.air, "node", lora_kit.ANTENNA_DBI)
        out = binnode(
            "provision", "node", "--port", node.console.path, "--name", "Gate", "--region", "EU868",
            "--join-eui", "0011223344556677", "--yes", "--json", "--export", "servers", "--labels", "labels",
            folder=tmp_path,
        )  # fmt: skip
        (told,) = json.loads(out)["nodes"]
        (pair,) = json.loads((tmp_path / "servers" / "chirpstack-EU868.json").read_text())
        key = pair["deviceKeys"]["nwkKey"]
        assert key not in out
        mac = node.board.chip.unique_id.hex()
        assert told["dev_eui"] == pair["device"]["devEui"] == mac[:6] + "fffe" + mac[6:]
        euis = (bytes.fromhex(pair["device"][name]) for name in ("devEui", "joinEui"))
        device = network.server.add(Device("Gate", *euis, bytes.fromhex(key)))
        out = binnode(
            "calibrate", "--port", node.console.path, "--yes", "--json", "--full-mm", 300, "--place", "Depot",
            folder=tmp_path,
        )  # fmt: skip
        sheet = json.loads(out)
        assert sheet["saved"] and abs(sheet["after"]["settings"]["empty_mm"] - 1234) <= 8
        node.console.order(lambda: setattr(node.board.chip.scene, "level_permille", lambda t_s: 615.0))
        node.runs_until(arrived, SPEED)
    (name, fport, payload), *_ = arrived
    assert (name, fport) == ("Gate", 1) and abs(decode(payload).fill_permille - 615) <= 10
    assert len(list((tmp_path / "calibrations").glob("Gate-*.png"))) == 1
    filed = json.loads(next((tmp_path / "calibrations").glob("Gate-*.json")).read_text())
    assert filed["place"] == "Depot" and filed["node"]["dev_eui"] == told["dev_eui"] and key not in json.dumps(filed)
    assert device.joins == 1 and network.findings == []
    (label,) = zxingcpp.read_barcodes(Image.open(tmp_path / "labels" / f"{told['dev_eui']}.png"))
    assert label.text.startswith(f"LW:D0:0011223344556677:{told['dev_eui'].upper()}:")


def secrets_of(node):
    nvs = node.board.chip.nvs.live
    return {name: nvs["binnode", name].value.decode() for name in SECRETS if ("binnode", name) in nvs}


def cut_after(count, tools=True):
    """(what the node has after `count` bytes of the provisioning and a start, its secrets before, bytes written).

    `tools`: they come in before the node's first wake; else it is on its own.
    """
    order = json.dumps({"config": CONFIG, "secrets": SECRETS})
    with bench(name="Old") as node:
        chip = node.board.chip
        node.at_prompt().value("from binnode import service; service.show()")
        before = secrets_of(node)
        cutter = Cutter(count)
        node.console.order(lambda: [setattr(part, "cutter", cutter) for part in (chip.nvs, chip.flash)])
        os.write(node.fd, f"service.provision({order!r}); print('do' + 'ne')\r".encode())
        end = time.monotonic() + PATIENCE_S
        while "done\r\n" not in node.seen and node.board.vm:
            assert time.monotonic() < end, node.seen
            if select.select([node.fd], [], [], 0.1)[0]:
                node.seen += os.read(node.fd, 4096).decode("latin-1")
        assert bool(node.board.vm) == (cutter.left >= 0), node.seen
        node.console.order(node.console.power_cycle)
        if tools:
            config = last_answer(node.at_prompt().value("from binnode import service; service.show()"))["config"]
        else:
            node.console.order(lambda: setattr(node.console, "speed", SPEED))
            node.expect(ASLEEP)
            config = json.loads(node.file("config.json"))
        assert ("binnode", "provision") not in chip.nvs.live
        return ({name: config[name] for name in CONFIG}, secrets_of(node)), before, count - cutter.left


def test_power_cut_at_any_byte_leaves_the_old_or_the_new():
    new, secrets, size = cut_after(1 << 30)
    assert new == (CONFIG, SECRETS) and secrets == {"wifi_key": "correct horse"}
    old = ({"name": "Old", "transport": "none", "lora_region": "EU868", "lora_sub_band": 0}, secrets)
    seen = []
    for count in [*range(0, size, max(size // 7, 1)), size - 1]:
        found, _, _ = cut_after(count)
        assert found in (old, new), (count, found)
        seen.append(found == new)
    assert seen == sorted(seen) and not seen[0] and seen[-1]
    assert cut_after(size // 2, tools=False)[0] == new, "by the node's own start"
