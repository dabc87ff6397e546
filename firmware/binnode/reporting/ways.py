"""Which way a report takes: the transport, or its fall-back while it is silent."""

_TURN_S = 4493  # no heartbeat keeps step with it


def link(board, config, state, now_s):
    """The link to try now, not open yet: way, errors, room, open(), deliver(), close() as in wifi/link.py."""
    if chosen(config, state, now_s) == "lorawan":
        from binnode.lorawan.link import LoraLink as Link
    else:
        from binnode.wifi.link import WifiLink as Link
    return Link(board, config, state)


def chosen(config, state, now_s):
    """The fall-back when the transport has not delivered for fallback_s, but for a fourth of the time."""
    fallback = config["fallback"]
    if fallback == "none" or now_s - state.answered_at_s < config["fallback_s"]:
        return config["transport"]
    return config["transport"] if now_s // _TURN_S % 4 == 1 else fallback
