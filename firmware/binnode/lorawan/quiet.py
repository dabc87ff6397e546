"""Listen before talk: KR920, Japan. Loaded where the region asks for it."""

from binnode.radios.level import highest_dbm

_CHANNELS = 8  # that may be taken


def quiet(link, radio, tx, other):
    """`tx`, or the same frame on a channel where nobody talks; OSError when all are taken."""
    for _ in range(_CHANNELS):
        limit_dbm, sense_ms = tx.lbt
        if highest_dbm(radio, tx.hz, tx.bw_khz, sense_ms) < limit_dbm:
            return tx
        link.pause(20 + link.board.random(1)[0], "channels taken")
        tx = other(link.now_s())
        if tx.__class__ is int:
            break
    raise OSError("channels taken")
