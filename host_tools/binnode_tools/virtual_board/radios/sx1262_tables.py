"""Numbers of the SX1262: data sheet SX1261/2, rev. 2.1, with the chapter or table in each comment."""

from dataclasses import dataclass

STEP_US = 15.625  # of every timeout
FREQUENCY_STEP_HZ = 32e6 / (1 << 25)  # 13.4.1
CONTINUOUS = 0xFFFFFF
MAX_SPI_HZ = 16_000_000  # table 8-1

# Register map, table 12-1: address -> value after a reset. What is not here reads 0.
REGISTERS = {
    0x06B8: 0x01,
    0x06BC: 0x1D,
    0x06BD: 0x0F,
    0x06BE: 0x10,
    0x06BF: 0x21,
    **dict(zip(range(0x06C0, 0x06C8), bytes.fromhex("9723522556536564"), strict=True)),
    0x0736: 0x0D,
    0x0740: 0x14,
    0x0741: 0x24,
    0x0889: 0x01,
    0x08AC: 0x94,
    0x08D8: 0xC8,
    0x08E7: 0x18,
    0x0911: 0x05,
    0x0912: 0x05,
    0x0920: 0x01,
}
SYMBOL_TIMEOUT, IQ, SYNC_WORD, MODULATION, RX_GAIN = 0x0706, 0x0736, 0x0740, 0x0889, 0x08AC
CLAMP, OCP, RTC_CONTROL, EVENT_MASK, RETENTION = 0x08D8, 0x08E7, 0x0902, 0x0944, 0x029F
BOOSTED = 0x96  # of RX_GAIN, 9.6
RANDOM = range(0x0819, 0x081D)
# Lost in warm sleep unless the list at RETENTION names them: its length, then up to four addresses (9.6).
NOT_RETAINED = (IQ, MODULATION, RX_GAIN)
RETENTION_SLOTS = 4

# Interrupts, table 13-29.
TX_DONE, RX_DONE, PREAMBLE, HEADER_VALID, HEADER_ERROR, CRC_ERROR = 1, 2, 4, 16, 32, 64
CAD_DONE, CAD_DETECTED, TIMEOUT = 128, 256, 512

# Status, table 13-76.
MODE_BITS = {"stby_rc": 2, "stby_xosc": 3, "fs": 4, "rx": 5, "cad": 5, "tx": 6}
DONE, DATA_READY, TIMED_OUT, INVALID, REFUSED, SENT = 1, 2, 3, 4, 5, 6

# Device errors, table 13-85.
IMAGE_ERROR, XOSC_ERROR, PLL_ERROR = 0x10, 0x20, 0x40
CALIBRATION_ERRORS = 0x1F
# Blocks that Calibrate (13.1.12) can do.
PLL_BLOCK, ADC_BLOCKS, IMAGE_BLOCK, ALL_BLOCKS = 0x04, 0x38, 0x40, 0x7F

# Switching times, table 8-2: BUSY is high for so long. With a TCXO its delay comes on top when the oscillator was off.
WAKE_COLD_US, WAKE_WARM_US = 3500, 340
SWITCH_US = {
    ("stby_rc", "stby_xosc"): 31,
    ("stby_rc", "fs"): 50,
    ("stby_rc", "rx"): 83,
    ("stby_rc", "tx"): 126,
    ("stby_xosc", "fs"): 40,
    ("stby_xosc", "rx"): 62,
    ("stby_xosc", "tx"): 105,
    ("fs", "rx"): 41,
    ("fs", "tx"): 76,
    ("rx", "fs"): 15,
    ("rx", "tx"): 92,
}
COMMAND_US = 2  # every other command (8.3.1: 1.5 us at most, and the edge)
CALIBRATION_US = 3500  # all blocks, 9.2.1
IMAGE_US = 2500  # estimate: the image block is most of the calibration
SLEEP_TAKES_US = 500  # 13.1.1: the wake-up line is not heard for so long after SetSleep
RAMP_US = (10, 20, 40, 80, 200, 800, 1700, 3400)  # table 13-41
RX_LDO_UA, RX_BOOSTED_LDO_UA, FS_LDO_UA = 4200, 4800, 1450  # tables 3-5, 3-6: on top, when the LDO feeds it

TCXO_MV = (1600, 1700, 1800, 2200, 2400, 2700, 3000, 3300)  # table 13-35
BANDWIDTH_KHZ = {4: 125, 5: 250, 6: 500}
MODES = {0x20: "stby_rc", 0x30: "stby_xosc", 0x40: "fs"}  # of SetRxTxFallbackMode

