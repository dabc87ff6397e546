"""A board's LoRa radio from inside the VM: SPI, findings, light sleep that DIO1 ends, time that the ticks hide."""

from contextlib import contextmanager

import pytest
from binnode_tools.virtual_board.misuse import MISUSES
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.burst import Burst
from binnode_tools.virtual_board.wake import HARD_RESET, POWER_ON

from tests.system.radio_programs import FOUND, HELTEC, LORA32, RIGHT, SX1262, ready
from tests.system.small_program import TOLD, board_with, wakes_of


@pytest.mark.parametrize(("name", "code", "fields"), [(name, *each) for name, row in FOUND.items() for each in row])
def test_the_radio_accepts_and_the_world_finds(name, code, fields):
    (wake, *_) = wakes_of(code, HELTEC, seconds=0.9)
    assert wake.findings == [MISUSES[name].finding.format(**fields)] and "Error" not in wake.console


@pytest.mark.parametrize("code", RIGHT)
def test_the_right_way_is_neither_refused_nor_found(code):
    (wake, *_) = wakes_of(code, HELTEC, seconds=0.9)
    assert not wake.findings and not wake.console


def test_a_reset_that_is_too_short():
    """Shorter than a program makes it: one act takes 120 us."""
    with board_with({"main.py": b""}, HELTEC) as virtual:
        radio = virtual.chip.radio
        radio.output(radio.wiring.reset, 0, 10_000)
        radio.output(radio.wiring.reset, None, 10_050)
        assert virtual.chip.findings == [MISUSES["radio_reset_short"].finding.format(us=50, needed=100)]


def test_nss_too_soon_after_setsleep():
    (wake, *_) = wakes_of(SX1262 + "x(0x84, 4)\ncs(0)\ncs(1)", HELTEC, 0.9)
    text = MISUSES["radio_sleep_soon"].finding
    assert len(wake.findings) == 1 and wake.findings[0].endswith(text[text.index("us after") :])


def main_of(code: str) -> dict[str, bytes]:
    """`code` as main.py, an exception told on the console."""
    return {"main.py": TOLD.format("\n".join(f"    {line}" for line in code.strip().splitlines())).encode()}


@contextmanager
def on_the_air(code: str, board=HELTEC):
    """A board with `code` whose radio has an air around it, 100 dB from a gateway; it has not run yet."""
    with board_with(main_of(code), board) as virtual:
        air = Air("1")
        virtual.chip.radio.attach(air, "node")
        air.set_loss_db("node", "gateway", 100)
        yield virtual, air


class Heard:
    """A listener of the air that keeps what was sent."""

    def __init__(self) -> None:
        self.bursts: list[Burst] = []

    def burst_began(self, place: str, burst: Burst) -> None:
        self.bursts.append(burst)

    def burst_ended(self, place: str, burst: Burst) -> None: ...


def test_light_sleep_ends_when_the_transmission_does():
    heard = Heard()
    code = ready() + (
        "x(0x0E, 0, *range(23))\nesp32.wake_on_gpio((dio,), 1)\nx(0x83, 0, 0, 0)\nstart = time.ticks_us()\n"
        "machine.lightsleep(1000)\nprint(time.ticks_diff(time.ticks_us(), start) // 1000, dio())"
    )
    with on_the_air(code) as (virtual, air):
        air.listeners.append(heard)
        virtual.world.run_until(1_000_000)
        (burst,) = heard.bursts
        assert burst.payload == bytes(range(23)) and burst.airtime_us == 61_696
        assert virtual.wakes[0].console in ("65 1\n", "66 1\n")  # the TCXO's 3.1 ms, and the wake-up
        assert virtual.chip.ledger.loads_ua["radio"] == HELTEC.radio.standby_ua


@pytest.mark.parametrize(("early_ms", "answer"), [(0, "1 0 b'down'"), (15, "1 2 b'\\x00\\x00\\x00\\x00'")])
def test_a_downlink_in_its_window_and_one_that_began_before_it(early_ms, answer):
    """The program sleeps until shortly before the gateway sends; its window has eight symbols."""
    code = ready(size=255, crc=0, inverted=1) + (
        "x(0xA0, 8)\nmachine.lightsleep(495)\nesp32.wake_on_gpio((dio,), 1)\nx(0x82, 0, 0, 0)\n"
        "machine.lightsleep(200)\nprint(dio(), x(0x12, 0, n=2)[0] & 2, x(0x1E, 0, 0, n=4))"
    )
    with on_the_air(code) as (virtual, air):
        radio = virtual.chip.radio
        while not (virtual.wakes and radio.config.symbols == 8):
            virtual.step(virtual.world.zygote, virtual.world.trace)
        start = virtual.chip.now + (500 - early_ms) * 1000
        burst = Burst(868_100_000, 7, 125, b"down", 14, start, iq_inverted=True, crc=False)
        air.transmit("gateway", burst)
        while virtual.vm:
            virtual.step(virtual.world.zygote, virtual.world.trace)
        assert virtual.wakes[0].console == answer + "\n" and not virtual.wakes[0].findings


