"""What the air is made of: path loss, receivers' noise, foreign transmitters."""

from dataclasses import dataclass
from math import log10

# Receivers' noise figures. With SNR_LIMIT_DB they give the sensitivities of the SX1262 (-124 dBm at SF7, -137 at SF12,
# 125 kHz), of the SX1276 (-123, -136) and of a gateway (-139 at SF12).
NOISE_FIGURE_DB = {"sx1262": 6.0, "sx1276": 7.0, "gateway": 4.0}


@dataclass
class City:
    """Path loss at x km: `at_km_db` + 10 `exponent` log10(x), + a fixed shadow per link, + a fade per frame.

    Measured in Oulu at 868 MHz with the gateway at 24 m (Petajajarvi et al., 2015: 128.95 dB, 2.32, sigma 7.8 dB);
    `bin_db` is what a lid and a place near the ground take (an estimate). Nodes that nobody has placed stand at random
    within `radius_m` of the origin: some nine in ten reach a gateway there at SF7..SF9.
    """

    at_km_db: float = 128.95
    exponent: float = 2.32
    shadow_db: float = 7.8
    fade_db: float = 2.0
    bin_db: float = 4.0
    radius_m: float = 1200.0

    def loss_db(self, distance_m: float) -> float:
        """Without shadow and fade; below 10 m as at 10 m."""
        return self.at_km_db + 10 * self.exponent * log10(max(distance_m, 10) / 1000) + self.bin_db


@dataclass
class Interferer:
    """A foreign transmitter, as loud as `dbm` at every receiver, from `from_us` until `until_us`: all the time, or for
    `on_us` every `period_us`."""

    hz: int
    bw_khz: int
    dbm: float
    from_us: int = 0
    until_us: int = 1 << 62
    on_us: int = 0
    period_us: int = 0

    def on_air(self, from_us: int, until_us: int) -> bool:
        """At some time from..until, both included."""
        first, last = max(from_us, self.from_us) - self.from_us, min(until_us, self.until_us - 1) - self.from_us
        if first > last:
            return False
        if not self.period_us:
            return True
        return first % self.period_us < self.on_us or first // self.period_us < last // self.period_us


def sum_dbm(powers: list[float]) -> float:
    if len(powers) == 1:
        return powers[0]
    return 10 * log10(sum(10 ** (dbm / 10) for dbm in powers))