# PA settings, table 13-21: (paDutyCycle, hpMax) -> what SetTxParams +22 gives then, and what it draws (table 3-7).
PA_DBM = {(4, 7): 22, (3, 5): 20, (2, 3): 17, (2, 2): 14}
PA_UA = {(4, 7): 118_000, (3, 5): 84_000, (2, 3): 58_000, (2, 2): 45_000}
OCP_UA = 2500  # a step of register 0x08E7
OCP_SX1262 = 0x38  # what SetPaConfig puts there
POWERS = range(-9, 23)

# How much worse it hears, or sends, when it is set wrongly: estimates, but for the direction.
GAIN_DB = 2.0  # power saving instead of boosted gain
IMAGE_DB = 6.0  # not calibrated for this band
UNCALIBRATED_DB = 10.0  # ADC
SWITCH_DB = 30.0  # the antenna switch stands the wrong way
CLAMP_DB = 5.0  # 15.2: "5 to 6 dB"
BANDWIDTH_DB = 3.0  # 15.1, at 500 kHz
IQ_LONGEST = 16  # 15.4: "longer packets" are lost; where they begin is an estimate


@dataclass(frozen=True)
class Command:
    """`size`: parameters it needs. `modes`: where it may be given ("" any but sleep)."""

    name: str
    size: int
    modes: str = ""


STANDBY = "stby_rc stby_xosc"
COMMANDS = {
    0x84: Command("SetSleep", 1, STANDBY),
    0x80: Command("SetStandby", 1),
    0xC1: Command("SetFs", 0),
    0x83: Command("SetTx", 3),
    0x82: Command("SetRx", 3),
    0x9F: Command("StopTimerOnPreamble", 1, STANDBY + " fs"),
    0xC5: Command("SetCad", 0, STANDBY + " fs"),
    0x96: Command("SetRegulatorMode", 1, STANDBY),
    0x89: Command("Calibrate", 1, "stby_rc"),
    0x98: Command("CalibrateImage", 2, "stby_rc"),
    0x95: Command("SetPaConfig", 4, STANDBY + " fs"),
    0x93: Command("SetRxTxFallbackMode", 1, STANDBY + " fs"),
    0x08: Command("SetDioIrqParams", 8),
    0x02: Command("ClearIrqStatus", 2),
    0x9D: Command("SetDIO2AsRfSwitchCtrl", 1, STANDBY + " fs"),
    0x97: Command("SetDIO3AsTCXOCtrl", 4, "stby_rc"),
    0x86: Command("SetRfFrequency", 4, STANDBY + " fs"),
    0x8A: Command("SetPacketType", 1, STANDBY + " fs"),
    0x8E: Command("SetTxParams", 2, STANDBY + " fs"),
    0x8B: Command("SetModulationParams", 4, STANDBY + " fs"),
    0x8C: Command("SetPacketParams", 6, STANDBY + " fs"),
    0x88: Command("SetCadParams", 7, STANDBY + " fs"),
    0x8F: Command("SetBufferBaseAddress", 2, STANDBY + " fs"),
    0xA0: Command("SetLoRaSymbNumTimeout", 1, STANDBY + " fs"),
    0x07: Command("ClearDeviceErrors", 2),
    0x00: Command("ResetStats", 6),
}
WRITE_REGISTER, READ_REGISTER, WRITE_BUFFER, READ_BUFFER = 0x0D, 0x1D, 0x0E, 0x1E
GET_STATUS, GET_IRQ, GET_RX_BUFFER, GET_PACKET, GET_RSSI, GET_TYPE, GET_ERRORS, GET_STATS = (
    0xC0,
    0x12,
    0x13,
    0x14,
    0x15,
    0x11,
    0x17,
    0x10,
)
NOT_COMMANDS = {
    WRITE_REGISTER: "WriteRegister",
    READ_REGISTER: "ReadRegister",
    WRITE_BUFFER: "WriteBuffer",
    READ_BUFFER: "ReadBuffer",
    GET_STATUS: "GetStatus",
    GET_IRQ: "GetIrqStatus",
    GET_RX_BUFFER: "GetRxBufferStatus",
    GET_PACKET: "GetPacketStatus",
    GET_RSSI: "GetRssiInst",
    GET_TYPE: "GetPacketType",
    GET_ERRORS: "GetDeviceErrors",
    GET_STATS: "GetStats",
}
