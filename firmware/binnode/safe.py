"""A wake in safe mode: measure, remember, report plainly. Nothing here asks for what a normal wake may have crashed on.

After crash.MANY crashes in a row, hourly and for ever, until a normal wake, which is tried once a day, succeeds. It
takes the chip's thermometer, no history of the filling level, no decisions of policy, no JSON state, and a report every
six hours, or at once when the bin gets full. A step that a watchdog ended here is left out until the next day's try.
"""

from binnode import make_room
from binnode.reporting.reasons import ALARM, FIRST, HEARTBEAT
from binnode.storage.state import MEASURING

SLEEP_S = 3600
_DAY_S = 86400
SAFE_MEASURING, SAFE_REPORTING = 4, 5  # steps, beside those in storage/state.py
_REPORT_S = 21600
_FULL_FLAG, _FAULT_FLAG, _FIRST_FLAG, _THINNED_FLAG = 0x01, 0x08, 0x20, 0x80  # as in reporting/payload.py
_FAULT = 6


class Nothing:
    """A reading that could not be taken."""

    kind = _FAULT
    distance_mm = None
    valid = 0


def turn(board, config, state, problem):
    """A wake of a node in safe mode: once a day a normal one. The console's line about it."""
    now_s = board.time.time()
    if 0 < state.safe_try_at_s - now_s <= _DAY_S:
        return wake(board, config, state, now_s)
    from binnode import node

    state.safe_try_at_s = now_s + _DAY_S
    state.retry_at_s = 0
    state.diagnose = True  # a try that has nothing to report would prove little
    state.step = MEASURING
    board.remember(state.pack())
    return node.wake(board, config, state, problem)


def wake(board, config, state, now_s):
    """Measuring and reporting, plainly. The console's line about it."""
    from binnode.node import Status

    reading, temperature_c10 = _measure(board, config, state, now_s)
    fill_permille = None
    if reading.kind == 0:
        from binnode.sensing.shape import fill_permille as filled

        fill_permille = filled(config, reading.distance_mm)
    status = Status(reading, fill_permille, None, temperature_c10)
    full = fill_permille is not None and fill_permille >= config["full_permille"]
    rises = full and not state.alarm
    state.alarm = full
    state.backlog.add(now_s, 1008 + reading.kind if fill_permille is None else fill_permille)
    state.current = True
    status.flags = (
        (_FULL_FLAG if full else 0)
        | (_FAULT_FLAG if reading.kind == _FAULT else 0)
        | (_FIRST_FLAG if state.first else 0)
        | (_THINNED_FLAG if state.backlog.thinned else 0)
    )
    status.reason = FIRST if state.first else ALARM if rises else HEARTBEAT
    result = "nothing to report"
    if config["transport"] != "none" and (rises or not 0 < state.retry_at_s - now_s <= _REPORT_S):
        result = _report(board, config, state, status, now_s)
    return "binnode: safe mode, wake %d, %s permille, kind %d: %s, %d waiting; sleeps %d s" % (
        state.wakes,
        "-" if fill_permille is None else fill_permille,
        reading.kind,
        result,
        len(state.backlog),
        SLEEP_S,
    )


def _measure(board, config, state, now_s):
    if state.crash_step == SAFE_MEASURING and not state.crash_line:
        return Nothing(), None
    state.step = SAFE_MEASURING
    board.remember(state.pack())
    try:
        from binnode.node import measure

        plain = dict(config)
        plain["thermometer"] = "chip"
        return measure(board, plain, None)
    except Exception as error:
        from binnode import crash

        crash.failed(board, state, error, now_s)
        return Nothing(), None


def _report(board, config, state, status, now_s):
    """What came of it: "sent", or what went wrong."""
    make_room()
    from binnode.reporting import payload

    state.step = SAFE_REPORTING
    state.retry_at_s = now_s + _REPORT_S
    board.remember(state.pack())
    from binnode.reporting import ways

    link = ways.link(board, config, state, now_s)
    first = state.first
    try:
        link.open()
        while True:
            backlog = state.backlog
            earlier = backlog.oldest(min(payload.fits(link.room), len(backlog) - state.current), board.time.time())
            link.deliver_plain(payload.encode(status, earlier, link.room))
            backlog.drop(len(earlier))
            if state.current:
                backlog.drop_newest()
            state.current = state.first = False
            if link.heard and link.way == config["transport"]:
                state.answered_at_s = now_s
            state.reports = (state.reports + 1) & 0xFFFF
            board.remember(state.pack())
            if not earlier or not len(backlog):
                break
        if state.diagnose:
            from binnode.reporting import diagnostics

            diagnostics.deliver(link, board, state)
    except link.errors as error:
        return "failed: %s" % error
    finally:
        ways.ended(link, board, state, first)
    return "sent"
