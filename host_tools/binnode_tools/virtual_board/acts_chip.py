"""Acts of the chip itself: start and sleep, time, RTC memory, storage."""

from binnode_tools.virtual_board import acts
from binnode_tools.virtual_board.chip import (
    RTC_SIZE,
    Answer,
    Chip,
    ChipError,
    EndOfWake,
    handles,
    misuse,
)
from binnode_tools.virtual_board.storage import Nvs

NVS_NOT_FOUND = -4354  # ESP_ERR_NVS_NOT_FOUND, as OSError on the chip
_MASK = acts.TICKS_PERIOD - 1


@handles(acts.BOOT)
def boot_info(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return f"{chip.flash.path}\n{chip.flash.blocks}".encode()


@handles(acts.MAIN_ENDED)
def main_ended(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    raise EndOfWake("main ended")


@handles(acts.RESET_CAUSE)
def reset_cause(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.reset_cause


@handles(acts.WAKE_REASON)
def wake_reason(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.wake_reason


@handles(acts.UNIQUE_ID)
def unique_id(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.unique_id


@handles(acts.FREQ)
def freq(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if a:
        if a not in (80_000_000, 160_000_000, 240_000_000):
            raise misuse("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
        chip.hz = a
        chip.draw()
    return chip.hz


@handles(acts.RESET)
def reset(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    raise EndOfWake("reset")


@handles(acts.DEEP_SLEEP)
def deep_sleep(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    raise EndOfWake("deep sleep", a * 1000 if a > 0 else None)


@handles(acts.LIGHT_SLEEP)
def light_sleep(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """RAM and pins stay; the radio of Wi-Fi does not. The clock is the main crystal's or the RC oscillator's: 0.1 %."""
    if chip.station.active:
        raise misuse("light sleep stops Wi-Fi: switch it off first")
    chip.ledger.set("chip", chip.board.currents_ua.light_sleep)
    jitter_us = chip.random.randint(300, 900) if chip.scene.unkind.sleep_clock_permille else 500
    chip.advance(round(a * 1000 * (1 + chip.sleep_error_permille / 50_000)) + jitter_us)
    chip.draw()
    return 0


@handles(acts.CHIP_TEMPERATURE)
def chip_temperature(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    """In steps of 1 K, off by the chip's own offset; `a` = 1 asks for Fahrenheit, as the ESP32 has it."""
    celsius = round(chip.scene.temperature_c(chip.now / 1e6) + chip.thermometer_offset_k)
    return round(celsius * 9 / 5 + 32) if a else celsius


@handles(acts.RTC_READ)
def rtc_read(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return chip.rtc


@handles(acts.RTC_WRITE)
def rtc_write(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if len(data) > RTC_SIZE:
        raise misuse("buffer too long")
    chip.rtc = data
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
    return (chip.now - chip.booted_at + chip.ticks_start_us) & _MASK


@handles(acts.TICKS_MS)
def ticks_ms(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    return ((chip.now - chip.booted_at) // 1000 + chip.ticks_start_ms) & _MASK


@handles(acts.SLEEP_US)
def sleep_us(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.advance(a)
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
    if len(namespace) > Nvs.NAME_MAX or len(key) > Nvs.NAME_MAX:
        raise ChipError(acts.OS_ERROR, -4361)  # ESP_ERR_NVS_KEY_TOO_LONG
    return namespace.decode(), key.decode(), value


@handles(acts.NVS_GET_I32)
def nvs_get_i32(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    value = chip.nvs.get(*_nvs_names(data)[:2], int)
    if value is None:
        raise ChipError(acts.OS_ERROR, NVS_NOT_FOUND)
    return value


@handles(acts.NVS_SET_I32)
def nvs_set_i32(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    chip.nvs.set(*_nvs_names(data)[:2], a)
    return 0


@handles(acts.NVS_GET_BLOB)
def nvs_get_blob(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    value = chip.nvs.get(*_nvs_names(data)[:2], bytes)
    if value is None or not isinstance(value, bytes):
        raise ChipError(acts.OS_ERROR, NVS_NOT_FOUND)
    if len(value) > a:
        raise ChipError(acts.OS_ERROR, -4364)  # ESP_ERR_NVS_INVALID_LENGTH
    return value


@handles(acts.NVS_SET_BLOB)
def nvs_set_blob(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    namespace, key, value = _nvs_names(data)
    chip.nvs.set(namespace, key, value)
    return 0


@handles(acts.NVS_ERASE)
def nvs_erase(chip: Chip, a: int, b: int, data: bytes) -> Answer:
    if not chip.nvs.erase(*_nvs_names(data)[:2]):
        raise ChipError(acts.OS_ERROR, NVS_NOT_FOUND)
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
