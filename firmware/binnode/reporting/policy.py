"""When to report and what to flag. Pure: values in, State changed, values out.

One wake, in this order (`room` in bytes is what the link takes: 242 carry 78 earlier readings, 11 carry 1):

    policy.observe(state, kind, fill_permille, distance_mm, config, now_s)
    jitter_s = policy.jitter_s(device_id, state.reports, config["heartbeat_s"])
    why = policy.reason(state, kind, fill_permille, config, now_s, jitter_s)
    if why and not policy.may_try(state, now_s):
        why = None
    while why:
        earlier = policy.earlier(state, payload.fits(room), now_s)
        status.reason, status.flags = why, payload.flags(state, kind)
        policy.trying(state, config, now_s)
        rtc.memory(state.pack())                    # a crash from here on repeats, but loses nothing
        if not link.deliver(payload.encode(status, earlier, room)):
            break
        why = policy.delivered(state, kind, fill_permille, len(earlier), now_s)
    rtc.memory(state.pack())

Every reading enters the backlog in observe() and leaves it only in delivered() (or when 192 wait and it is thinned).
The reading of this wake is the newest entry, and it travels in the status: earlier() never lists it, and the first
delivered() of the wake takes it out together with the listed ones. When nothing is delivered it simply stays, and at
the next wake it is an earlier reading like the others. When the second of three messages fails, the first has taken
its part and the current reading with it; the rest waits. Further messages of a wake have the reason BACKLOG and repeat
the status.

A try counts as failed from trying() on until delivered(): a watchdog or brown-out in the middle of it is a failure
too, and can't make the node try at every wake. A delivery whose acknowledgement was lost is repeated: at least once.
"""

import binascii

from micropython import const

# Copies, for they cost a wake less than an import: of reasons.py,
_FIRST = const(1)
_CHANGE = const(2)
_ALARM = const(3)
_RELEASED = const(4)
_EMPTIED = const(5)
_HEARTBEAT = const(6)
_KIND = const(7)
_BACKLOG = const(8)
# and of sensing/kinds.py.
_OK = const(0)
_TOO_NEAR = const(3)

_LONGEST_WAIT_S = const(7200)


def observe(state, kind, fill_permille, distance_mm, config, now_s):
    """Take the reading of this wake into the backlog and the alarm; fill and distance count with kind OK only."""
    if kind == _OK:
        last = state.last_fill_permille
        if last is not None and last - fill_permille >= config["emptied_permille"]:
            _happened(state, "emptied")
        if state.alarm and fill_permille <= config["release_permille"]:
            state.alarm = False
            _happened(state, "released")
        state.last_fill_permille = fill_permille
        state.last_distance_mm = distance_mm
    # Waste that touches the module is no fill level, but no bin is fuller.
    if not state.alarm and (kind == _TOO_NEAR or (kind == _OK and fill_permille >= config["full_permille"])):
        state.alarm = True
        _happened(state, "raised")
    state.last_kind = kind
    # payload.level_code, without loading the payload
    state.backlog.add(now_s, fill_permille if kind == _OK else 1008 + kind)
    state.current = True


def _happened(state, event):
    # An event that is pending already has had its immediate try: a flapping reading must not cost one each time.
    if not getattr(state, event):
        setattr(state, event, True)
        state.urgent = True


def reason(state, kind, fill_permille, config, now_s, jitter_s):
    """Why this reading should go out now, or None. The flags show what a more important reason hides."""
    if state.first:
        return _FIRST
    if state.alarm and state.raised:
        return _ALARM
    if state.released:
        return _RELEASED
    if state.emptied:
        return _EMPTIED
    if kind != state.reported_kind:
        return _KIND
    if kind == _OK and abs(fill_permille - state.reported_fill_permille) >= config["hysteresis_permille"]:
        return _CHANGE
    # A report from the future means that the clock was set back: the heartbeat can't be told, so it is due.
    if not 0 <= now_s - state.reported_at_s < config["heartbeat_s"] - jitter_s:
        return _HEARTBEAT
    if state.failures and len(state.backlog) > state.current:
        return _BACKLOG
    return None


def may_try(state, now_s):
    """False while the wait after a failure lasts; a new event gets one try at once.

    But not before the first try of a life has been made: what it waits for is in storage/first_try.py.
    """
    urgent = state.urgent and (state.failures or not state.first)
    return urgent or not 0 < state.retry_at_s - now_s <= _LONGEST_WAIT_S


def trying(state, config, now_s):
    """A try begins; it counts as failed until delivered().

    The wait for the next doubles with each failure, from one measure interval to 2 h or heartbeat / 2 if that is less.
    """
    state.failures = min(state.failures + 1, 255)
    wait_s = config["measure_s"]
    longest_s = min(_LONGEST_WAIT_S, config["heartbeat_s"] // 2)
    for _ in range(state.failures - 1):
        if wait_s >= longest_s:
            break
        wait_s *= 2
    # Wakes come up to 5 % early: a quarter of an interval less, or the wake that is due would be missed by a second.
    state.retry_at_s = now_s + max(min(wait_s, longest_s) - config["measure_s"] // 4, 0)
    state.urgent = False


def earlier(state, count, now_s):
    """Up to `count` readings that wait, without that of this wake, as [(age_s, level code)], oldest first."""
    return state.backlog.oldest(min(count, len(state.backlog) - state.current), now_s)


def delivered(state, kind, fill_permille, count, now_s):
    """A message with this reading and the `count` oldest readings arrived.

    Returns BACKLOG when another message should follow, else None. None also when the message had no room (count 0), so
    a loop over this always ends.
    """
    backlog = state.backlog
    backlog.drop(count)
    if state.current:
        backlog.drop_newest()
    state.current = state.first = state.urgent = False
    state.raised = state.released = state.emptied = False
    state.reported_kind = kind
    state.reported_fill_permille = fill_permille if kind == _OK else None
    state.reported_at_s = now_s
    state.reports = (state.reports + 1) & 0xFFFF
    state.failures = 0
    state.retry_at_s = now_s
    return _BACKLOG if count and len(backlog) else None


def jitter_s(device_id, reports, heartbeat_s):
    """How much before the heartbeat this report is due: 0..heartbeat / 8, another for each device (bytes) and report.

    Bins that were powered together don't stay together.
    """
    return binascii.crc32(bytes((reports >> 8, reports & 255)), binascii.crc32(device_id)) % (heartbeat_s // 8 + 1)
