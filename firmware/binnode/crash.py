"""What is kept of a wake that crashed: where, what, how often. Loaded after a crash only.

The count of crashes in a row is in RTC memory; the text of the last one in NVS, so that it outlives the battery. NVS is
written when the record differs from what is there, and at most every six hours of the node's clock: 1460 times a year.
"""

import binascii
import gc
import struct
import sys

from binnode.storage.recoveries import CRASH_RECORD_DAMAGED, NVS_FAILED

KEY = "crash"
MANY = 3  # crashes in a row lead to safe mode
DAY_S = 86400
_WRITE_EVERY_S = 21600
_HEAD = ">2sBHB"  # magic, step, line, length of the file's name
_MAGIC = b"c1"
_FILE_BYTES = 40
_TEXT_BYTES = 80
_LONGEST = 160
_VISIT_MS = 600000
WITHHELD = "(its text held a secret)"


def trace_of(board, error):
    """The traceback of `error` as text; withheld is a text that holds a secret."""
    try:
        from io import StringIO

        text = StringIO()
        sys.print_exception(error, text)  # pyright: ignore[reportArgumentType]
        text = text.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    except Exception:  # no memory for it, even now
        text = type(error).__name__
    for key in ("wifi_key", "mqtt_key"):
        secret = board.secret(key)
        if secret and secret in text:
            return "%s: %s" % (type(error).__name__, WITHHELD)
    return text


def place(trace):
    """(file, line, type and text) of a traceback's last frame; "" and 0 when it has none."""
    start = trace.rfind('  File "')
    if start < 0:
        return "", 0, _plain(trace)
    frame, _, what = trace[start + 8 :].partition("\n")
    file, _, rest = frame.partition('", line ')
    digits = rest.split(",")[0].strip()
    return file, int(digits) if digits.isdigit() else 0, _plain(what)


def _plain(text):
    """One line of printable ASCII, as much as the record takes."""
    text = text.strip()[:_TEXT_BYTES]
    return "".join([letter if " " <= letter <= "~" else "?" for letter in text])


def file_code(file):
    """12 bits that stand for a file's name in a message of 11 bytes; 0 for none."""
    return (binascii.crc32(file.encode()) & 0xFFF or 1) if file else 0


def pack(step, file, line, what):
    """The record for NVS."""
    name = file.encode()[-_FILE_BYTES:]
    record = struct.pack(_HEAD, _MAGIC, step, min(line, 0xFFFF), len(name)) + name + what.encode()
    return record + struct.pack(">I", binascii.crc32(record))


def unpack(record):
    """(step, file, line, what); ValueError when the record is not whole."""
    end = len(record) - 4
    head = struct.calcsize(_HEAD)
    if end < head or record[:2] != _MAGIC or binascii.crc32(record[:end]) != struct.unpack_from(">I", record, end)[0]:
        raise ValueError("crash record")
    _, step, line, size = struct.unpack_from(_HEAD, record)
    return step, str(record[head : head + size], "utf8"), line, str(record[head + size : end], "utf8")


def last(board, state):
    """(step, file, line, what) of the crash that NVS holds; None when there is none, or not a whole one."""
    try:
        record = board.kept(KEY, _LONGEST)
        return unpack(bytes(record)) if record else None
    except (OSError, ValueError):
        state.recoveries |= 1 << CRASH_RECORD_DAMAGED
        return None


def note(board, state, file, line, what, now_s):
    """A crash in the step that `state` is at: counted, kept, to be told; the third in a row leads to safe mode."""
    code = file_code(file)
    line = min(line, 0xFFF)
    known = state.crash_file == code and state.crash_line == line and (line or state.crash_step == state.step)
    state.crash_step, state.crash_file, state.crash_line = state.step, code, line
    state.crashes = min(state.crashes + 1, 255)
    state.crashed = True
    if not known or state.crashes <= MANY:  # a crash that repeats itself is told until it leads to safe mode
        state.diagnose = True
    _keep(board, state, pack(state.step, file, line, what), now_s)
    if state.crashes >= MANY and not state.safe:
        _enter_safe_mode(state, now_s)


def _keep(board, state, record, now_s):
    at_s = state.crash_kept_at_s
    if at_s is not None and 0 <= now_s - at_s < _WRITE_EVERY_S:
        return
    try:
        if board.kept(KEY, _LONGEST) == record:
            return
    except OSError:
        state.recoveries |= 1 << CRASH_RECORD_DAMAGED
    state.crash_kept_at_s = now_s
    try:
        board.keep(KEY, record)
    except OSError:
        state.recoveries |= 1 << NVS_FAILED


def _enter_safe_mode(state, now_s):
    """Whatever the node remembered may be what makes it crash: only the readings that wait stay."""
    state.safe = state.diagnose = True
    state.safe_try_at_s = now_s + DAY_S
    state.last_fill_permille = state.last_distance_mm = state.last_kind = None
    state.reported_fill_permille = state.reported_kind = None
    state.alarm = state.raised = state.released = state.emptied = state.urgent = False
    state.failures = state.channel = 0
    state.retry_at_s = now_s


def failed(board, state, error, now_s):
    """An exception came out of a wake or of its measuring: print it, note it."""
    trace = trace_of(board, error)
    print(trace.rstrip())
    file, line, what = place(trace)
    note(board, state, file, line, what, now_s)


def ended(board, state, error):
    """An exception came out of the wake: leave RTC memory such that the next can go on. `state` None: it came early."""
    from binnode.storage.state import State

    gc.collect()
    try:
        state = state or State()
        failed(board, state, error, board.time.time())
        state.step = 0
        board.remember(state.pack())
    except Exception as second:  # RTC memory still says that a wake is under way: the next one counts it
        print("binnode: and it could not be noted: %s" % second)


def visited(board, state):
    """Ctrl-C: whoever is there has ten minutes. The watchdog can't be stopped, but a new time takes its place."""
    if state:
        state.step = 0
        board.remember(state.pack())
    board.watchdog(_VISIT_MS)
