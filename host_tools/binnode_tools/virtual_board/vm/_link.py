"""One act: a request to the world, and its answer. The world is descriptor 4 (to it) and 3 (from it)."""

import struct

import acts

_to = open(4, "wb")
_from = open(3, "rb")
_request = bytearray(acts.REQUEST_SIZE)
_answer = bytearray(acts.ANSWER_SIZE)
flash_read = 0  # bytes read from flash since the last act: the world charges time for them
on_events = None  # called with the pending events of an answer: interrupts arrive only here


def act(code, a=0, b=0, data=b"", wants_data=False):
    """The value of the answer, or its data; raises what the chip would raise.

    Ctrl-C comes with an answer: the world sends no signal while an act is under way, or the two sides would part.
    """
    global flash_read
    struct.pack_into(acts.REQUEST, _request, 0, code, flash_read, a, b, len(data))
    flash_read = 0
    _to.write(_request)
    if data:
        _to.write(data)
    if not _from.readinto(_answer):
        raise SystemExit(97)  # the world is gone
    status, events, value, size = struct.unpack(acts.ANSWER, _answer)
    answer = _from.read(size) if size else b""
    if events:
        if events & acts.CTRL_C:
            raise KeyboardInterrupt
        if on_events:
            on_events(events)
    if status == acts.OK:
        return answer if wants_data else value
    if status == acts.OS_ERROR:
        raise OSError(value, str(answer, "utf8")) if answer else OSError(value)
    raise (ValueError if status == acts.VALUE_ERROR else RuntimeError)(str(answer, "utf8"))
