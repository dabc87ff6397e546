"""MAC commands on the network's side (TS001-1.0.4, 5): requests and answers put together, a device's taken apart."""

LINK_CHECK, LINK_ADR, DUTY_CYCLE, RX_PARAM_SETUP, DEV_STATUS = 0x02, 0x03, 0x04, 0x05, 0x06
NEW_CHANNEL, RX_TIMING_SETUP, TX_PARAM_SETUP, DL_CHANNEL, DEVICE_TIME = 0x07, 0x08, 0x09, 0x0A, 0x0D
UNCHANGED = 15  # as a data rate or a power
# What a device sends: name and payload bytes.
FROM_DEVICE = {
    LINK_CHECK: ("LinkCheckReq", 0),
    LINK_ADR: ("LinkADRAns", 1),
    DUTY_CYCLE: ("DutyCycleAns", 0),
    RX_PARAM_SETUP: ("RXParamSetupAns", 1),
    DEV_STATUS: ("DevStatusAns", 2),
    NEW_CHANNEL: ("NewChannelAns", 1),
    RX_TIMING_SETUP: ("RXTimingSetupAns", 0),
    TX_PARAM_SETUP: ("TXParamSetupAns", 0),
    DL_CHANNEL: ("DlChannelAns", 1),
    DEVICE_TIME: ("DeviceTimeReq", 0),
}
# All that is set in an answer which accepts.
ACCEPTED = {LINK_ADR: 7, RX_PARAM_SETUP: 7, NEW_CHANNEL: 3, DL_CHANNEL: 3}


def link_adr(dr: int, power: int, mask: int, control: int = 0, nb_trans: int = 1) -> bytes:
    """Neighbouring ones are one block: pass a block as one request, link_adr(...) + link_adr(...)."""
    return bytes([LINK_ADR, dr << 4 | power]) + mask.to_bytes(2, "little") + bytes([control << 4 | nb_trans])


def duty_cycle(exponent: int) -> bytes:
    """At most 1 / 2^exponent of the time."""
    return bytes([DUTY_CYCLE, exponent])


def rx_param_setup(rx1_offset: int, rx2_dr: int, rx2_hz: int) -> bytes:
    return bytes([RX_PARAM_SETUP, rx1_offset << 4 | rx2_dr]) + _hz(rx2_hz)


def dev_status() -> bytes:
    return bytes([DEV_STATUS])


def new_channel(index: int, hz: int, min_dr: int = 0, max_dr: int = 5) -> bytes:
    """hz 0 takes the channel away."""
    return bytes([NEW_CHANNEL, index]) + _hz(hz) + bytes([max_dr << 4 | min_dr])


def rx_timing_setup(delay_s: int) -> bytes:
    return bytes([RX_TIMING_SETUP, delay_s])


def tx_param_setup(up_dwell: bool, down_dwell: bool, eirp_index: int) -> bytes:
    return bytes([TX_PARAM_SETUP, down_dwell << 5 | up_dwell << 4 | eirp_index])


def dl_channel(index: int, hz: int) -> bytes:
    return bytes([DL_CHANNEL, index]) + _hz(hz)


def link_check_answer(margin_db: int, gateways: int) -> bytes:
    return bytes([LINK_CHECK, max(0, min(254, margin_db)), gateways])


def device_time_answer(gps_us: int) -> bytes:
    """GPS time of the uplink's end, in whole microseconds since 1980-01-06."""
    seconds, rest_us = divmod(gps_us, 1_000_000)
    return bytes([DEVICE_TIME]) + (seconds & 0xFFFFFFFF).to_bytes(4, "little") + bytes([rest_us * 256 // 1_000_000])


def parse(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """A device's commands, (CID, payload) each, and what is left from the first unknown or incomplete one on."""
    found = []
    while data and data[0] in FROM_DEVICE:
        length = 1 + FROM_DEVICE[data[0]][1]
        if len(data) < length:
            break
        found.append((data[0], data[1:length]))
        data = data[length:]
    return found, data


def _hz(hz: int) -> bytes:
    return (hz // 100).to_bytes(3, "little")
