"""The commands of an SX1262 that only set something: parameters in the data sheet's order, checked (chapter 13)."""

from collections.abc import Callable

from binnode_tools.virtual_board.radios import sx1262_tables as t
from binnode_tools.virtual_board.radios.sx1262_config import LORA, Config


class Invalid(Exception):
    """A parameter that the command does not take; the text says which."""


def _need(good: bool, what: str) -> None:
    if not good:
        raise Invalid(what)


def stop_timer_on_preamble(config: Config, p: bytes) -> None:
    config.timer_ends_at_preamble = bool(p[0])


def regulator_mode(config: Config, p: bytes) -> None:
    _need(p[0] < 2, f"mode {p[0]}")
    config.dcdc = p[0] == 1


def pa_config(config: Config, p: bytes) -> None:
    """The over-current limit goes back to its default with it (13.1.14)."""
    duty, most, device, lut = p[:4]
    _need(lut == 1, f"paLut {lut}, always 1")
    _need(most <= 7 and device <= 1, f"hpMax {most}, deviceSel {device}")
    _need(duty <= 4, f"paDutyCycle {duty} can destroy the amplifier: 4 at most")
    config.pa = duty, most, device
    config.registers[t.OCP] = t.OCP_SX1262 if device == 0 else 0x18


def fallback_mode(config: Config, p: bytes) -> None:
    _need(p[0] in t.MODES, f"mode 0x{p[0]:02X}")
    config.fallback = t.MODES[p[0]]


def dio_irq(config: Config, p: bytes) -> None:
    config.irq_mask, config.dio1_mask = int.from_bytes(p[:2], "big"), int.from_bytes(p[2:4], "big")


def dio2_switch(config: Config, p: bytes) -> None:
    config.dio2_switch = p[0] == 1


def dio3_tcxo(config: Config, p: bytes) -> None:
    _need(p[0] <= 7, f"voltage {p[0]}")
    config.tcxo_mv, config.tcxo_delay_us = t.TCXO_MV[p[0]], round(int.from_bytes(p[1:4], "big") * t.STEP_US)


def rf_frequency(config: Config, p: bytes) -> None:
    word = int.from_bytes(p[:4], "big")
    _need(150e6 <= word * t.FREQUENCY_STEP_HZ <= 960e6, f"{word * t.FREQUENCY_STEP_HZ / 1e6:.3f} MHz: 150 to 960")
    config.frequency = word


def packet_type(config: Config, p: bytes) -> None:
    _need(p[0] in (0, 1, 3), f"type {p[0]}")
    if config.packet_type != p[0]:
        config.modulation_set = config.packet_set = False
    config.packet_type = p[0]


def tx_params(config: Config, p: bytes) -> None:
    power = p[0] - 256 if p[0] > 127 else p[0]
    _need(power in t.POWERS, f"{power} dBm: -9 to 22")
    _need(p[1] < len(t.RAMP_US), f"ramp time {p[1]}")
    config.power_dbm, config.ramp_us = power, t.RAMP_US[p[1]]


def modulation(config: Config, p: bytes) -> None:
    _need(config.packet_type == LORA, "SetPacketType(LoRa) comes first")
    sf, bandwidth, coding, low_rate = p[:4]
    _need(5 <= sf <= 12, f"spreading factor {sf}")
    _need(bandwidth in t.BANDWIDTH_KHZ, f"bandwidth 0x{bandwidth:02X}: the model knows 4, 5 and 6")
    _need(1 <= coding <= 4, f"coding rate {coding}")
    _need(low_rate <= 1, f"low data rate {low_rate}")
    config.sf, config.bw_khz, config.coding, config.low_rate = sf, t.BANDWIDTH_KHZ[bandwidth], coding, low_rate == 1
    config.modulation_set = True


def packet(config: Config, p: bytes) -> None:
    """Puts register 0x0736 back, so erratum 15.4 wants its answer again."""
    _need(config.packet_type == LORA, "SetPacketType(LoRa) comes first")
    preamble, header, length, crc, iq = int.from_bytes(p[:2], "big"), *p[2:6]
    _need(preamble > 0, "preamble of no symbols")
    _need(header <= 1 and crc <= 1 and iq <= 1, f"header {header}, CRC {crc}, IQ {iq}")
    config.preamble, config.implicit, config.length, config.crc, config.iq_inverted = (
        preamble,
        header == 1,
        length,
        crc == 1,
        iq == 1,
    )
    config.registers[t.IQ] = t.REGISTERS[t.IQ]
    config.packet_set = True


def cad_params(config: Config, p: bytes) -> None:
    _need(p[0] <= 4, f"symbols {p[0]}")
    _need(p[3] <= 1, f"exit mode {p[3]}")
    config.cad_symbols, config.cad_then_rx, config.cad_timeout = 1 << p[0], p[3] == 1, int.from_bytes(p[4:7], "big")


def buffer_base(config: Config, p: bytes) -> None:
    config.tx_base, config.rx_base = p[0], p[1]


def symbol_timeout(config: Config, p: bytes) -> None:
    """Rounded down to a mantissa of five bits, which counts pairs of symbols, and an exponent of powers of four."""
    mantissa, exponent = p[0] >> 1, 0
    while mantissa > 31:
        mantissa, exponent = mantissa >> 2, exponent + 1
    config.registers[t.SYMBOL_TIMEOUT] = mantissa << 3 | exponent


def reset_stats(config: Config, p: bytes) -> None:
    pass


SETTERS: dict[int, Callable[[Config, bytes], None]] = {
    0x9F: stop_timer_on_preamble,
    0x96: regulator_mode,
    0x95: pa_config,
    0x93: fallback_mode,
    0x08: dio_irq,
    0x9D: dio2_switch,
    0x97: dio3_tcxo,
    0x86: rf_frequency,
    0x8A: packet_type,
    0x8E: tx_params,
    0x8B: modulation,
    0x8C: packet,
    0x88: cad_params,
    0x8F: buffer_base,
    0xA0: symbol_timeout,
    0x00: reset_stats,
}
