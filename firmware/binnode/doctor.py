"""For a visitor: what the node knows of itself, a report at its next wake, storage. Loaded by service.py only."""

from binnode import forget
from binnode.storage import state as memory


def doctor(service, board):
    """A dictionary for JSON: info(), what is wrong with config.json, and each of the parts below; one that could not be
    looked at is the text of its error. `no_state`: why RTC memory holds none, as in StateError."""
    found = service.info()
    found.update(problem=_try(problem, service), cause=board.reset_cause(), now_s=board.time.time())
    try:
        kept = memory.unpack(board.recall())
    except memory.StateError as error:
        kept = memory.State()
        found["no_state"] = error.args[0]
    for part in (damaged, flash, state, crash, session, nvs, radio):
        found[part.__name__] = _try(part, board, kept)
    return found


def _try(part, *args):
    try:
        return part(*args)
    except Exception as error:
        return repr(error)
    finally:
        forget("config", "config_rules", "crash", "lorawan", "radios")  # room for the next


def problem(service):
    """What is wrong with config.json, or None."""
    return service.show()["problem"]


def state(board, kept):
    from binnode.storage.recoveries import names

    told = {name: getattr(kept, name) for name in memory.FIELDS + memory.FLAGS}
    return dict(told, waiting=len(kept.backlog), recoveries=names(kept.recoveries))


def crash(board, kept):
    """(step, file, line, what) of the last one, None when NVS holds none."""
    from binnode.crash import last

    return last(board, kept)


def session(board, kept):
    """Of LoRaWAN, without its keys; None when there is none."""
    from binnode.lorawan.session import IMAGE, unpack

    found = unpack(b"l" + (kept.lora or board.kept(IMAGE, 648))[1:])  # in doubt or not
    return found and {name: getattr(found, name) for name in ("joined", "dev_addr", "dr", "fcnt_up", "fcnt_down")}


def nvs(board, kept):
    """True when it takes a record of two bytes, gives it back, and erases it."""
    board.keep("doctor", b"ok")
    whole = board.kept("doctor", 2) == b"ok"
    board.forget("doctor")
    return whole


def radio(board, kept):
    """True when it answers and calibrates, None without one. It sleeps then, and starts cold the next time."""
    if not board.pins.get("radio"):
        return None
    chip = board.radio()
    try:
        if kept:
            chip.restart()
            chip.wake(868100000)
    finally:
        chip.sleep(False)
        board.hold_radio()
    return True


def damaged(board, kept):
    """Files that are not as the manifest has them."""
    import verify

    return verify.damaged()


def flash(board, kept):
    """Bytes of a block twice, blocks, free blocks."""
    import os

    return os.statvfs("/")[:4]


def wake(service, board):
    """Have the next wake report, whatever it waits for; in safe mode it is a normal one. The caller resets the node."""
    try:
        kept = memory.unpack(board.recall())
        kept.first = True
        kept.retry_at_s = kept.safe_try_at_s = kept.step = 0
        board.remember(kept.pack())
    except memory.StateError:  # then it does so anyway, unless it dipped too often
        board.forget("first_try")
    return {}


def sleep(service, board, hours=0):
    """Ready for a long sleep, after which the node reports: the radio sleeps, RTC memory is in order. It sleeps also
    when a part of this failed."""
    if not 0 <= hours <= 576:  # deepsleep() takes ms of 31 bits
        raise ValueError("hours: must be 0..576")
    return {"button": "button" in board.pins, "radio": _try(radio, board, None), "wake": _try(wake, None, board)}
