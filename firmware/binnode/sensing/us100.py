"""US-100 with its jumper set: two bytes of mm, one of temperature. No frame and no sum, so only an answer that is
exactly as long as it has to be counts."""

from micropython import const

from binnode.sensing.serial_ranger import SerialRanger

_SILENCE_MS = const(4)  # longer than a byte takes: the answer is over
_MOST = const(8)


def decode(data):
    """mm, None unless `data` are two bytes."""
    return data[0] << 8 | data[1] if len(data) == 2 else None


def decode_c10(data):
    """Tenths of a degree C, None unless `data` is one byte that can be its temperature (-40..85 C)."""
    return data[0] * 10 - 450 if len(data) == 1 and 5 <= data[0] <= 130 else None


class Ranger(SerialRanger):
    def temperature_c10(self):
        """Of the air at the module, in tenths of a degree C; None when it does not answer."""
        return self._answer(b"\x50", decode_c10)

    def _read(self, port):
        """An answer as a whole."""
        data = port.read()
        while data and len(data) < _MOST:
            self._time.sleep_ms(_SILENCE_MS)
            more = port.read()
            if not more:
                break
            data += more
        return data
