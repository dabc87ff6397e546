"""Acts of the chip itself: start and sleep, time, RTC memory, storage."""

from binnode_tools.virtual_board import acts, acts_serial
from binnode_tools.virtual_board.chip import RTC_SIZE, Chip
from binnode_tools.virtual_board.handlers import Answer, ChipError, EndOfWake, handles, misuse, refused
from binnode_tools.virtual_board.misuse import BUSY_WAIT_US
from binnode_tools.virtual_board.storage import Nvs

# Bits of what the `esp32` module has; the order is that of _OPTIONAL in vm/esp32.py.
FEATURES = {"esp32": 0b11101, "esp32s3": 0b11110, "esp32c3": 0b00110, "esp32c6": 0b10010}
GPIO_WAKE = 7  # ESP_SLEEP_WAKEUP_GPIO
GPIO_DEEP_SLEEP = ("esp32c3", "esp32c6")
_MASK = acts.TICKS_PERIOD - 1


@handles(acts.BOOT)
def boot_info(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return f"{chip.flash.path}\n{chip.flash.blocks} {FEATURES[chip.board.chip]}".encode()


@handles(acts.MAIN_ENDED)
def main_ended(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if a == 2:
        raise EndOfWake("no file system")
    if a:
        chip.find("no_main")
    raise EndOfWake("main ended")


@handles(acts.RESET_CAUSE)
def reset_cause(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.reset_cause


@handles(acts.WAKE_REASON)
def wake_reason(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.last_wake


@handles(acts.UNIQUE_ID)
def unique_id(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.unique_id


@handles(acts.FREQ)
def freq(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if a:
        if a not in (80_000_000, 160_000_000, 240_000_000) or a > chip.limits.max_mhz * 1_000_000:
            raise misuse("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
        chip.hz = a
        chip.draw()
    return chip.hz


@handles(acts.RESET)
def reset(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    raise EndOfWake("reset")


@handles(acts.DEEP_SLEEP)
def deep_sleep(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    for number in chip.wake_pins.get(GPIO_WAKE, (b"", 0))[0]:
        if chip.board.chip not in GPIO_DEEP_SLEEP:
            raise refused("gpio_deepsleep")
        if number not in chip.limits.wake:
            raise refused("gpio_pin")
    if a < 0 and not chip.wake_pins:
        chip.find("never_wakes")
    raise EndOfWake("deep sleep", a * 1000 if a >= 0 else None)


@handles(acts.WAKE_ON)
def wake_on(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """ext0, ext1 (RTC pins only) or GPIO, until the next wake; no pins: not any more."""
    for number in data:
        chip.pin(number)
        if a != GPIO_WAKE and number not in chip.limits.wake:
            raise refused("ext_pin")
    chip.wake_pins.pop(a, None)
    if data:
        chip.wake_pins[a] = (data, b)
    return 0


@handles(acts.LIGHT_SLEEP)
def light_sleep(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """RAM and pins stay; the radio of Wi-Fi does not. An armed pin ends it early.

    Its clock is off by up to 0.1 %, and the node can't see that: ESP-IDF puts esp_timer forward by what this clock
    believes.
    """
    if chip.station.active:
        chip.find("light_sleep_wifi")
        chip.station.lose_link(chip.now)
    chip.ledger.set("chip", chip.board.currents_ua.light_sleep)
    acts_serial.before_light_sleep(chip)
    jitter_us = chip.random.randint(300, 900) if chip.scene.unkind.sleep_clock_permille else 500
    start, pace = chip.now, 1 + chip.sleep_error_permille / 50_000
    chip.last_wake = chip.doze(start + round(a * 1000 * pace))
    chip.advance(jitter_us)
    acts_serial.after_light_sleep(chip)
    chip.hide(chip.now - start - round((chip.now - start) / pace))
    chip.draw()
    return 0


@handles(acts.CHIP_TEMPERATURE)
def chip_temperature(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """In steps of 1 K, off by the chip's own offset; `a` = 1 asks for Fahrenheit, as the ESP32 has it."""
    celsius = round(chip.scene.temperature_c(chip.now / 1e6) + chip.thermometer_offset_k)
    return round(celsius * 9 / 5 + 32) if a else celsius


@handles(acts.RTC_READ)
def rtc_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    _rtc_user(chip, "memory")
    return chip.rtc


@handles(acts.RTC_WRITE)
def rtc_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if len(data) > RTC_SIZE:
        raise refused("rtc_too_long")
    _rtc_user(chip, "memory")
    chip.rtc = data
    chip.backup[: len(data)] = data
    return 0


@handles(acts.MEM_BACKUP)
def mem_backup(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """The same bytes as RTC memory, without its length."""
    _rtc_user(chip, "mem_backup")
    if not 0 <= a < RTC_SIZE:
        raise ChipError(acts.RUNTIME_ERROR, "index out of range")
    if b >= 0:
        chip.backup[a] = b & 255
        chip.rtc = bytes(chip.backup[: len(chip.rtc)])
    return chip.backup[a]


def _rtc_user(chip: Chip, name: str) -> None:
    chip.rtc_users.add(name)
    if len(chip.rtc_users) > 1:
        chip.find("rtc_shared")


@handles(acts.KBD_INTR)
def kbd_intr(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.interrupts = a == 3
    return 0


@handles(acts.WATCHDOG)
def watchdog(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """It cannot be stopped again; only a reset or deep sleep ends it."""
    if a < 0 or (a == 0 and not chip.watchdog_ms):
        raise misuse("WDT timeout too short")
    chip.watchdog_ms = a or chip.watchdog_ms
    chip.watchdog_at = chip.now + chip.watchdog_ms * 1000
    return 0


# time ----------------------------------------------------------------------------------------------------------------


@handles(acts.TICKS_US)
def ticks_us(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return (chip.since_boot_us() + chip.ticks_start_us) & _MASK


@handles(acts.TICKS_MS)
def ticks_ms(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return (chip.since_boot_us() // 1000 + chip.ticks_start_ms) & _MASK


@handles(acts.SLEEP_US)
def sleep_us(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if a > BUSY_WAIT_US and not b:
        chip.find("busy_wait", us=a)
    chip.advance(round(a / (1 + chip.crystal_ppm / 1e6)))
    return 0


@handles(acts.TIME)
def time(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.node_time_us(chip.now) // 1_000_000


@handles(acts.SET_TIME)
def set_time(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.node_clock_us, chip.node_clock_at = a * 1_000_000, chip.now
    return 0


# storage -------------------------------------------------------------------------------------------------------------


def _nvs_names(data: bytes) -> tuple[str, str, bytes]:
    namespace, key, value = data.split(b"\0", 2)
    if len(key) > Nvs.NAME_MAX:
        raise refused("nvs_key_long")
    return namespace.decode(), key.decode(), value


@handles(acts.NVS_OPEN)
def nvs_open(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if len(data.split(b"\0")[0]) > Nvs.NAME_MAX:
        raise refused("nvs_namespace_long")
    return 0


@handles(acts.NVS_GET_I32)
def nvs_get_i32(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    value = chip.nvs.get(*_nvs_names(data)[:2], int)
    if value is None:
        raise refused("nvs_wrong_type")
    return value


@handles(acts.NVS_SET_I32)
def nvs_set_i32(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.nvs.set(*_nvs_names(data)[:2], a)
    return 0


@handles(acts.NVS_GET_BLOB)
def nvs_get_blob(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    value = chip.nvs.get(*_nvs_names(data)[:2], bytes)
    if value is None or not isinstance(value, bytes):
        raise refused("nvs_wrong_type")
    if len(value) > a:
        raise refused("nvs_small_buffer")
    return value


@handles(acts.NVS_SET_BLOB)
def nvs_set_blob(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    namespace, key, value = _nvs_names(data)
    chip.nvs.set(namespace, key, value)
    return 0


@handles(acts.NVS_ERASE)
def nvs_erase(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if not chip.nvs.erase(*_nvs_names(data)[:2]):
        raise refused("nvs_wrong_type")
    return 0


@handles(acts.NVS_COMMIT)
def nvs_commit(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.nvs.commit(data.split(b"\0")[0].decode())
    chip.ledger.add(chip.board.currents_ua.flash_write, chip.board.durations.nvs_commit_us)
    chip.advance(chip.board.durations.nvs_commit_us)
    return 0


@handles(acts.FLASH_ERASE)
def flash_erase(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.flash.erase(a)
    chip.ledger.add(chip.board.currents_ua.flash_write, chip.board.durations.flash_erase_us)
    chip.advance(chip.board.durations.flash_erase_us)
    return 0


@handles(acts.FLASH_WRITE)
def flash_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.flash.program(a, b, data)
    pages = -(-len(data) // 256)
    chip.ledger.add(chip.board.currents_ua.flash_write, pages * chip.board.durations.flash_program_us)
    chip.advance(pages * chip.board.durations.flash_program_us)
    return 0
