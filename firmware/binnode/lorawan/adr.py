"""ADR's back-off (TS001-1.0.4, 4.3.1.1): a step nearer to a network that is silent. Loaded when one is due."""

from micropython import const

_DATA_RATE_FROM = const(128)  # ADR_ACK_LIMIT + 2 ADR_ACK_DELAY, in frames


def back_off(session, plan):
    """Full power; then the next lower data rate; after the lowest one transmission a frame, and the region's channels.

    rescued is set when there is nothing left to do.
    """
    session.adr_due = 0
    session.stale |= 2
    if session.adr_ack_cnt < _DATA_RATE_FROM:
        session.power = 0
        return
    dr = plan.back_off_dr(session, session.dr)
    if dr is None:
        session.nb_trans = session.rescued = 1
        plan.rescue(session)
    else:
        session.dr = dr
