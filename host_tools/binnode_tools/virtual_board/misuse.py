"""What code can do wrong on the chip, and what comes of it. MISUSE.md is made from this table; tests commit each row.

Three kinds of outcome: the chip raises, and so do the stand-ins, with the same words; the chip accepts what bites
later, and the world notes a finding in the wake's record; the image is refused before it reaches a chip.
"""

from dataclasses import dataclass

BUSY_WAIT_US = 20_000  # a longer time.sleep_us() is a finding


@dataclass(frozen=True)
class Misuse:
    """`code`: what is written. `chip`: what the chip does then.

    `raises`: ("ValueError", text), ("OSError", number, name or ""), ("AttributeError", text) or ("ImageError", text).
    `finding`: what the world notes. Both may hold {fields}.
    """

    code: str
    chip: str
    raises: tuple[str, int | str] | tuple[str, int | str, str] | None = None
    finding: str = ""

    def outcome(self) -> str:
        """The cell of the page."""
        if not self.raises:
            return f"finding: {self.finding}"
        kind, what, *name = self.raises
        if kind == "OSError":
            what = f"({what}, '{name[0]}')" if name[0] else f"({what},)"
            return f"`{kind}{what}`"
        return f"`{kind}: {what}`"


MISUSES = {
    # pins
    "unknown_pin": Misuse("`Pin(24)` on an ESP32", "has no such pin (`machine_pin.c`)", ("ValueError", "invalid pin")),
    "input_only": Misuse(
        "`Pin(34, Pin.OUT)` on an ESP32",
        "has no output stage at 34 to 39 (`machine_pin.c`)",
        ("ValueError", "pin can only be input"),
    ),
    "flash_pin": Misuse(
        "`Pin(6, Pin.OUT)` on an ESP32",
        "can't fetch its next instruction; the watchdog resets it (here: the wake ends so)",
        finding="GPIO{pin} belongs to the flash: the chip stops, and the watchdog resets it",
    ),
    "no_adc": Misuse("`ADC(Pin(23))`", "has no ADC at that pin (`machine_adc.c`)", ("ValueError", "invalid pin")),
    "adc2_wifi": Misuse(
        "`ADC(Pin(26)).read_uv()` with Wi-Fi on",
        "has lent ADC2 to Wi-Fi (ESP-IDF, ADC oneshot mode)",
        ("OSError", 116, "ESP_ERR_TIMEOUT"),
    ),
    "pulse_output": Misuse(
        "`time_pulse_us()` on an output",
        "measures the level that it puts out itself, until the time is over",
        finding="time_pulse_us on GPIO{pin}, an output: it measures itself",
    ),
    "hold_lost": Misuse(
        "`Pin(18, Pin.OUT, hold=True)`, deep sleep without `esp32.gpio_deep_sleep_hold(True)`",
        "keeps RTC pins only; a digital pin floats as soon as it sleeps (MicroPython, ESP32 quick reference)",
        finding="GPIO{pin} is held, but floats in deep sleep: not an RTC pin, and no esp32.gpio_deep_sleep_hold(True)",
    ),
    "hold_stuck": Misuse(
        "`pin.value(0)` while the pin is held",
        "keeps the level until the hold is released, after deep sleep too",
        finding="GPIO{pin} was set while held: nothing happens before hold=False",
    ),
    # serial ports
    "uart_unknown": Misuse(
        "`UART(3)` on an ESP32", "has none (`machine_uart.c`)", ("ValueError", "UART({id}) does not exist")
    ),
    "uart_pin": Misuse("`UART(1, tx=24, rx=25)`", "has no such pin (`machine_uart.c`)", ("ValueError", "invalid pin")),
    "uart0": Misuse(
        "`UART(0)`",
        "shares it between program and console: the tools no longer get in",
        finding="UART(0) is the console's",
    ),
    "uart_light_sleep": Misuse(
        "`UART.write()` and `lightsleep()` without `flush()`",
        "stops the UART's clock in the middle of a byte, its line as it was (ESP-IDF, sleep modes)",
        finding="light sleep while UART({id}) still sends: its line stays as it is (flush first)",
    ),
    "i2c_unknown": Misuse(
        "`I2C(2)` on an ESP32", "has none (`machine_i2c.c`)", ("ValueError", "I2C({id}) doesn't exist")
    ),
    "i2c_input_only": Misuse(
        "`I2C(0, scl=Pin(26), sda=Pin(34))` on an ESP32",
        "can't pull such a line down: nobody answers",
        finding="I2C at GPIO{pin}, which is input only: nobody is addressed",
    ),
    # what survives
    "rtc_too_long": Misuse(
        "`RTC().memory(bytes(2049))`", "has room for 2048 bytes (`machine_rtc.c`)", ("ValueError", "buffer too long")
    ),
    "rtc_shared": Misuse(
        "`machine.mem_backup()` and `RTC().memory()`",
        "keeps both in the same 2048 bytes: each overwrites the other",
        finding="machine.mem_backup() and RTC().memory() are the same bytes: use one of them",
    ),
    "nvs_uncommitted": Misuse(
        "`NVS.set_i32()`, `set_blob()` or `erase_key()` without `commit()`",
        "promises nothing before the commit; here the change is lost at the end of the wake",
        finding="NVS: {names} not committed when the wake ended: lost",
    ),
    "nvs_key_long": Misuse(
        "an NVS key of 16 characters", "takes at most 15 (ESP-IDF, NVS)", ("OSError", -4361, "ESP_ERR_NVS_KEY_TOO_LONG")
    ),
    "nvs_namespace_long": Misuse(
        "an NVS namespace of 16 characters",
        "takes at most 15; `NVS(...)` itself raises",
        ("OSError", -4361, "ESP_ERR_NVS_KEY_TOO_LONG"),
    ),
    "nvs_wrong_type": Misuse(
        "`get_i32()` of a blob, `get_blob()` of a number",
        "finds no such entry: the type is part of the search (ESP-IDF, NVS)",
        ("OSError", -4354, "ESP_ERR_NVS_NOT_FOUND"),
    ),
    "nvs_small_buffer": Misuse(
        "`get_blob()` into a buffer that is too small",
        "copies nothing (ESP-IDF, NVS)",
        ("OSError", -4364, "ESP_ERR_NVS_INVALID_LENGTH"),
    ),
    # sleep
    "ext_pin": Misuse(
        "`esp32.wake_on_ext0()` or `ext1` with a pin that is no RTC pin",
        "can't watch it (`modesp32.c`)",
        ("ValueError", "invalid pin"),
    ),
    "ext_missing": Misuse(
        "`esp32.wake_on_ext0()` on an ESP32-C3",
        "has no such function; nor `wake_on_ext1` on the C3, `wake_on_ext0` on the C6",
        ("AttributeError", "module 'esp32' has no attribute 'wake_on_ext0'"),
    ),
    "gpio_deepsleep": Misuse(
        "`esp32.wake_on_gpio()` and `deepsleep()` on an ESP32 or S3",
        "wakes so from light sleep only, and does not go to sleep at all (`modmachine.c`)",
        ("ValueError", "DEEPSLEEP with gpio pins not supported on this chip"),
    ),
    "gpio_pin": Misuse(
        "`esp32.wake_on_gpio()` with GPIO10 and `deepsleep()` on an ESP32-C3",
        "watches GPIO0 to 5 only (`modmachine.c`)",
        ("ValueError", "wake-up pin not supported"),
    ),
    "never_wakes": Misuse(
        "`deepsleep()` without a time, no wake source armed in this wake",
        "forgets wake sources at each wake, and sleeps until someone presses the button",
        finding="deep sleep without a time or a wake source (they are armed anew in each wake): it never wakes",
    ),
    "light_sleep_wifi": Misuse(
        "`lightsleep()` with Wi-Fi on",
        "sleeps; the radio loses its power, the connection and every socket are gone (ESP-IDF, sleep modes)",
        finding="light sleep with Wi-Fi on: the connection is lost",
    ),
    "busy_wait": Misuse(
        "`time.sleep_us()` for more than 20 ms",
        "computes all the time, at full current (`mphalport.c`)",
        finding="sleep_us({us}) is a busy wait at full current: sleep_ms, or better lightsleep",
    ),
    "no_main": Misuse(
        "no main.py",
        "stays at its prompt and draws tens of milliamperes",
        finding="no main.py: the board stays at its prompt",
    ),
    "ext_pin_dark": Misuse(
        "`pin.value()` after `esp32.wake_on_ext0(pin, 1)` and `lightsleep()`",
        "has given the pad to the RTC: it reads 0 until the pin gets a mode again (ESP-IDF, sleep modes, ext0)",
        finding="GPIO{pin} belongs to the RTC since a light sleep with wake_on_ext: 0 until Pin({pin}, Pin.IN)",
    ),
    # SPI and the LoRa radio
    "spi_unknown": Misuse(
        "`SPI(3)` on an ESP32", "has none (`machine_hw_spi.c`)", ("ValueError", "SPI({id}) doesn't exist")
    ),
    "spi_mode": Misuse(
        "`SPI(1, 20_000_000, ...)` or `SPI(1, polarity=1, ...)` to a radio",
        "clocks bits that the radio does not understand: mode 0, at most 16 MHz (SX1262) or 10 MHz (SX1276)",
        finding="SPI at {hz} Hz, polarity {polarity}, phase {phase}: the radio wants mode 0 and at most {most} Hz",
    ),
    "radio_deselected": Misuse(
        "`spi.write()` while NSS is high", "does not listen", finding="SPI: the radio's NSS is high, it does not listen"
    ),
    "radio_busy": Misuse(
        "a command to an SX1262 whose BUSY is high",
        "loses it (data sheet 8.3.1)",
        finding="{command} while the radio's BUSY is high: lost",
    ),
    "radio_state": Misuse(
        "SetDIO3AsTCXOCtrl while an SX1262 receives, LongRangeMode of an SX1276 outside sleep",
        "refuses it in this mode (data sheets)",
        finding="{command}: the radio refuses it in mode {mode}",
    ),
    "radio_command": Misuse(
        "a command with a parameter too few, or that the radio does not know",
        "reports a processing error in its status, or does what nobody wants",
        finding="radio: {what}",
    ),
    "radio_reset_short": Misuse(
        "NRESET low for less than 100 us",
        "may not reset",
        finding="the radio's reset was low for {us} us, it needs {needed}",
    ),
    "radio_sleep_soon": Misuse(
        "NSS low within 500 us of SetSleep",
        "does not hear it (data sheet 13.1.1)",
        finding="NSS fell {us} us after SetSleep: the radio hears nothing before 500",
    ),
    "radio_nss_floats": Misuse(
        "deep sleep with the SX1262 asleep, its NSS not held high",
        "wakes by the noise on the open line, and draws standby current until the next wake",
        finding="GPIO{pin}, the radio's NSS, floats in deep sleep: it wakes the radio. Hold it",
    ),
    "radio_oscillator": Misuse(
        "SetTx without SetDIO3AsTCXOCtrl on a board with a TCXO",
        "can't start its oscillator: XOSC_START_ERR, back to standby (data sheet 13.3.6)",
        finding="the radio's oscillator does not start: {what}",
    ),
    "radio_calibration": Misuse(
        "SetRx without CalibrateImage for the band",
        "hears less (data sheet 9.2.1)",
        finding="the radio has calibrated {what}",
    ),
    "radio_rf_switch": Misuse(
        "SetTx without SetDIO2AsRfSwitchCtrl on a board that needs it",
        "sends into the wrong side of the antenna switch",
        finding="DIO2 does not move the antenna switch (SetDIO2AsRfSwitchCtrl): hardly anything leaves or arrives",
    ),
    "radio_power": Misuse(
        "20 dBm with the over-current protection of the reset",
        "limits the current, and the power with it",
        finding="radio power: {what}",
    ),
    "radio_erratum": Misuse(
        "SetTx without the answer to an erratum",
        "loses power or frames (data sheets, errata)",
        finding="erratum {what}",
    ),
    # network
    "socket_wifi_off": Misuse(
        "`recv()` on a socket after `wlan.active(False)`", "has aborted the connection (lwIP)", ("OSError", 113, "")
    ),
    "too_many_sockets": Misuse("an eleventh socket", "has ten (lwIP, CONFIG_LWIP_MAX_SOCKETS)", ("OSError", 23, "")),
    "no_timeout": Misuse(
        "`connect()` or `recv()` on a socket without `settimeout()`",
        "waits for as long as the peer likes",
        finding="a socket without a timeout: a silent peer keeps the node awake for good",
    ),
    "secret_printed": Misuse(
        "`print()` of a password",
        "prints it; whoever opens the lid reads it",
        finding="the console shows the secret {name}",
    ),
    # image
    "lora_module": Misuse(
        "a file or package `lora` on a LILYGO build",
        "has a package of that name in its build, and imports the file in its place",
        ("ImageError", "{file}: the build {build} has a module of that name: choose another"),
    ),
    "main_mpy": Misuse(
        "main.mpy in the place of main.py",
        "starts source only, and stays at its prompt",
        ("ImageError", "{file}: MicroPython starts source only: name it {source}"),
    ),
    "shadowed": Misuse(
        "foo.py beside foo.mpy",
        "imports foo.py",
        ("ImageError", "{file}: {source} lies beside it and would be imported in its place"),
    ),
    "mpy_version": Misuse(
        "an .mpy of another format, or with native code",
        "raises `ValueError: incompatible .mpy file` at the import",
        ("ImageError", "{file}: not bytecode of format 6: take the mpy-cross of MicroPython 1.23 or newer"),
    ),
}


def page() -> str:
    """MISUSE.md."""
    rows = "\n".join(f"| {name} | {row.code} | {row.chip} | {row.outcome()} |" for name, row in MISUSES.items())
    return f"""# What fails at the desk

Code that would fail on the chip fails on the virtual board. The table below is made from `misuse.py`;
`tests/system/test_misuse.py` commits each row in a small main.py on the real MicroPython, and holds this page against
the table.

- **An exception** is the chip's own, with its words. The numbers are those of lwIP and of ESP-IDF.
- **A finding** is what the chip accepts and what bites later. The world notes it in the wake's record; a scenario with
  a finding that it does not expect fails, and `make run` prints the findings and fails.
- **ImageError**: the image is refused before it reaches a chip.

| name | code | the chip | the virtual board |
|---|---|---|---|
{rows}
"""
