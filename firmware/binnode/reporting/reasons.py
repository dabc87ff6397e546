"""Why a report is sent: 4 bits of the status payload."""

from micropython import const

FIRST = const(1)
CHANGE = const(2)
ALARM = const(3)
RELEASED = const(4)
EMPTIED = const(5)
HEARTBEAT = const(6)
KIND = const(7)  # the kind of reading changed, e.g. became NO_ECHO
BACKLOG = const(8)  # only old readings to deliver

NAMES = ("none", "first", "change", "alarm", "released", "emptied", "heartbeat", "kind", "backlog")
