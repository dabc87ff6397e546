"""The drivers of the modules that answer in bytes, on CPython, wired to the models through the chip's own acts."""

import importlib
import struct
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
from binnode.sensing.kinds import PING_NO_ECHO, PING_SILENT
from binnode.sensing.modules import profile
from binnode.sensing.sound import distance_mm, half_speed_q16
from binnode_tools import boards
from binnode_tools.virtual_board import acts, acts_chip, acts_pins, acts_serial, serial_modules
from binnode_tools.virtual_board.chip import Chip, Wiring
from binnode_tools.virtual_board.handlers import HANDLERS, ChipError
from binnode_tools.virtual_board.network import Network
from binnode_tools.virtual_board.scene import KIND, Geometry, Scene, Unkind
from binnode_tools.virtual_board.serial_line import Line
from binnode_tools.virtual_board.storage import Flash

assert acts_chip and acts_pins and acts_serial  # imported for their handlers
KINDS = [*serial_modules.TYPES, "rcwl9600"]
TRUE_MM = 1200


class Bench:
    """A chip that a test, and not a VM, gives its acts."""

    def __init__(self, folder, kind, unkind=KIND, distance_mm=TRUE_MM, board="esp32_devkit"):
        self.board = boards.load(board)
        scene = Scene(lambda t_s: 0, Geometry(empty_mm=distance_mm, full_mm=10), unkind, "1")
        network = Network("1", (10, 10), 0)
        flash = Flash(folder / "flash", bytes(4096), temporary=True)
        self.chip = Chip(self.board, scene, network, flash, "1", Wiring(module=kind))
        self.module = self.chip.module
        self.pins = boards.firmware_json(self.board)
        self.time = self

    def act(self, code, a=0, b=0, data=b""):
        self.chip.advance(100)
        try:
            return HANDLERS[code](self.chip, a, b, data)
        except ChipError as error:
            raise OSError(error.what) from None

    def sleep_ms(self, ms):
        self.act(acts.SLEEP_US, ms * 1000, 1)

    def rest_ms(self, ms):
        self.act(acts.LIGHT_SLEEP, ms)

    def ticks_ms(self):
        return self.act(acts.TICKS_MS)

    @staticmethod
    def ticks_diff(end, start):
        return (end - start + (1 << 29)) % (1 << 30) - (1 << 29)

    def ranger(self, monkeypatch, name, switched=True):
        """The driver, as board.py makes it."""
        bench = self

        class Pin:
            OUT = 3

            def __init__(self, number, mode=-1, value=None):
                self.number = number
                bench.act(acts.PIN_MODE, number, (mode & 255) | 0xFF00 | (255 if value is None else value) << 16)

        class Uart:
            INV_RX, INV_TX = 4, 32

            def __init__(self, number, baud, tx, rx, invert):
                data = struct.pack(">BII", invert, baud, 256)
                bench.act(acts.UART_OPEN, number, tx.number | rx.number << 8, data)

            def read(self):
                return bench.act(acts.UART_READ, 1, -1) or None

            def write(self, data):
                return bench.act(acts.UART_WRITE, 1, 0, data)

            def flush(self):
                bench.act(acts.UART_FLUSH, 1)

            def deinit(self):
                bench.act(acts.UART_CLOSE, 1)

        class I2c:
            def __init__(self, number, scl, sda, freq):
                bench.act(acts.I2C_OPEN, number, freq, bytes([scl.number, sda.number]))

            def writeto(self, address, data):
                return bench.act(acts.I2C_WRITE, 0, address, data)

            def readfrom(self, address, size):
                return bench.act(acts.I2C_READ, 0, address | size << 8)

        class Supply:
            def value(self, level):
                bench.act(acts.PIN_MODE, bench.board.pins.supply, 3 | 0xFF00 | (1 - level) << 16)

        monkeypatch.setitem(sys.modules, "machine", SimpleNamespace(Pin=Pin, UART=Uart, I2C=I2c))
        monkeypatch.delitem(sys.modules, "binnode.board_serial", raising=False)
        return importlib.import_module("binnode.board_serial").ranger(self, profile(name), Supply())

    def pings(self, ranger, count=9):
        found = []
        for _ in range(count):
            found.append(ranger.ping())
            ranger.gap()
        return found

    def scaled(self, ranger, pings):
        """The distances, with the true speed of sound."""
        celsius = self.chip.scene.temperature_c(self.chip.now / 1e6)
        scale = ranger.scale(half_speed_q16(round(10 * celsius)))
        return [distance_mm(ping, scale) if ping > 0 else ping for ping in pings]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    def make(kind, **options):
        it = Bench(tmp_path, kind, **options)
        ranger = it.ranger(monkeypatch, kind)
        ranger.power_on()
        return it, ranger

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("celsius", [-20, 20, 45])
def test_each_driver_reads_its_model(bench, kind, celsius):
    it, ranger = bench(kind, unkind=replace(KIND, mean_temperature_c=celsius))
    distances = it.scaled(ranger, it.pings(ranger))
    assert max(abs(distance - TRUE_MM) for distance in distances) <= 3, distances
    assert not it.chip.findings
    ranger.power_off()
    assert it.module.powered_at is None
    for pin in it.board.pins.uart if kind != "rcwl9600" else it.board.pins.i2c:
        assert it.chip.line(pin, it.chip.now) == 0, "nothing feeds it through its lines"


