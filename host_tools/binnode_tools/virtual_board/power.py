"""Charge: every load has a current for each of its states, and time passes through the ledger."""

# An estimate, at the cell: the chip's detector resets at 2.43 V, behind a regulator that needs some more.
BROWN_OUT_MV = 2600


class Ledger:
    """Sums charge in microampere-microseconds, exactly. 1e9 of them are a millicoulomb."""

    PER_MC = 1_000_000_000

    def __init__(self) -> None:
        self.loads_ua: dict[str, int] = {}
        self.total = 0
        self._sum_ua = 0

    def set(self, load: str, current_ua: int) -> None:
        """From now on `load` draws `current_ua`."""
        self._sum_ua += current_ua - self.loads_ua.get(load, 0)
        self.loads_ua[load] = current_ua

    def advance(self, us: int) -> None:
        self.total += self._sum_ua * us

    def add(self, current_ua: int, us: int) -> None:
        """A load that ends by itself: a ping, a conversion, a packet."""
        self.total += current_ua * us

    @property
    def current_ua(self) -> int:
        return self._sum_ua

    @property
    def charge_mc(self) -> float:
        return self.total / self.PER_MC


class Battery:
    """A Li-ion cell: open-circuit voltage by state of charge, sagging with load and cold."""

    # Typical 18650 discharge curve at 0.2 C: (remaining permille, mV).
    CURVE = ((0, 3000), (50, 3300), (100, 3450), (200, 3550), (400, 3650), (600, 3780), (800, 3950), (1000, 4180))

    def __init__(self, capacity_mah: int, remaining_permille: int = 900) -> None:
        self.capacity_mc = capacity_mah * 3600.0
        self.resistance_mohm = 120
        self.used_mc = self.capacity_mc * (1000 - remaining_permille) / 1000

    def voltage_mv(self, drawn_mc: float, current_ua: int, temperature_c: float) -> float:
        remaining = 1000 * (1 - (self.used_mc + drawn_mc) / self.capacity_mc)
        if remaining <= 0:
            return 0.0
        voltage = float(self.CURVE[-1][1])
        for (low, low_mv), (high, high_mv) in zip(self.CURVE, self.CURVE[1:], strict=False):
            if remaining <= high:
                voltage = low_mv + (high_mv - low_mv) * (remaining - low) / (high - low)
                break
        cold = max(0.0, 20 - temperature_c) * 1.5
        return voltage - cold - current_ua * self.resistance_mohm / 1e6
