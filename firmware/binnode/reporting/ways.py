"""Which way a report takes: the transport, or its fall-back while it is silent."""


def link(board, config, state, now_s):
    """The link to try now, not open yet: what it has is in wifi/link.py. After all tries: ended()."""
    if chosen(config, state, now_s) == "lorawan":
        from binnode.lorawan.link import LoraLink as Link
    else:
        from binnode.wifi.link import WifiLink as Link
    return Link(board, config, state)


def chosen(config, state, now_s):
    """The fall-back when the transport has not delivered for fallback_s, but for a fourth of the time."""
    fallback = config["fallback"]
    turn = now_s // 4493  # no heartbeat keeps step with it
    if fallback == "none" or now_s - state.answered_at_s < config["fallback_s"] or turn % 4 == 1:
        return config["transport"]
    return fallback


def ended(link, board, state, first):
    """The try is over, whatever came of it: NVS holds what waits still. `first`: it was the first of a life."""
    if state.checkpointed and not state.current:
        from binnode.storage import checkpoint

        checkpoint.settle(board, state, board.time.time())
    link.close()
    if first:
        from binnode.storage import first_try

        first_try.ended(board, state)
