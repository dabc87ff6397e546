"""What one wake was: why it began, how it ended, what it cost."""

from dataclasses import dataclass, field

from binnode_tools.virtual_board.power import Ledger

POWER_ON, HARD_RESET, WATCHDOG, DEEP_SLEEP, SOFT_RESET = 1, 2, 3, 4, 5  # causes, as machine.reset_cause() has them


@dataclass
class WakeRecord:
    """What one wake was, from its reset to its sleep."""

    index: int
    cause: int
    started_us: int
    awake_us: int = 0
    charge: int = 0  # of the wake alone, in microampere-microseconds
    charge_before: int = 0  # the ledger at its start
    acts: int = 0
    flash_bytes: int = 0
    pings: int = 0
    truth_permille: float | None = None  # mean true level over the pings
    measured_us: int | None = None
    temperature_c: float | None = None
    slept_us: int = 0  # the sleep that the node asked for
    how: str = ""  # deep sleep, reset, main ended, hung
    console: str = ""
    findings: list[str] = field(default_factory=list)  # what the chip accepts and what bites later (misuse.py)

    @property
    def charge_mc(self) -> float:
        return self.charge / Ledger.PER_MC
