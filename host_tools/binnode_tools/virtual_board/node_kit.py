"""A whole virtual node from a few settings: image, chip, bin, network. Every scenario and `binnode sim` start here."""

import json
import runpy
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from binnode_tools import boards, image, paths
from binnode_tools.boards import Board
from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.setup import Network as LoraNetwork
from binnode_tools.virtual_board import lora_kit, stand_ins
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.chip import Chip, Wiring
from binnode_tools.virtual_board.network import AccessPoint, Network
from binnode_tools.virtual_board.scene import Geometry, Scene, Unkind
from binnode_tools.virtual_board.storage import Flash
from binnode_tools.virtual_board.world import World

BROKER_HOST, BROKER_PORT = "broker.example", 1883
FLASH_SIZE = 0x100000  # of the file system in the image: a part of the board's is enough, and quicker to make
# What the VM's stand-ins take of its heap; the node gets the 96 KiB of its budget on top. `make bench` measures it.
STAND_INS_KIB = 47
NODE_HEAP_KIB = 96


@dataclass
class Kit:
    """Settings of one node. `config` overrides the defaults that fit the bin."""

    board: str = "esp32_devkit"
    seed: str = "1"
    name: str = "bin"
    geometry: Geometry = field(default_factory=Geometry)
    unkind: Unkind = field(default_factory=Unkind)
    wiring: Wiring = field(default_factory=Wiring)
    config: dict = field(default_factory=dict)
    heap_kib: int = NODE_HEAP_KIB + STAND_INS_KIB
    region: str = ""  # of LoRaWAN; empty: Wi-Fi
    sub_band: int = 0


def node_config(kit: Kit) -> dict:
    """What a calibrated node of this bin holds in config.json: as the tools write it, every field."""
    geometry = kit.geometry
    defaults = runpy.run_path(str(paths.FIRMWARE / "binnode" / "config_defaults.py"))["DEFAULTS"]
    own: dict = {}  # what only its shape has
    if geometry.shape == "lying":
        own["diameter_mm"] = round(geometry.diameter_mm)
    if geometry.shape == "strapping":
        own["strapping"] = ",".join(f"{round(height)}:{round(volume)}" for height, volume in geometry.strapping)
    return {
        **defaults,
        "name": kit.name,
        "module": kit.wiring.module,
        "thermometer": "ds18b20" if kit.wiring.ds18b20 else "chip",
        "shape": geometry.shape,
        "empty_mm": round(geometry.empty_mm),
        "full_mm": round(geometry.full_mm),
        "bottom_permille": round(geometry.taper * 1000),
        **own,
        "wifi_ssid": "binnode",
        "mqtt_host": BROKER_HOST,
        **(lora_kit.config_of(device_of(kit), kit.region, kit.sub_band) if kit.region else {}),
        **kit.config,
    }


def device_of(kit: Kit) -> Device:
    """What the node is to a LoRaWAN network."""
    return lora_kit.device_of(kit.name, kit.seed)


def files_of(board: Board, config: dict | None) -> dict[str, bytes]:
    """The application, and the node's config beside it."""
    files = image.application_files(board)
    if config is not None:
        files["config.json"] = json.dumps(config).encode()
    return files


def network_of(kit: Kit) -> Network:
    """An access point with the node's credentials; the caller adds the broker."""
    network = Network(kit.seed, kit.unkind.latency_ms, kit.unkind.join_failures)
    network.access_points.append(AccessPoint())
    return network


def add_node(
    world: World,
    kit: Kit,
    scene: Scene,
    network: Network,
    files: dict[str, bytes] | None = None,
    lora: LoraNetwork | None = None,
) -> VirtualBoard:
    """Put a flashed and provisioned node into the world; it powers on at time 0. `lora`: the network of kit.region."""
    board = boards.load(kit.board)
    if files is None:
        files = files_of(board, node_config(kit))
    folder = Path(tempfile.mkdtemp(prefix="binnode-"))
    flash = Flash(folder / "flash.bin", image.littlefs_image(files, FLASH_SIZE), temporary=True)
    chip = Chip(board, scene, network, flash, kit.seed, kit.wiring)
    point = network.access_points[0]
    chip.nvs.provision("binnode", "wifi_key", point.key.encode())
    if lora is not None:
        lora_kit.attach(chip, lora, device_of(kit))
    return world.add(VirtualBoard(chip, stand_ins.build(), f"{kit.heap_kib}K"))
