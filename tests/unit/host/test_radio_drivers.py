"""The radio models under a driver that somebody else wrote for the real chips: LoRaRF (MIT), if it is installed.

`pip install --no-deps LoRaRF==1.4.0`: what it depends on drives a Raspberry Pi's pins, and stands here as a few lines.
"""

import importlib
import importlib.util
import sys
from types import ModuleType

import pytest

from tests.unit.host.radio_bench import Bench

pytestmark = pytest.mark.skipif(importlib.util.find_spec("LoRaRF") is None, reason="LoRaRF is not installed")
HZ = 868_100_000
MESSAGE = b"HeLoRa World!"


class Pi:
    """The parts of spidev, RPi.GPIO and time that the driver uses, wired to a bench."""

    LOW, HIGH, BCM, OUT, IN, RISING = 0, 1, 11, 0, 1, 31

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def __getattr__(self, name: str):
        return lambda *_, **__: None

    def xfer2(self, sent: list[int]) -> list[int]:
        return list(self.bench.spi(*sent))

    def output(self, pin: int, level: int) -> None:
        self.bench.pin(pin, level)

    def input(self, pin: int) -> int:
        self.bench.pass_us(10)
        return self.bench.level(pin) or 0

    def time(self) -> float:
        self.bench.pass_us(100)
        return self.bench.now / 1e6

    def sleep(self, seconds: float) -> None:
        self.bench.pass_us(round(seconds * 1e6))


def driver(name: str, bench: Bench, monkeypatch):
    """The driver's class, with `bench` in the place of the hardware."""
    pi = Pi(bench)
    spidev, rpi, gpio = ModuleType("spidev"), ModuleType("RPi"), ModuleType("RPi.GPIO")
    spidev.SpiDev = lambda: pi
    rpi.GPIO = pi
    for module in (spidev, rpi, gpio):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    for module in [module for module in sys.modules if module.startswith("LoRaRF")]:
        monkeypatch.delitem(sys.modules, module)
    module = importlib.import_module(f"LoRaRF.{name}")
    monkeypatch.setattr(module, "time", pi)
    return getattr(module, name)()


def sx1262(monkeypatch) -> tuple[Bench, object]:
    bench = Bench("heltec_v3")
    lora = driver("SX126x", bench, monkeypatch)
    wiring = bench.wiring
    assert lora.begin(0, 0, wiring.reset, wiring.busy, -1, -1, -1, -1)
    lora.setDio3TcxoCtrl(lora.DIO3_OUTPUT_1_8, lora.TCXO_DELAY_5)
    lora.setDio2RfSwitch()
    lora.setRegulator(lora.REGULATOR_DC_DC)
    lora.setFrequency(HZ)
    lora.setTxPower(14, lora.TX_POWER_SX1262)
    lora.setRxGain(lora.RX_GAIN_BOOSTED)
    lora.setLoRaModulation(7, 125000, 5)
    lora.setLoRaPacket(lora.HEADER_EXPLICIT, 8, 255, True)
    lora.setSyncWord(0x3444)
    return bench, lora


def sx1276(monkeypatch) -> tuple[Bench, object]:
    bench = Bench("lilygo_lora32_v21")
    lora = driver("SX127x", bench, monkeypatch)
    assert lora.begin(0, 0, bench.wiring.reset, -1, -1, -1)
    lora.setFrequency(HZ)
    lora.setTxPower(14, lora.TX_POWER_PA_BOOST)
    lora.setRxGain(lora.RX_GAIN_BOOSTED, lora.RX_GAIN_AUTO)
    lora.setSpreadingFactor(7)
    lora.setBandwidth(125000)
    lora.setCodeRate(5)
    lora.setHeaderType(lora.HEADER_EXPLICIT)
    lora.setPreambleLength(8)
    lora.setPayloadLength(255)
    lora.setCrcEnable(True)
    lora.setSyncWord(0x34)
    return bench, lora


@pytest.mark.parametrize("radio", [sx1262, sx1276])
def test_it_sends(radio, monkeypatch):
    bench, lora = radio(monkeypatch)
    lora.beginPacket()
    lora.write(list(MESSAGE), len(MESSAGE))
    lora.endPacket()
    assert lora.wait(5) and lora.status() == lora.STATUS_TX_DONE
    (burst,) = bench.air.sent
    assert (burst.payload, burst.sf, burst.bw_khz, burst.coding, burst.preamble) == (MESSAGE, 7, 125, 1, 8)
    assert burst.crc and not burst.iq_inverted and not burst.implicit and burst.sync_word == 0x34
    assert burst.hz == pytest.approx(HZ, abs=61) and burst.power_dbm == 14
    start_ms = 11 if radio is sx1262 else 0  # of its TCXO and its ramp, as this driver sets them
    assert lora.transmitTime() == pytest.approx(burst.airtime_us / 1000 + start_ms, abs=2)


@pytest.mark.parametrize("radio", [sx1262, sx1276])
def test_what_one_sends_the_other_receives(radio, monkeypatch):
    sender, lora = (sx1276 if radio is sx1262 else sx1262)(monkeypatch)
    lora.beginPacket()
    lora.write(list(MESSAGE), len(MESSAGE))
    lora.endPacket()
    lora.wait(5)
    (burst,) = sender.air.sent
    bench, lora = radio(monkeypatch)
    burst.end_us += bench.now + 50_000 - burst.start_us
    burst.start_us = bench.now + 50_000
    bench.air.bursts.append(burst)
    lora.request(lora.RX_CONTINUOUS)
    assert lora.wait(5) and lora.available() == len(MESSAGE)
    assert bytes(lora.read(len(MESSAGE))) == MESSAGE
    # The driver knows nothing of the SX1276's erratum 2.3 and image calibration, which cost 4 dB here.
    assert lora.packetRssi() == pytest.approx(-80, abs=1) and lora.snr() == (10 if radio is sx1262 else 6)
