"""The smallest heap in which a wake succeeds, found by trying."""

from collections.abc import Callable
from dataclasses import replace

from binnode_tools.virtual_board.wake import WakeRecord

from tests.bench.node import SLEEP_AT_ONCE, BenchError, Scenario, image_files, new_kit, second_wake, steady

LEAST_KIB, MOST_KIB = 8, 512
_RUN = 2  # so many sizes above it must do as well: where the collector runs differs with the size of the heap

STAND_INS = Scenario("that sleeps at once", steady, "")


def smallest(succeeds: Callable[[int], bool], least_kib: int = LEAST_KIB, most_kib: int = MOST_KIB) -> int:
    """The smallest heap in KiB for which `succeeds(kib)`, and for which the next two sizes succeed as well.

    Raises BenchError when not even `most_kib` do.
    """
    known: dict[int, bool] = {}

    def enough(kib: int) -> bool:
        if kib not in known:
            known[kib] = succeeds(kib)
        return known[kib]

    if not enough(most_kib):
        raise BenchError(f"a wake does not succeed in a heap of {most_kib} KiB")
    low, high = least_kib - 1, most_kib
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    while not all(enough(min(kib, most_kib)) for kib in range(high, high + _RUN + 1)):
        high += 1
    return high


def needed_kib(board: str, scenario: Scenario, say: Callable[[str], None] = lambda text: None) -> int:
    """The smallest heap of a timed wake of `scenario`, stand-ins included; of the stand-ins alone for STAND_INS."""
    kit = replace(new_kit(board), heap_kib=MOST_KIB)  # the cold start before it is not what is measured
    files = image_files(kit, SLEEP_AT_ONCE if scenario is STAND_INS else None)

    def succeeds(kib: int) -> bool:
        wake: WakeRecord = second_wake(kit, scenario, files, kib)
        if scenario is STAND_INS:
            return wake.how == "deep sleep" and not wake.console
        return scenario.is_it(wake)

    found = smallest(succeeds)
    say(f"{found} KiB of heap do for a wake {scenario.name}, stand-ins included")
    return found


def needed_kib_tls(say: Callable[[str], None] = lambda text: None) -> int | None:
    """The same of the first wake of all with TLS, which asks for the time as well; None without `cryptography`."""
    try:
        from tests.system.pki import Authority
    except ImportError:
        say("no figure with TLS: the package cryptography is missing")
        return None
    from binnode_tools.virtual_board.node_kit import BROKER_HOST

    from tests.system.secure import secure

    authority = Authority()
    server = authority.server(BROKER_HOST)

    def succeeds(kib: int) -> bool:
        with secure(authority, server, heap_kib=kib) as it:
            it.node.run_hours(0.01)
            it.node.expected_findings.update(it.node.findings())  # a wake that lacks memory may well have some
            return ": sent" in it.said

    found = smallest(succeeds)
    say(f"{found} KiB of heap do for a first wake over TLS, stand-ins included")
    return found
