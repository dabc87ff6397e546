"""The virtual board boots from the complete image: file system and NVS cut out of it as the chip would find them."""

import json
from pathlib import Path

import pytest
from binnode_tools import boards
from binnode_tools.codec import decode
from binnode_tools.flashing import complete, micropython_build, node_rules, nvs
from binnode_tools.virtual_board import node_kit, stand_ins
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.chip import Chip
from binnode_tools.virtual_board.network import AccessPoint
from binnode_tools.virtual_board.peers import ScriptedBroker
from binnode_tools.virtual_board.scene import Scene
from binnode_tools.virtual_board.storage import Flash
from binnode_tools.virtual_board.world import World

from tests.system.scenario import HOUR_US
from tests.unit import flash_reader
from tests.unit.micropython_bin import OTA_TABLE, TABLE, micropython_bin


def boot(world: World, kit: node_kit.Kit, content: bytes, folder: Path) -> tuple[VirtualBoard, ScriptedBroker]:
    """A chip whose flash holds `content`, found by its own partition table, in a street with an access point."""
    board = boards.load(kit.board)
    rows = flash_reader.table_of(content)
    end = max(offset + size for _, _, offset, size in rows.values())
    network = node_kit.network_of(kit)
    broker = ScriptedBroker(network.latency_us)
    network.add(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.connect)
    scene = Scene(lambda t_s: 300, kit.geometry, kit.unkind, kit.seed)
    chip = Chip(board, scene, network, Flash(folder / "flash.bin", content[end:]), kit.seed, kit.wiring)
    offset, size = rows["nvs"][2:]
    for (namespace, key), value in nvs.decode(content[offset : offset + size]).items():
        chip.nvs.provision(namespace, key, value)
    return world.add(VirtualBoard(chip, stand_ins.build(), f"{kit.heap_kib}K")), broker


@pytest.mark.parametrize(("name", "table"), [("esp32_devkit", TABLE), ("esp32c3", TABLE), ("esp32_devkit", OTA_TABLE)])
def test_node_reports_with_the_settings_and_the_secret_of_its_image(name, table, tmp_path):
    kit = node_kit.Kit(board=name, name="bin7")
    board = boards.load(name)
    build = micropython_build.parse(micropython_bin(board.chip, table=table, filler=50_000))
    config = node_rules.complete_config(node_kit.node_config(kit))
    content = complete.build(board, build, board.flash.size, config, {"wifi_key": AccessPoint().key}).content
    with World() as world:
        node, broker = boot(world, kit, content, tmp_path)
        world.run_until(HOUR_US // 10)
        reports = [decode(payload) for _, topic, payload, _ in broker.published if topic == "binnode/bin7/up/1"]
        assert len(reports) == 1 and abs(reports[0].fill_permille - 300) <= 10
        assert all(wake.how == "deep sleep" and not wake.findings for wake in node.wakes)
        assert node.chip.flash.writes == 0, "the file system is taken as it is"


def test_without_its_secret_it_does_not_get_in(tmp_path):
    kit = node_kit.Kit(name="bin7")
    board = boards.load(kit.board)
    build = micropython_build.parse(micropython_bin(filler=50_000))
    content = complete.build(board, build, board.flash.size, node_kit.node_config(kit)).content
    with World() as world:
        node, broker = boot(world, kit, content, tmp_path)
        world.run_until(HOUR_US // 10)
        assert not broker.published and node.wakes[0].how == "deep sleep"
    assert json.loads(flash_reader.files_of(content, 0x200000)["config.json"])["name"] == "bin7"
