"""The part of board.py that few wakes need: Board loads it when one of these is asked for. The first argument is it."""

import time

import esp32
import machine

from binnode.board import NAMESPACE, NVS_NOT_FOUND


def set_clock(board, seconds):
    """Set time.time(), and what TLS reads certificates' dates against, to `seconds` since 2000."""
    date = time.gmtime(seconds)  # year, month, day, hour, minute, second, weekday, ...
    machine.RTC().datetime(date[:3] + date[6:7] + date[3:6] + (0,))


def keep_secret(board, key, text):
    board.keep(key, text.encode())


def forget(board, key):
    """Erase a record from NVS; OSError when it can't be written."""
    nvs = esp32.NVS(NAMESPACE)
    try:
        nvs.erase_key(key)
    except OSError as error:
        if error.args[0] != NVS_NOT_FOUND:
            raise
    nvs.commit()
