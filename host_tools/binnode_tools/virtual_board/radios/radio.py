"""What both radio chips share: chip select and reset, a calendar of their own, the way to the air, the charge.

A radio is a part at the board's pins (parts.py). The board asks `next_change` before it lets time pass, and calls `run`
when that time has come, so a transmission ends in the middle of a sleep and what the radio draws changes then.
"""

from collections.abc import Callable
from random import Random

from binnode_tools.board_parts import Radio as Wiring
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.radios.air import NOISE_FIGURE_DB, Air
from binnode_tools.virtual_board.radios.burst import Burst, Reception
from binnode_tools.virtual_board.radios.receiver import Receiver

Find = Callable[..., None]


class Radio:
    """Base of Sx1262 and Sx1276. Times are world microseconds.

    `faults`, for tests: "absent" (nothing answers; MISO reads `open_miso`), "busy" (BUSY stays high and nothing is
    obeyed, until the next reset), "dead busy" (for ever), "calibration" (fails), "dio" (the line is not connected),
    "false lock" (the receiver takes noise for a preamble).
    """

    MAX_SPI_HZ = 0
    RESET_US = 100  # what the reset line needs to be low
    WAKES_BY_NSS = True  # from its sleep

    def __init__(self, wiring: Wiring, ledger: Ledger, find: Find, seed: str):
        """`find` notes a finding by its name in the table of misuses; `seed` decides how far off the crystal is."""
        self.wiring, self.ledger, self.find = wiring, ledger, find
        self.ppm = Random(f"{seed} radio").uniform(-1, 1) * wiring.clock_ppm
        self.air: Air | None = None
        self.place = "node"
        self.antenna_dbi = 0.0
        self.faults: set[str] = set()
        self.open_miso = 0xFF
        self.now = 0
        self.receiver = Receiver(self)
        self.due: dict[str, tuple[int, Callable[[], None]]] = {}
        self.nss: int | None = None
        self.reset_fell: int | None = None
        self.burst: Burst | None = None  # on the air now
        self.mode = "off"

    def attach(self, air: Air, place: str, antenna_dbi: float = 0.0) -> None:
        """Its antenna stands at `place`."""
        self.air, self.place, self.antenna_dbi = air, place, antenna_dbi
        air.noise_figure_db[place] = NOISE_FIGURE_DB[self.wiring.chip]

    # pins ------------------------------------------------------------------------------------------------------------

    def output(self, pin: int, level: int | None, now: int) -> None:
        """The chip's level at `pin` from `now` on; None: it floats."""
        self.now = max(self.now, now)
        if "absent" in self.faults:
            return
        if pin == self.wiring.cs and level != self.nss:
            before, self.nss = self.nss, level
            if level == 0:
                self.selected()
            elif before == 0:
                self.deselected()
            if level is None:
                self.nss_floats()
        elif pin == self.wiring.reset:
            self._reset(level)

    def _reset(self, level: int | None) -> None:
        """Low long enough, then high again or floating (there is a pull-up inside)."""
        if level == 0:
            self.reset_fell = self.now if self.reset_fell is None else self.reset_fell
        elif self.reset_fell is not None:
            low_us, self.reset_fell = self.now - self.reset_fell, None
            if low_us < self.RESET_US:
                self.find("radio_reset_short", us=low_us, needed=self.RESET_US)
                return
            self.faults.discard("busy")
            self.power_on(self.now)

    def next_edge(self, pin: int, now: int) -> int | None:
        """When one of its lines may change next, as far as it knows."""
        mine = pin in (self.wiring.busy, self.wiring.dio0, self.wiring.dio1)
        return max(now, min(at for at, _ in self.due.values())) if mine and self.due else None

    # time ------------------------------------------------------------------------------------------------------------

    def at(self, name: str, when_us: int, call: Callable[[], None]) -> None:
        """Have `call` called then, instead of what was called so before."""
        self.due[name] = when_us, call

    def cancel(self, *names: str) -> None:
        for name in names:
            self.due.pop(name, None)

    def next_change(self, end_us: int) -> int | None:
        """When it does something by itself, no later than `end_us`."""
        self.receiver.search(end_us)
        first = min((at for at, _ in self.due.values()), default=end_us + 1)
        return first if first <= end_us else None

    def run(self, now: int) -> None:
        """Let happen what is due by `now`."""
        while self.due:
            name = min(self.due, key=lambda name: self.due[name][0])
            at, call = self.due[name]
            if at > now:
                break
            del self.due[name]
            self.now = max(self.now, at)
            call()
        self.now = max(self.now, now)

    def draws(self, current_ua: int) -> None:
        self.ledger.set("radio", current_ua)

    def tx_ua(self, dbm: float) -> int:
        """What the board file says for that power, and between its points."""
        points = sorted(self.wiring.tx_ua.items())
        (low, low_ua), *_ = points
        for high, high_ua in points:
            if dbm <= high:
                share = 1.0 if high == low else max(0.0, (dbm - low) / (high - low))
                return round(low_ua + (high_ua - low_ua) * share)
            low, low_ua = high, high_ua
        return low_ua

    # the air ---------------------------------------------------------------------------------------------------------

    def real_hz(self, hz: float) -> int:
        """Where its own crystal puts a frequency."""
        return round(hz * (1 + self.ppm / 1e6))

    def send(self, burst: Burst) -> None:
        self.burst = burst
        if self.air:
            self.air.transmit(self.place, burst)

    def stop_sending(self) -> None:
        """In the middle of it, if it has not ended."""
        burst, self.burst = self.burst, None
        if burst and self.air and burst.end_us > self.now:
            self.air.cut(burst, self.now)

    def rssi_dbm(self, hz: int, bw_khz: int) -> float:
        return self.air.rssi_dbm(self.place, hz, bw_khz, self.now) if self.air else -120.0

    # what a chip is --------------------------------------------------------------------------------------------------

    def power_on(self, now: int) -> None:
        """Supply is there, or the reset line is let go."""
        raise NotImplementedError

    def power_off(self, now: int) -> None:
        """The supply is gone, and a transmission ends where it was."""
        self.now = now
        self.receiver.close()
        self.stop_sending()
        self.due.clear()
        self.draws(0)
        self.mode = "off"

    def selected(self) -> None: ...

    def deselected(self) -> None: ...

    def nss_floats(self) -> None: ...

    def level(self, pin: int, now: int) -> int | None:
        """The level that it gives the line at `pin`; None: not its line."""
        raise NotImplementedError

    def clock(self, byte: int) -> int:
        """One byte over SPI, in both directions at once."""
        raise NotImplementedError

    def transfer(self, data: bytes, now: int) -> bytes:
        """What it answers while these bytes are clocked in."""
        self.now = max(self.now, now)
        if "absent" in self.faults:
            return bytes([self.open_miso]) * len(data)
        if self.nss != 0:
            self.find("radio_deselected")
            return bytes([self.open_miso]) * len(data)
        return bytes([self.clock(byte) for byte in data])

    # what the receiver tells -----------------------------------------------------------------------------------------

    def preamble_heard(self) -> None: ...

    def header_heard(self, good: bool) -> None: ...

    def frame_heard(self, reception: Reception, snr_db: float) -> None: ...

    def timed_out(self) -> None: ...
