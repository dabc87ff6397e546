"""Stand-in for the chip's `time`: the clock is the world's, the epoch is 2000, ticks wrap at 2**30."""

from utime import gmtime as _gmtime
from utime import mktime as _mktime

import acts
from _link import act

_PERIOD = acts.TICKS_PERIOD
_HALF = _PERIOD // 2


def ticks_ms():
    return act(acts.TICKS_MS)


def ticks_us():
    return act(acts.TICKS_US)


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(end, start):
    return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF


def sleep_us(us, yields=0):
    if us > 0:
        while us > 1000000000:
            act(acts.SLEEP_US, 1000000000, yields)
            us -= 1000000000
        act(acts.SLEEP_US, us, yields)


def sleep_ms(ms):
    sleep_us(ms * 1000, 1)


def sleep(seconds):
    sleep_us(int(seconds * 1000000), 1)


def time():
    return act(acts.TIME)


def time_ns():
    return act(acts.TIME) * 1000000000


def gmtime(seconds=None):
    return _gmtime((time() if seconds is None else seconds) + acts.EPOCH_2000_S)


localtime = gmtime


def mktime(date):
    return _mktime(date) - acts.EPOCH_2000_S