@pytest.mark.parametrize("error_permille", [-50, 50])
def test_the_ticks_hide_the_error_of_light_sleep(error_permille):
    """ESP-IDF puts esp_timer forward by what the sleep clock believes, so a node can't correct for it."""
    code = "a = time.ticks_us()\nmachine.lightsleep(5000)\nprint(time.ticks_diff(time.ticks_us(), a))"
    with on_the_air(code) as (virtual, _):
        chip = virtual.chip
        chip.sleep_error_permille, chip.crystal_ppm = error_permille, 0.0
        virtual.world.run_until(10_000_000)
        ticks_us = int(virtual.wakes[0].console)
        assert 5_000_300 <= ticks_us <= 5_001_200  # the wake-up is seen, 5 ms are not
        assert chip.hidden_us == pytest.approx(100 * error_permille, abs=5)


def test_ticks_and_sleeps_go_with_the_crystal():
    code = "a = time.ticks_us()\ntime.sleep_ms(5000)\nprint(time.ticks_diff(time.ticks_us(), a))"
    awake_us = []
    for ppm in (-20.0, 20.0):
        with on_the_air(code) as (virtual, _):
            virtual.chip.crystal_ppm = ppm
            virtual.world.run_until(10_000_000)
            assert 5_000_000 <= int(virtual.wakes[0].console) <= 5_000_300
            awake_us.append(virtual.wakes[0].awake_us)
    assert awake_us[0] - awake_us[1] == pytest.approx(200, abs=30)


def test_the_sx1276_answers_too():
    code = """
from machine import SPI
spi = SPI(1, 8000000, sck=Pin(5), mosi=Pin(27), miso=Pin(19))
cs = Pin(18, Pin.OUT, value=1)
time.sleep_ms(10)
def register(address, *values):
    cs(0)
    spi.write(bytes((address,) + values))
    answer = bytearray(1)
    spi.readinto(answer)
    cs(1)
    return answer[0]
print(hex(register(0x42)), register(0x01))
register(0x81, 0)
both = bytearray(2)
cs(0)
spi.write_readinto(b"\\x06\\0", both)
cs(1)
print(hex(both[1]))
"""
    with on_the_air(code, LORA32) as (virtual, _):
        virtual.world.run_until(1_000_000)
        assert virtual.wakes[0].console == "0x12 9\n0x6c\n" and not virtual.wakes[0].findings
        assert virtual.chip.ledger.loads_ua["radio"] == LORA32.radio.sleep_ua


def test_power_on_resets_the_radio_and_a_reset_of_the_board_does_not():
    code = SX1262.replace("reset(200)", "") + "x(0x0D, 7, 0x40, 0x34, 0x44)\nmachine.deepsleep(1000)"
    with board_with(main_of(code), HELTEC) as virtual:
        virtual.world.run_until(900_000)
        registers = virtual.chip.radio.config.registers
        assert registers[0x0740] == 0x34
        virtual.chip.boot(HARD_RESET)
        assert virtual.chip.radio.config.registers is registers
        virtual.chip.boot(POWER_ON)
        assert virtual.chip.radio.config.registers[0x0740] == 0x14


def test_a_power_cut_ends_a_transmission():
    heard = Heard()
    with on_the_air(ready() + "x(0x83, 0, 0, 0)\ntime.sleep_ms(20)\ntime.sleep_ms(20)\ndio()") as (virtual, air):
        air.listeners.append(heard)
        while not heard.bursts:
            virtual.step(virtual.world.zygote, virtual.world.trace)
        virtual.cut_power(after_acts=1)
        virtual.world.run_until(1_000_000)
        (burst,) = heard.bursts
        assert (
            virtual.wakes[0].how == "power cut" and burst.end_us == virtual.wakes[0].awake_us < burst.start_us + 61_696
        )
        assert virtual.chip.ledger.loads_ua["radio"] == 0
