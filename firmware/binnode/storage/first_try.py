"""First tries to report that broke off, counted in NVS. Loaded only while nothing was delivered since power-on.

A dip of a weak cell may cost RTC memory, and with it what policy.trying() counts: the next start knows nothing, tries
at once, dips, and so on for ever. So the first try of a life is counted before it begins, and forgotten when it ends by
itself, delivered or not. One that broke off may be a person's doing. After two in a row the next waits, and the more
of them there were the longer: 14, 28, 56, 112 minutes (a minute less than the wakes that are due by default).
NVS writes: two for each power-on, and one for each of the first five dips of a loop; the others write what is there.
"""

from binnode.storage.recoveries import BROWN_OUT, NVS_FAILED

KEY = "first_try"
MOST = 5
_WAIT_S = 840


def count(board):
    """First tries in a row that broke off, MOST or fewer; 0 when NVS can't be read."""
    try:
        record = board.kept(KEY, 1)
    except OSError:
        return 0
    return min(record[0], MOST) if record else 0


def hold(board, state):
    """After a start without RTC memory: have the new `state` wait if there is reason to. Recoveries as a mask."""
    broken_off = count(board)
    if broken_off < 2:
        return 0
    state.retry_at_s = board.time.time() + (_WAIT_S << (broken_off - 2))
    return 1 << BROWN_OUT


def begins(board, state):
    """Before a try: the first of this life counts as broken off until ended()."""
    if state.failures:
        return
    try:
        board.keep(KEY, bytes((min(count(board) + 1, MOST),)))
    except OSError:
        _failed(state)


def ended(board, state):
    """The supply outlasted a try."""
    try:
        board.forget(KEY)
    except OSError:
        _failed(state)


def _failed(state):
    state.recoveries |= 1 << NVS_FAILED
    state.diagnose = True
