"""The next try of a message that nobody has answered. Loaded when both windows were silent, and there is one."""


def retry(mac, now_s):
    """The Tx, or the seconds to wait for it: NbTrans times one frame, then the message in a new one.

    What asks for an ACK goes at the next lower data rate after every second try, where it fits.
    """
    session, plan, dr = mac.session, mac.plan, mac.session.dr
    for _ in range(mac.tries // 2 if mac.confirmed else 0):
        lower = plan.back_off_dr(session, dr)
        if lower is not None and len(mac.frame) - 13 <= plan.room(session, lower):
            dr = lower
    mac.dr = dr
    if not mac.tries % session.nb_trans:
        return mac.new(now_s)
    tx = mac.send(now_s)
    mac.tries += tx.__class__ is not int
    return tx
