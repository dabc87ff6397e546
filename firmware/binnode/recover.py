"""The start of every wake but the plain one: find the State to go on with, and say what was wrong. See RECOVERY.md.

Loaded when the wake is no wake from deep sleep, when RTC memory is not in order, or when the last wake did not end.
"""

from binnode.storage.recoveries import (
    BROWN_OUT,
    FILES_REPAIRED,
    RTC_DAMAGED,
    RTC_GARBAGE,
    RTC_MIGRATED,
    RTC_NEWER,
    STANDING,
)
from binnode.storage.state import MAGIC, STARTING, StateError, unpack

# machine.reset_cause()
_POWER_ON, _HARD, _WATCHDOG, _DEEP_SLEEP = 1, 2, 3, 4
_INTERRUPTED = {_HARD: "panic or reset", _WATCHDOG: "watchdog", _DEEP_SLEEP: "the wake did not end"}
DAMAGED_MARK = b"b!"  # verify.py


def begin(board, memory, cause):
    """(State, what to say on the console or None). `memory`: the image in RTC memory, `cause` of the reset."""
    if cause != _DEEP_SLEEP:
        _rest_radio(board)
        _provisioned(board)
    state, found = _found(board, memory)
    state.config_crc = 0  # of whatever firmware it was: this one looks through the settings itself
    now_s = board.time.time()
    lost = found & (1 << RTC_GARBAGE | 1 << RTC_DAMAGED | 1 << RTC_NEWER)
    if cause == _POWER_ON and memory and not lost:
        # RTC memory outlived the dip, and the clock did not: on from the last time known, or no day would ever be over
        # and no wait after a failure be kept.
        last_s = max(state.reported_at_s, state.checkpoint_at_s, state.backlog.newest_s())
        if last_s > now_s:
            board.set_clock(last_s)
            now_s = last_s
    if state.step and cause in _INTERRUPTED:
        _crashed(board, state, cause, now_s)
    elif cause == _WATCHDOG and (lost or not memory):
        state.step = STARTING
        _crashed(board, state, cause, now_s)
    elif state.step and cause == _POWER_ON:  # RTC memory outlived it, so it was short
        found |= 1 << BROWN_OUT
    if cause != _DEEP_SLEEP or found:
        state.reset_cause = cause & 15
        state.diagnose = True
    if found:
        from binnode.storage.recoveries import names

        state.recoveries |= found
        state.diagnose = True
        return state, "recovered: " + ", ".join(names(found))
    return state, None


def _rest_radio(board):
    """The LoRa radio stands by since its own reset: it sleeps until it is needed."""
    if board.pins.get("radio"):
        try:
            board.radio().sleep(False)
            board.hold_radio()
        except Exception as error:  # the next report will tell of it
            print("binnode: radio: %s" % error)


def _found(board, memory):
    """(State, recoveries as a mask)."""
    found = 0
    if memory[:2] == DAMAGED_MARK:
        found = 1 << FILES_REPAIRED
        memory = MAGIC + memory[2:] if len(memory) > 2 else b""
    try:
        return unpack(memory), found
    except StateError as error:
        why = error.args[0]
    if why == "version":
        from binnode.storage.migration import migrate

        try:
            return migrate(memory), found | 1 << RTC_MIGRATED
        except StateError as error:
            why = error.args[0]
    if why != "empty":
        found |= 1 << (RTC_GARBAGE if why == "magic" else RTC_NEWER if why == "version" else RTC_DAMAGED)
    from binnode.storage import checkpoint, first_try

    state, more = checkpoint.restore(board)
    return state, found | more | first_try.hold(board, state)


def _provisioned(board):
    """Finish a provisioning that the power broke off: the node has all of it, or nothing."""
    try:
        if board.kept("provision", 1900):
            from binnode import forget, service

            service.Service(board, service.Files()).finish()
            forget("service", "config", "config_rules")
    except Exception as error:  # NVS or file can't be read or written; its text might show a secret
        print("binnode: provisioning is not finished (%s)" % type(error).__name__)


def _crashed(board, state, cause, now_s):
    from binnode import crash

    crash.note(board, state, "", 0, _INTERRUPTED[cause], now_s)


def config_found(state, code):
    """What config.examine found (None: nothing) holds at every wake: told once, and again after it was gone."""
    bit = 0 if code is None else 1 << code
    if bit & ~(state.told | state.recoveries):
        state.recoveries |= bit
        state.diagnose = True
    state.told &= bit | ~STANDING
