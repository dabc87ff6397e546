"""What a board file says, as plain values: one class for each section. boards.py loads, board_rules.py checks."""

from dataclasses import dataclass, field

from binnode_tools.problems import Problem


class BoardError(Problem):
    """A board file that can't be used; the message names file, key and what would work."""

    code = "board_file"


@dataclass(frozen=True)
class Flash:
    size: int
    fs_offset: int
    fs_size: int
    nvs_offset: int
    nvs_size: int


@dataclass(frozen=True)
class Pins:
    """GPIO numbers; None: the board has none. The active levels are 0 or 1.

    `battery_enable` connects the battery's divider; level None: the one that the board's own resistor does not hold.
    `module_tx`, `module_rx`, `scl`, `sda`: of a module on a UART or I2C, None: it has the plug of trigger and echo.
    """

    trigger: int
    echo: int
    supply: int | None = None
    supply_active_level: int = 1
    onewire: int | None = None
    battery: int | None = None
    battery_enable: int | None = None
    battery_enable_active_level: int | None = None
    led: int | None = None
    led_active_level: int = 1
    button: int | None = None
    module_tx: int | None = None
    module_rx: int | None = None
    scl: int | None = None
    sda: int | None = None

    @property
    def uart(self) -> tuple[int, int]:
        """To and from a module on a UART."""
        return self.trigger if self.module_tx is None else self.module_tx, (
            self.echo if self.module_rx is None else self.module_rx
        )

    @property
    def i2c(self) -> tuple[int, int]:
        """Clock and data of a module on I2C."""
        return self.trigger if self.scl is None else self.scl, self.echo if self.sda is None else self.sda


@dataclass(frozen=True)
class Echo:
    """`level_mv` on the module's echo line when high; `divider_permille` of it reach the pin (1000: no divider)."""

    level_mv: int
    divider_permille: int


@dataclass(frozen=True)
class Battery:
    """`divider_permille` of the battery's voltage reach the ADC pin, `settle_ms` after the divider is connected."""

    divider_permille: int
    full_mv: int
    low_mv: int
    capacity_mah: int
    settle_ms: int = 0


@dataclass(frozen=True)
class Currents:
    """uA at the battery. The chip is in one state at a time; always_on, module, thermometer and flash come on top.

    cpu_240mhz 0: the chip ends at 160 MHz.
    """

    always_on: int
    deep_sleep: int
    light_sleep: int
    cpu_160mhz: int
    boot: int
    wifi_receive: int
    wifi_transmit: int
    wifi_join: int
    wifi_idle: int
    module_standby: int
    module_ranging: int
    thermometer_standby: int
    thermometer_converting: int
    flash_write: int
    cpu_240mhz: int = 0


@dataclass(frozen=True)
class Durations:
    """How long the things take that no instruction of the firmware shows; the unit is in each name."""

    boot_ms: int
    validate_ms: int
    mount_ms: int
    flash_read_us_per_kib: int
    python_us_per_act: int
    nvs_commit_us: int
    flash_erase_us: int
    flash_program_us: int
    thermometer_conversion_ms: int
    wifi_join_ms: int
    wifi_scan_ms: int
    wifi_dhcp_ms: int


@dataclass(frozen=True)
class Radio:
    """The LoRa radio on SPI: its pins, clock and currents.

    `tcxo_mv`: the voltage for its oscillator from DIO3, 0: a crystal. `clock_ppm`: how far off the clock may be.
    `tx_ua`: dBm at the antenna -> uA. `rx_ua` with the SX1262's regulator as DC-DC converter. 0 for an SX1276, which
    has neither: cold sleep, a second standby.
    """

    chip: str
    pins_source: str
    sck: int
    mosi: int
    miso: int
    cs: int
    reset: int
    max_dbm: int
    clock_ppm: int
    standby_ua: int
    sleep_ua: int
    fs_ua: int
    rx_ua: int
    rx_boosted_ua: int
    tx_ua: dict[int, int]
    cold_sleep_ua: int = 0
    standby_xosc_ua: int = 0
    tcxo_mv: int = 0
    tcxo_start_us: int = 0
    dio2_rf_switch: bool = False
    busy: int | None = None
    dio0: int | None = None
    dio1: int | None = None


@dataclass(frozen=True)
class Board:
    """One board file. `sources` maps "currents_ua.deep_sleep" and the like to where the number comes from.

    `console`: "uart" (a bridge to UART0) or "usb" (the chip's own). `cpu_mhz`: what its build starts with.
    `onboard`: what other parts of the board have taken, GPIO -> part.
    """

    name: str
    title: str
    chip: str
    build: str
    micropython: str
    models: str
    console: str
    flash: Flash
    pins: Pins
    echo: Echo
    battery: Battery
    currents_ua: Currents
    durations: Durations
    cpu_mhz: int = 160
    radio: Radio | None = None
    onboard: dict[int, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def estimates(self) -> list[str]:
        """The numbers that nobody measured: their source starts with "estimate:"."""
        return sorted(key for key, source in self.sources.items() if source.startswith("estimate:"))
