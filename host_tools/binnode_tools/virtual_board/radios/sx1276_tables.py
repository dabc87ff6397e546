"""Numbers of the SX1276: data sheet SX1276/77/78/79, rev. 7, and its errata note; chapter or table in each comment."""

FREQUENCY_STEP_HZ = 32e6 / (1 << 19)  # 4.1.4
MAX_SPI_HZ = 10_000_000  # table 11
VERSION = 0x12

FIFO, OP_MODE, FRF, PA_CONFIG, OCP, LNA = 0x00, 0x01, 0x06, 0x09, 0x0B, 0x0C
FIFO_PTR, FIFO_TX_BASE, FIFO_RX_BASE, FIFO_RX_CURRENT, IRQ_MASK, IRQ = 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12
RX_BYTES, MODEM_STAT, PACKET_SNR, PACKET_RSSI, RSSI, HOP_CHANNEL = 0x13, 0x18, 0x19, 0x1A, 0x1B, 0x1C
CONFIG1, CONFIG2, SYMBOLS, PREAMBLE, LENGTH, LONGEST, FIFO_RX_BYTE, CONFIG3 = (
    0x1D,
    0x1E,
    0x1F,
    0x20,
    0x22,
    0x23,
    0x25,
    0x26,
)
IF_FREQUENCY, WIDEBAND_RSSI, DETECT, INVERT_IQ, HIGH_BW1, SYNC_WORD, HIGH_BW2, INVERT_IQ2 = (
    0x2F,
    0x2C,
    0x31,
    0x33,
    0x36,
    0x39,
    0x3A,
    0x3B,
)
DIO_MAPPING, REG_VERSION, PA_DAC = 0x40, 0x42, 0x4D
IMAGE_CAL, FSK_IRQ1 = 0x3B, 0x3E  # of the FSK page

# After a reset: registers of both modems, then the pages of each (table 41, and the LoRa page of table 85).
SHARED = {
    OP_MODE: 0x09,
    FRF: 0x6C,
    FRF + 1: 0x80,
    PA_CONFIG: 0x4F,
    0x0A: 0x09,
    OCP: 0x2B,
    LNA: 0x20,
    REG_VERSION: VERSION,
    0x44: 0x2D,
    0x4B: 0x09,
    PA_DAC: 0x84,
    0x61: 0x13,
    0x62: 0x0E,
    0x63: 0x5B,
    0x64: 0xDB,
    0x70: 0xD0,
}
LORA_PAGE = {
    FIFO_TX_BASE: 0x80,
    MODEM_STAT: 0x10,
    CONFIG1: 0x72,
    CONFIG2: 0x70,
    SYMBOLS: 0x64,
    PREAMBLE + 1: 0x08,
    LENGTH: 0x01,
    LONGEST: 0xFF,
    CONFIG3: 0x04,
    IF_FREQUENCY: 0x45,
    0x30: 0x55,
    DETECT: 0xC3,
    0x32: 0x05,
    INVERT_IQ: 0x27,
    0x34: 0x1C,
    0x35: 0x0A,
    HIGH_BW1: 0x03,
    0x37: 0x0A,
    0x38: 0x42,
    SYNC_WORD: 0x12,
    HIGH_BW2: 0x49,
    INVERT_IQ2: 0x1D,
}
FSK_PAGE = {IMAGE_CAL: 0x82, FSK_IRQ1: 0x80}
PAGED = range(0x0D, 0x40)
READ_ONLY = {FIFO_RX_CURRENT, *range(0x13, 0x1D), FIFO_RX_BYTE, 0x28, 0x29, 0x2A, WIDEBAND_RSSI, REG_VERSION}
# To be written in sleep or standby only (4.1.6: the modem takes them up there).
AT_REST = {CONFIG1, CONFIG2, SYMBOLS, PREAMBLE, PREAMBLE + 1, LENGTH, CONFIG3, INVERT_IQ, INVERT_IQ2, SYNC_WORD}

# Interrupts (RegIrqFlags).
RX_TIMEOUT, RX_DONE, CRC_ERROR, VALID_HEADER, TX_DONE, CAD_DONE, FHSS_CHANGE, CAD_DETECTED = (
    1 << bit for bit in range(7, -1, -1)
)
# What DIO0 and DIO1 show, by their two bits in RegDioMapping1 (table 18).
DIO0 = {0: RX_DONE, 1: TX_DONE, 2: CAD_DONE}
DIO1 = {0: RX_TIMEOUT, 1: FHSS_CHANGE, 2: CAD_DETECTED}

MODES = ("sleep", "standby", "fstx", "tx", "fsrx", "rx", "rx_single", "cad")
BANDWIDTH_KHZ = {7: 125, 8: 250, 9: 500}
FEWEST_SYMBOLS = 4  # of the symbol time-out

OSCILLATOR_US, PLL_US = 250, 60  # TS_OSC, TS_FS (table 7)
RX_US = {125: 71, 250: 63, 500: 58}  # TS_RE by bandwidth (table 22; 500 kHz is an estimate)
TX_US = 55  # TS_TR with the 40 us ramp of the reset (4.2.5.1)
START_US = 5000  # after NRESET (7.2.2)
IMAGE_US = 10_000  # of an image and RSSI calibration (5.5.7)
IMAGE_WITHIN_HZ = 30_000_000  # estimate: farther away it has to be done again ("a large frequency change")
HIGH_BAND_HZ = 779_000_000  # from here on the HF port
RSSI_OFFSET_DB = {True: 157, False: 164}  # HF port, LF port (5.5.5)
OCP_STEPS_MA = (45, 5, -30, 10, 240)  # table 37

# How much worse it hears or sends when it is set wrongly: estimates, but for the direction.
BOOST_DB = 1.0  # LnaBoostHf
IMAGE_DB = 3.0
SPURIOUS_DB = 1.0  # erratum 2.3
BANDWIDTH_DB = 4.0  # erratum 2.1, at 500 kHz
POLARITY_DB = 10.0  # 0x3B does not fit
RFO_DB = 30.0  # the pin that the boards do not wire
