"""The readings that wait, in NVS, so that a loss of power costs no more than a day of them.

Written at most once a day, and only while readings wait. The first delivery after it makes it untrue: it is erased when
nothing waits any more, else written anew without what was delivered. So a restored reading was never delivered before,
unless power fails between the receipt of a message and the erasing, which follows the last message of that wake: then
its messages come again, as far as they are in the checkpoint (at least once, never lost).
NVS writes: one a day and one for the first delivery after it, 730 a year; a delivery that breaks off in the middle
adds one, and takes a message's worth of readings out.
"""

from binnode.reporting.backlog import Backlog
from binnode.storage.recoveries import CHECKPOINT_DAMAGED, CHECKPOINT_RESTORED, NVS_FAILED
from binnode.storage.state import State, StateError, unpack

KEY = "checkpoint"
_LONGEST = 2048


def keep(board, state, now_s):
    """Write what waits. A failure is noted, and tried again a day later."""
    state.checkpoint_at_s = now_s
    state.checkpointed = True
    try:
        board.keep(KEY, state.pack(True))
    except OSError:
        state.recoveries |= 1 << NVS_FAILED
        state.diagnose = True


def settle(board, state, now_s):
    """After deliveries: what NVS holds must wait still."""
    if len(state.backlog):
        keep(board, state, now_s)
        return
    try:
        board.forget(KEY)
        state.checkpointed = False
    except OSError:
        state.recoveries |= 1 << NVS_FAILED
        state.diagnose = True


def restore(board):
    """(State, recoveries as a mask): a new State with the readings of the checkpoint, if there is one.

    Ages: the clock began anew with the power, and how long there was none is unknown. It is set to go on from the
    checkpoint, so an age counts from the reading to the checkpoint, and from power-on to now: a lower bound. When the
    clock went on (only RTC memory was lost), ages are true.
    """
    state = State()
    state.checkpoint_at_s = board.time.time()
    try:
        image = board.kept(KEY, _LONGEST)
    except OSError:
        return state, 1 << CHECKPOINT_DAMAGED
    if not image:
        return state, 0
    state.checkpointed = True  # whole or not: the next delivery erases it
    try:
        old = unpack(image)
    except StateError:
        from binnode.storage.migration import migrate

        try:
            old = migrate(image)
        except StateError:
            return state, 1 << CHECKPOINT_DAMAGED
    if old.checkpoint_at_s > state.checkpoint_at_s:
        board.set_clock(old.checkpoint_at_s)
        state.checkpoint_at_s = old.checkpoint_at_s
    state.backlog = Backlog(old.backlog.data, old.backlog.thinned)
    for name in ("last_fill_permille", "last_distance_mm", "last_kind", "alarm", "reports", "low_battery"):
        setattr(state, name, getattr(old, name))
    return state, 1 << CHECKPOINT_RESTORED