@pytest.mark.parametrize("kind", KINDS)
def test_in_an_unkind_world_most_pings_are_near(bench, kind):
    it, ranger = bench(kind, unkind=replace(Unkind(), mean_temperature_c=20, day_night_k=0, weather_k=0))
    distances = it.scaled(ranger, it.pings(ranger, 40))
    assert sum(abs(distance - TRUE_MM) <= 15 for distance in distances) >= 32, distances


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_module_is_silent(bench, kind):
    it, ranger = bench(kind)
    ranger.power_off()
    it.module.fault = "dead"
    ranger.power_on()
    before = it.chip.now
    assert it.pings(ranger, 5) == [PING_SILENT] * 5
    assert it.chip.now - before < 3_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_rubbish_is_no_distance_twice(bench, kind):
    it, ranger = bench(kind)
    it.module.fault = "garbage"
    found = [ping for ping in it.pings(ranger, 20) if ping > 0]
    assert len(set(found)) == len(found) <= 8, "I2C has no sum; the filter is left to find that nothing agrees"
    if kind != "rcwl9600":
        assert len(found) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_hear_is_no_echo(bench, kind):
    it, ranger = bench(kind, unkind=replace(KIND, lost_echoes=1))
    assert it.pings(ranger, 5) == [PING_NO_ECHO] * 5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("us100", "rcwl9600")])
def test_what_is_too_near_reads_below_the_blind_zone(bench, kind):
    blind_mm = profile(kind).blind_mm
    it, ranger = bench(kind, distance_mm=blind_mm // 2)
    assert all(0 < distance < blind_mm for distance in it.scaled(ranger, it.pings(ranger)))


def test_jsn_and_aj_in_the_mode_that_sends_by_itself(bench):
    for kind, cycle_us in serial_modules.AUTO_US.items():
        it, ranger = bench(kind)
        it.module.type = replace(it.module.type, mode="auto", cycle_us=cycle_us)
        distances = it.scaled(ranger, it.pings(ranger))
        assert max(abs(distance - TRUE_MM) for distance in distances) <= 3, kind


@pytest.mark.parametrize("kind", ["jsn_sr04t_uart", "aj_sr04m_uart"])
@pytest.mark.parametrize("sum_of", ["ff", "hl"])
def test_either_sum_will_do(bench, kind, sum_of):
    it, ranger = bench(kind)
    it.module.type = replace(it.module.type, frame=sum_of)
    assert all(ping > 0 for ping in it.pings(ranger))


def test_an_open_line_to_a_dyp_makes_it_filter_and_slow_and_it_is_read_all_the_same(bench, monkeypatch):
    it, ranger = bench("a02yyuw")
    raw = it.module.pings
    it.pings(ranger, 10)
    raw = it.module.pings - raw
    ranger.power_off()
    it.module.to_it = 99  # not connected
    it.module.rx = Line(1)
    ranger.power_on()
    before, started = it.module.pings, it.chip.now
    assert all(abs(ping - TRUE_MM) <= 3 for ping in it.pings(ranger, 10))
    slow_us = (it.chip.now - started) / (it.module.pings - before)
    assert raw >= 10 and 150_000 < slow_us < 400_000


def test_a_maxbotix_answers_one_pulse_with_one_reading_that_is_not_filtered(bench):
    it, ranger = bench("mb7380")
    before = it.module.pings
    it.pings(ranger, 4)
    assert it.module.pings - before == 4
    it.module.scene.geometry = Geometry(empty_mm=800, full_mm=100)
    assert abs(ranger.ping() - 800) <= 3, "the filter would hold on to 1200"


def test_a_maxbotix_whose_pin_4_stays_high_filters(bench):
    it, ranger = bench("mb7380")
    ranger.power_off()
    it.module.to_it = 99
    it.module.rx = Line(1)
    ranger.power_on()
    it.pings(ranger, 4)
    it.module.scene.geometry = Geometry(empty_mm=800, full_mm=100)
    assert ranger.ping() > 1000


def test_the_temperature_of_a_us100(bench):
    it, ranger = bench("us100", unkind=replace(KIND, mean_temperature_c=-7))
    assert ranger.temperature_c10() == -70
    assert abs(ranger.ping() - TRUE_MM) <= 3
    it.module.fault = "dead"
    assert ranger.temperature_c10() is None


@pytest.mark.parametrize(("kind", "other"), [("mb7360", "mb7380"), ("mb7380", "mb7360"), ("dyp_115200", "a02yyuw")])
def test_the_wrong_polarity_or_speed_never_reads_as_a_distance(tmp_path, monkeypatch, kind, other):
    it = Bench(tmp_path, kind)
    ranger = it.ranger(monkeypatch, other)
    ranger.power_on()
    assert it.pings(ranger) == [PING_SILENT] * 9


def test_a_module_that_is_not_powered_says_nothing_and_costs_nothing(tmp_path, monkeypatch):
    it = Bench(tmp_path, "a02yyuw")
    ranger = it.ranger(monkeypatch, "a02yyuw")
    ranger.power_on()
    ranger.power_off()
    pings, charge = it.module.pings, it.chip.ledger.loads_ua["module"]
    it.sleep_ms(5000)
    it.module.run(it.chip.now)
    assert it.module.pings == pings and charge == 0


def test_i2c_needs_its_pins_its_speed_and_its_address(bench):
    it, _ = bench("rcwl9600")
    scl, sda = it.board.pins.i2c
    for pins, hz, address in ((bytes([sda, scl]), 100000, 0x57), (bytes([scl, sda]), 400000, 0x57)):
        it.act(acts.I2C_OPEN, 0, hz, pins)
        with pytest.raises(OSError, match="19"):
            it.act(acts.I2C_WRITE, 0, address, b"\x01")
    it.act(acts.I2C_OPEN, 0, 100000, bytes([scl, sda]))
    with pytest.raises(OSError, match="19"):
        it.act(acts.I2C_WRITE, 0, 0x29, b"\x01")
    assert it.act(acts.I2C_WRITE, 0, 0x57, b"\x01") == 1
