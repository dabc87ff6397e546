"""Small programs that speak to a board's LoRa radio, as the data sheets have it: what tests commit and do on the VM."""

from binnode_tools import boards

HELTEC, LORA32 = boards.load("heltec_v3"), boards.load("lilygo_lora32_v21")
# An SX1262: x() is one transaction, n bytes of its answer.
SX1262 = """
from machine import SPI
spi = SPI(1, 2000000, sck=Pin(9), mosi=Pin(10), miso=Pin(11))
cs = Pin(8, Pin.OUT, value=1)
busy, dio = Pin(13, Pin.IN), Pin(14, Pin.IN)
def reset(us):
    Pin(12, Pin.OUT, value=0)
    time.sleep_us(us)
    Pin(12, Pin.IN)
def wait():
    while busy():
        pass
def x(*out, n=0):
    wait()
    cs(0)
    spi.write(bytes(out))
    answer = spi.read(n)
    cs(1)
    return answer
reset(200)
"""
_STARTED = """
for one in ((0x97, 2, 0, 0, 200), (0x07, 0, 0), (0x89, 0x7F), (0x98, {image}), (0x96, 1), (0x9D, {switch})):
    x(*one)
"""
_LORA = """
for one in (
    (0x8A, 1), (0x86, 0x36, 0x41, 0x99, 0x9A), (0x95, 4, 7, 0, 1), (0x8E, {dbm}, 4), (0x8B, 7, 4, 1, 0),
    (0x8C, 0, 8, 0, {size}, {crc}, {inverted}), (0x08, 3, 255, 2, 3, 0, 0, 0, 0), (0x0D, 7, 0x40, 0x34, 0x44),
    (0x0D, 7, 0x36, 9 if {inverted} else 13), (0x0D, 8, 0x89, 5), (0x0D, 8, 0xD8, {clamp}), (0x0D, 8, 0xAC, 0x96),
):
    x(*one)
"""
_DEFAULTS = {
    "image": "0xD7, 0xDB",
    "switch": 1,
    "dbm": 14,
    "size": 23,
    "crc": 1,
    "inverted": 0,
    "clamp": 0xDE,
}


def started(**changes: object) -> str:
    """Reset, TCXO, calibration, regulator, antenna switch."""
    return SX1262 + _STARTED.format(**_DEFAULTS | changes)


def ready(**changes: object) -> str:
    """Ready to send 23 bytes at 868.1 MHz, SF7; or, with size=255, crc=0 and inverted=1, to receive."""
    return started(**changes) + _LORA.format(**_DEFAULTS | changes)


# What the chip accepts: code, fields of the finding, the board.
FOUND = {
    "ext_pin_dark": [("pin = Pin(4, Pin.IN)\nesp32.wake_on_ext0(pin, 1)\nmachine.lightsleep(5)\npin()", {"pin": 4})],
    "spi_mode": [
        (
            SX1262.replace("2000000", f"{hz}, polarity={polarity}") + "wait()\nx(0xC0, 0)",
            {"hz": hz, "polarity": polarity, "phase": 0, "most": 16_000_000},
        )
        for hz, polarity in ((20_000_000, 0), (1_000_000, 1))
    ],
    "radio_deselected": [(SX1262 + "wait()\nspi.write(b'\\x80\\0')", {})],
    "radio_busy": [(SX1262 + "cs(0)\nspi.write(b'\\x80\\0')\ncs(1)", {"command": "SetStandby"})],
    "radio_state": [
        (ready() + "x(0x82, 255, 255, 255)\nx(0x84, 4)", {"command": "SetSleep", "mode": "rx"}),
    ],
    "radio_command": [
        (SX1262 + "x(0x86, 1, 2)", {"what": "SetRfFrequency with 2 of 4 parameters"}),
        (SX1262 + "x(0x55)", {"what": "0x55: no command that the model of the SX1262 knows"}),
    ],
    "radio_reset_short": [],  # by its own test: how long it was depends on the pace of Python
    "radio_sleep_soon": [],  # by its own test
    "radio_nss_floats": [
        (SX1262 + "x(0x84, 4)\ntime.sleep_ms(1)\nmachine.deepsleep(1000)", {"pin": 8}),
    ],
    "radio_oscillator": [
        (SX1262 + "x(0x80, 1)", {"what": "the board's TCXO has no supply: SetDIO3AsTCXOCtrl"}),
    ],
    "radio_calibration": [
        (
            ready(image="0xE1, 0xE9", size=255, crc=0, inverted=1) + "x(0x82, 0, 0, 64)\nwait()",
            {"what": "the image of 900 to 932 MHz, and listens at 868.1 MHz"},
        ),
    ],
    "radio_rf_switch": [(ready(switch=0) + "x(0x83, 0, 0, 0)\nwait()", {})],
    "radio_power": [
        (
            ready(dbm=22) + "x(0x0D, 8, 0xE7, 0x18)\nx(0x83, 0, 0, 0)\nwait()",
            {"what": "118 mA for 22 dBm, and over-current protection at 60 mA"},
        ),
    ],
    "radio_erratum": [
        (
            ready(clamp=0xC8) + "x(0x83, 0, 0, 0)\nwait()",
            {"what": "15.2: bits 4:1 of register 0x08D8 are not set: the amplifier's clamp takes power"},
        ),
    ],
}
RIGHT = [
    "pin = Pin(4, Pin.IN)\nesp32.wake_on_ext0(pin, 1)\nmachine.lightsleep(5)\npin.init(Pin.IN)\npin()",
    "pin = Pin(4, Pin.IN)\nesp32.wake_on_gpio((pin,), 1)\nmachine.lightsleep(5)\npin()",
    ready() + "x(0x83, 0, 0, 0)\ntime.sleep_ms(80)\nx(0x84, 4)\ncs.init(hold=True)\nmachine.deepsleep(1000)",
    SX1262.replace("SPI(1", "SPI(2") + "assert x(0x1D, 7, 0x40, 0, n=2) == b'\\x14\\x24'\nspi.deinit()",
    SX1262.replace("SPI(1, 2000000", "machine.SoftSPI(2000000") + "assert x(0x1D, 8, 0xD8, 0, n=1) == b'\\xc8'",
]
