"""Adaptive data rate as network servers do it: Semtech's algorithm, on the best SNR of the last 20 uplinks."""

from math import log10

from binnode_tools.lora_network.devices import HISTORY, Session
from binnode_tools.lora_network.regions import Region
from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB

MARGIN_DB = 10  # over the demodulator's need: fading, other places of the bin's lid
STEP_DB = 3
# NbTrans by loss, from NbTrans 1, 2, 3 (the table that network servers share).
REPEATS = ((0.05, (1, 1, 2)), (0.10, (1, 2, 3)), (0.30, (2, 3, 3)), (1.01, (3, 3, 3)))


def next_setting(region: Region, session: Session, dr: int) -> tuple[int, int, int]:
    """(data rate, power index, NbTrans) that a device at `dr` should use. Unchanged while fewer than 20 were heard."""
    power, nb_trans = session.power, session.nb_trans
    if len(session.heard) < HISTORY:
        return dr, power, nb_trans
    best_db = max(snr_db for _, snr_db in session.heard)
    if dr > region.adr_top:  # back to 125 kHz, where there is less noise
        best_db += 10 * log10(region.rates[dr][1] / 125)
        dr = region.adr_top
        while dr > 0 and best_db < SNR_LIMIT_DB[region.rates[dr][0]] + MARGIN_DB:
            dr -= 1
    steps = int((best_db - SNR_LIMIT_DB[region.rates[dr][0]] - MARGIN_DB) // STEP_DB)
    while steps > 0 and dr < region.adr_top:
        dr, steps = dr + 1, steps - 1
    while steps > 0 and power < region.lowest_power:
        power, steps = power + 1, steps - 1
    while steps < 0 and power > 0:
        power, steps = power - 1, steps + 1
    return dr, power, _repeats(session, nb_trans)


def _repeats(session: Session, nb_trans: int) -> int:
    first, last = session.heard[0][0], session.heard[-1][0]
    loss = 1 - len(session.heard) / (last - first + 1)
    row = next(row for limit, row in REPEATS if loss < limit)
    return row[min(nb_trans, 3) - 1]
