"""The receive path of both chips: it searches for a preamble, locks, reads the header, ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB, Reception, Tuning, symbol_us

if TYPE_CHECKING:
    from binnode_tools.virtual_board.radios.radio import Radio

DEAF_DB = 100.0
FALSE_LOCK_SYMBOLS = 2


@dataclass
class Window:
    """How it listens. `symbols` 0: no end by symbols. `timer_us` None: none by time.

    `loss_db`: of sensitivity, by wrong settings.
    """

    tuning: Tuning
    symbols: int = 0
    timer_us: int | None = None
    timer_ends_at_preamble: bool = False
    continuous: bool = False
    longest: int = 255  # payload that the header may announce
    loss_db: float = 0.0


class Receiver:
    """Open or not; what it does when stands in the radio's calendar."""

    def __init__(self, radio: Radio):
        self.radio = radio
        self.window: Window | None = None
        self.searching = False
        self.from_us = self.opened_us = 0
        self.reception: Reception | None = None
        self.read_until_us: int | None = None  # the last look at the signal strength, for the audit of listening
        self.read_max_dbm = -200.0

    def open(self, window: Window) -> None:
        """From now on. The symbol time-out and the timer begin here."""
        self.close()
        radio, tuning = self.radio, window.tuning
        self.window, self.searching, self.reception = window, True, None
        self.from_us = self.opened_us = radio.now
        symbol = symbol_us(tuning.sf, tuning.bw_khz)
        if window.symbols:
            radio.at("symbols", radio.now + window.symbols * symbol, self._expired)
        if window.timer_us is not None:
            radio.at("timer", radio.now + window.timer_us, self._expired)
        if "false lock" in radio.faults:
            self.searching = False
            radio.at("lock", radio.now + FALSE_LOCK_SYMBOLS * symbol, self._locked)

    def close(self) -> None:
        """Off. Whoever has watched the signal strength without a break has listened before talking."""
        radio, window = self.radio, self.window
        if window and self.read_until_us is not None and radio.air:
            radio.air.listened(radio.place, window.tuning.hz, self.opened_us, self.read_until_us, self.read_max_dbm)
        self.window, self.searching, self.reception, self.read_until_us, self.read_max_dbm = (
            None,
            False,
            None,
            None,
            -200.0,
        )
        radio.cancel("symbols", "timer", "lock", "header", "done")

    def rssi_dbm(self) -> float:
        """Signal strength at this moment."""
        assert self.window is not None
        tuning = self.window.tuning
        dbm = self.radio.rssi_dbm(tuning.hz, tuning.bw_khz) - self.window.loss_db
        self.read_until_us, self.read_max_dbm = self.radio.now, max(self.read_max_dbm, dbm)
        return dbm

    def search(self, end_us: int) -> None:
        """Look for a preamble that is recognised by `end_us`."""
        radio, window = self.radio, self.window
        if not self.searching or window is None or radio.air is None or window.loss_db >= DEAF_DB:
            return
        until = min([end_us, *(radio.due[name][0] for name in ("symbols", "timer") if name in radio.due)])
        reception = radio.air.find(radio.place, window.tuning, self.from_us, until)
        if reception and reception.snr_db - window.loss_db >= SNR_LIMIT_DB[window.tuning.sf]:
            self.searching, self.reception = False, reception
            radio.cancel("symbols")
            radio.at("lock", reception.lock_us, self._locked)

    def _locked(self) -> None:
        """From here on no symbol time-out ends it, and with a false lock only the timer does."""
        radio, window, reception = self.radio, self.window, self.reception
        radio.cancel("symbols")
        if window and window.timer_ends_at_preamble:
            radio.cancel("timer")
        radio.preamble_heard()
        if window is None or reception is None:
            return
        if window.tuning.implicit:
            radio.at("done", reception.end_us, self._done)
        else:
            radio.at("header", reception.burst.header_end_us, self._header)

    def _header(self) -> None:
        radio, window, reception = self.radio, self.window, self.reception
        assert window is not None and reception is not None
        good = reception.header_ok and len(reception.burst.payload) <= window.longest
        radio.header_heard(good)
        if good:
            radio.cancel("timer")
            radio.at("done", reception.end_us, self._done)
        else:  # on with the search; the timer goes on too
            self.reception, self.searching, self.from_us = None, True, radio.now

    def _done(self) -> None:
        radio, window, reception = self.radio, self.window, self.reception
        assert window is not None and reception is not None
        if window.continuous:
            self.reception, self.searching, self.from_us = None, True, radio.now
        radio.frame_heard(reception, reception.snr_db - window.loss_db)

    def _expired(self) -> None:
        self.radio.timed_out()
