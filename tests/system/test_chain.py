"""From a technician's desk to a level that is right: provisioned, made an image, booted from it, calibrated, reporting.

Each distance module in each shape of a bin. The bin's truth is the world's, which shares no formula with the firmware.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from binnode_tools import boards, calibration_sheet, provisioning
from binnode_tools.calibration import Answer, Silent, calibrate
from binnode_tools.calibration_record import Wishes
from binnode_tools.cli import main
from binnode_tools.codec import decode
from binnode_tools.flashing import complete, micropython_build, node_rules
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.modules import modules
from binnode_tools.node_service import NodeService
from binnode_tools.virtual_board import lora_kit, node_kit, serial_modules
from binnode_tools.virtual_board.chip import Wiring
from binnode_tools.virtual_board.network import AccessPoint
from binnode_tools.virtual_board.scene import Geometry
from binnode_tools.virtual_board.simulation import Judge
from binnode_tools.virtual_board.world import World
from click.testing import CliRunner

from tests.system.scenario import wake_budget_us
from tests.system.test_flash_boot import boot
from tests.system.virtual_repl import at_repl
from tests.unit.micropython_bin import micropython_bin

LEVELS = (950, 60, 300, 520, 760, 980)  # permille, each for a wake; the crew comes after the first
STEP_S = 900
FULL_MM, RIM_MM = 640, 60  # below the blind zone of every module; of the upright bin the full line is so far below it
SHAPES = ("upright", "tapered", "lying", "strapping")


def bin_of(shape: str, kind: str) -> tuple[Geometry, Wishes]:
    """A bin as deep as that module can hear, and what a technician says of it."""
    empty_mm = min(1800, modules()[kind].range_mm * 9 // 10)
    deep = {"empty_mm": empty_mm, "full_mm": FULL_MM}
    whole = empty_mm - FULL_MM
    if shape == "tapered":
        return Geometry(shape, taper=0.7, **deep), Wishes(bottom_permille=700)
    if shape == "lying":
        return Geometry(shape, diameter_mm=whole * 6 // 5, **deep), Wishes(diameter_mm=whole * 6 // 5)
    if shape == "strapping":  # it narrows upwards, and goes on above the full line
        heights = [whole * part // 10 for part in (0, 2, 5, 8, 10, 13)]
        table = tuple(zip(heights, (0, 320, 1250, 2050, 2350, 2600), strict=True))
        return Geometry(shape, strapping=table, **deep), Wishes(strapping=",".join(f"{h}:{v}" for h, v in table))
    return Geometry(**deep), Wishes(shape="upright", rim_to_full_mm=RIM_MM)


def binnode(*arguments, text=""):
    done = CliRunner().invoke(main.cli, [str(part) for part in arguments], input=text)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.output


@dataclass
class Desk:
    """What leaves the desk: the content of a flash, and for the network server what it imports."""

    flash: bytes
    secrets: dict[str, str]
    servers: Path


def desk(folder: Path, board_name: str, *fields: str, text: str = "") -> Desk:
    """`binnode provision node` into a file, and that file into a complete image."""
    file = folder / "node.json"
    outputs = ["--output", file, "--export", folder / "servers", "--ledger", folder / "ledger.json", "--yes"]
    said = binnode("provision", "node", *fields, "thermometer=ds18b20", "--secret-file", "-", *outputs, text=text)
    order = provisioning.read_file(file)
    assert order["secrets"] and not any(secret in said for secret in order["secrets"].values())
    board = boards.load(board_name)
    build = micropython_build.parse(micropython_bin(board.chip, flash_mib=board.flash.size >> 20, filler=20_000))
    config = node_rules.complete_config(order["config"])
    made = complete.build(board, build, board.flash.size, config, order["secrets"])
    return Desk(made.content, order["secrets"], folder / "servers")


@pytest.fixture(scope="module")
def wifi_desk(tmp_path_factory):
    fields = ["--name", "Gate 3", f"wifi_ssid={AccessPoint().ssid}", f"mqtt_host={node_kit.BROKER_HOST}"]
    folder = tmp_path_factory.mktemp("wifi")
    return desk(folder, "esp32_devkit", *fields, text=f"wifi_key={AccessPoint().key}\n")


def imported(desk: Desk) -> Device:
    """What the network server knows of the node: what stands in the export, and no more."""
    (pair,) = json.loads((desk.servers / "chirpstack-EU868.json").read_text())
    euis = (bytes.fromhex(pair["device"][name]) for name in ("devEui", "joinEui"))
    return Device(pair["device"]["name"], *euis, bytes.fromhex(pair["deviceKeys"]["nwkKey"]))


class Street(Silent):
    """A node in its bin, and who stands beside it: empties the bin and holds the board when asked to.

    `arrived`: takes what came since it was asked last, as topics and payloads. `budget_ms`: of the node, for its radio.
    """

    def __init__(self, world: World, board, arrived, budget_ms=15_000):
        self.world, self.board, self.arrived, self.budget_ms = world, board, arrived, budget_ms
        self.level = 0.0
        self.released_s: float | None = None
        self.judge = Judge()
        board.chip.scene.level_permille = self.level_permille
        self.reported: list[int | None] = []  # permille, those that had to wait too
        board.on_wake_end = self._ended

    def _ended(self, wake) -> None:
        messages = self.arrived()
        self.judge.wake(wake, messages)
        for topic, payload in messages:
            if topic.endswith("/up/1"):
                status = decode(payload)
                self.reported += [status.fill_permille, *(reading.fill_permille for reading in status.history)]

    def level_permille(self, t_s: float) -> float:
        if self.released_s is None:
            return self.level
        step = int((t_s - self.released_s) // STEP_S)
        return LEVELS[min(step, len(LEVELS) - 1)]

    def ready(self, what, look):
        geometry = self.board.chip.scene.geometry
        above_full = RIM_MM / (geometry.empty_mm - geometry.full_mm) if what == "rim" else 0
        self.level = 0.0 if what == "empty" else 1000 * (1 + above_full)
        return Answer.MEASURE

    def calibrated(self, geometry: Geometry, wishes: Wishes):
        self.released_s, self.board.chip.scene.geometry = None, geometry
        with at_repl(self.world, self.board) as link:
            return calibrate(NodeService(link), wishes, self)

    def reports_for_each_level(self) -> list[float]:
        """Errors in percentage points of what it reports by itself from its next start on."""
        self.judge, self.reported = Judge(), []
        self.released_s = self.board.chip.now / 1e6 - STEP_S / 2
        first = len(self.board.wakes)
        self.world.run_until(self.board.chip.now + round((len(LEVELS) - 0.5) * STEP_S * 1e6))
        wakes = self.board.wakes[first:]
        assert all(wake.how == "deep sleep" for wake in wakes)
        assert max(wake.awake_us for wake in wakes) <= wake_budget_us(self.budget_ms)
        for wake in wakes:  # a join may have used up what EU868 allows in a minute: then the report waits
            assert "failed" not in wake.console.replace("failed: duty cycle", ""), wake.console
            assert "using" not in wake.console, wake.console
        for level in LEVELS:
            assert any(abs(one - level) <= 10 for one in self.reported if one is not None), (level, self.reported)
        return self.judge.errors_pct


def mail_of(broker):
    """What was published since it was asked last."""
    taken = 0

    def arrived():
        nonlocal taken
        fresh = [(topic, payload) for _, topic, payload, _ in broker.published[taken:]]
        taken = len(broker.published)
        return fresh

    return arrived


def chain(street: Street, kind: str, shape: str) -> dict:
    """Calibrate in a bin of that shape, then let it report; the sheet."""
    geometry, wishes = bin_of(shape, kind)
    calibration = street.calibrated(geometry, replace(wishes, module=kind, by="J. Smith", place="Depot"))
    sheet = calibration.as_json()
    assert sheet["saved"] and sheet["bin"]["shape"] == shape and sheet["module"]["name"] == kind
    # A compensating module's own thermometer may be off, and so is what it says of the depth, each time alike.
    assert abs(sheet["bin"]["empty_mm"] - geometry.empty_mm) <= 16
    assert sheet["after"]["reading"]["fill_permille"] >= 990
    errors = street.reports_for_each_level()
    assert len(errors) >= len(LEVELS) and max(errors) <= 1.0, (shape, errors)
    return sheet


@pytest.mark.parametrize("kind", serial_modules.KINDS)
def test_over_wifi_in_each_shape_of_a_bin(kind, wifi_desk, tmp_path):
    kit = node_kit.Kit(board="esp32_devkit", wiring=Wiring(module=kind))
    with World() as world:
        board, broker = boot(world, kit, wifi_desk.flash, tmp_path)
        street = Street(world, board, mail_of(broker))
        for shape in SHAPES:
            chain(street, kind, shape)
        assert not [text for wake in board.wakes for text in wake.findings]
        assert {topic.split("/")[1] for _, topic, _, _ in broker.published} == {"Gate 3"}


def test_a_wrong_shape_would_show(wifi_desk, tmp_path):
    """The bins of these tests differ by more than the point that is allowed."""
    with World() as world:
        board, broker = boot(world, node_kit.Kit(), wifi_desk.flash, tmp_path)
        street = Street(world, board, mail_of(broker))
        street.calibrated(bin_of("lying", "hcsr04p")[0], Wishes(shape="upright"))
        street.released_s = board.chip.now / 1e6 - STEP_S
        world.run_until(board.chip.now + 60_000_000)
        (fill_permille,) = street.reported
        assert fill_permille is not None and abs(fill_permille - LEVELS[1]) > 30


def test_questions_of_a_session_leave_nothing_on_the_heap(wifi_desk, tmp_path):
    """A session asks about each setting that it has, and then needs room to measure."""
    with World() as world:
        board, _ = boot(world, node_kit.Kit(), wifi_desk.flash, tmp_path)
        with at_repl(world, board) as link:
            service = NodeService(link)
            service.show()
            before = service.info().free_heap
            assert service.problem("diameter_mm", 700) is None and service.problem("shape", "round")
            assert service.refusals(service.show().config) == []
            assert before - service.info().free_heap < 2000  # bytes; config_rules alone is 17,000


@pytest.fixture(scope="module")
def lora_desk(tmp_path_factory):
    fields = ["--name", "Gate 4", "--region", "EU868", "--dev-eui", "70b3d57ed006a5c1", "lora_antenna_dbi=2"]
    fields.append("lora_join_eui=0011223344556677")
    return desk(tmp_path_factory.mktemp("lora"), "heltec_v3", *fields, text=f"app_key={'0123456789abcdef' * 2}\n")


@pytest.mark.parametrize("kind", ["hcsr04p", "a02yyuw", "jsn_sr04t", "rcwl9600"])
def test_over_lorawan_in_each_shape_of_a_bin(kind, lora_desk, tmp_path):
    network = setup.make("EU868")
    network.air.set_loss_db("node", network.gateways[0].name, 105)
    uplinks = []
    network.server.on_uplink = lambda device, fport, payload, *_: uplinks.append((f"{device.name}/up/{fport}", payload))
    device = network.server.add(imported(lora_desk))
    kit = node_kit.Kit(board="heltec_v3", wiring=Wiring(module=kind))
    with World() as world:
        board, _ = boot(world, kit, lora_desk.flash, tmp_path)
        board.chip.radio.attach(network.air, "node", lora_kit.ANTENNA_DBI)

        def arrived():
            fresh = uplinks[:]
            uplinks.clear()
            return fresh

        street = Street(world, board, arrived, budget_ms=60_000)
        for shape in SHAPES:
            sheet = chain(street, kind, shape)
        assert not [text for wake in board.wakes for text in wake.findings]
    assert device.joins >= 1 and network.findings == []
    assert sheet["node"]["dev_eui"] == device.dev_eui.hex() == "70b3d57ed006a5c1"
    paths = calibration_sheet.write(sheet, tmp_path / "sheets")
    assert paths[1].stat().st_size > 50_000
    for path in paths:
        assert not any(secret.encode() in path.read_bytes() for secret in lora_desk.secrets.values())
