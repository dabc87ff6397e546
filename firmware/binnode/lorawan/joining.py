"""Beginning a session: what NVS holds after a loss of power, personalisation, or joins within the wake's budget."""

from binnode import forget
from binnode.lorawan import restart


def keys_of(link):
    """(AppKey, JoinEUI, DevEUI), or for ABP (DevAddr, NwkSKey, AppSKey). ValueError: one of them was never set."""
    config, board = link.config, link.board
    if config["lora_join"] == "abp":
        keys = config["lora_dev_addr"], board.secret("lora_nwk_s_key"), board.secret("lora_app_s_key")
    else:
        mac = board.device_id
        own = "".join(["%02x" % byte for byte in mac[:3] + b"\xff\xfe" + mac[3:]])
        keys = board.secret("lora_app_key"), config["lora_join_eui"] or "0" * 16, config["lora_dev_eui"] or own
    if not keys[0] or not keys[1] or not keys[2]:
        raise ValueError("no LoRaWAN keys: binnode config set")
    return [bytes.fromhex(key) for key in keys]


def begin(link):
    """The Session to go on with when that of RTC memory is in doubt or not there; it may not have joined yet.

    From now on it is there: its credits grow from wake to wake, even when this one can't send.
    """
    session = _found(link)
    link.state.lora = session.pack()
    return session


def _found(link):
    board, config, keys, now_s = link.board, link.config, keys_of(link), link.now_s()
    name = config["lora_region"]
    session = restart.recall(restart.undoubted(link.state.lora), name, keys)
    session = session or restart.restore(board, name, keys, now_s)
    if session:
        return session
    from binnode.lorawan import join as joins

    used_before = restart.nonces(board, keys)[0] > 0
    session = joins.fresh(link.plan, name, config["lora_sub_band"], keys, now_s, used_before)
    if config["lora_join"] == "abp":
        joins.activate(session, link.plan, keys, now_s)
        restart.counters(board, session)
    return session


def join(link):
    """A new session within the budget, or OSError, unless there is an old one: that seems lost, but is the best then.

    What only joins need is let go of.
    """
    forget("radios.sx126x_start", "storage.recoveries", "wifi")  # the first wake has been there
    try:
        _ask(link)
    except OSError:
        if not link.session.joined:
            raise
    forget(
        "lorawan.join",
        "lorawan.join_frames",
        "lorawan.restart",
        "lorawan.change",
        "lorawan.change_" + link.plan.CHANGES,
    )


def _ask(link):
    """Ask the network until it accepts; OSError when the budget is used up, or TR007 has us wait longer than that."""
    from binnode.lorawan import join as joins

    board, session, plan, keys = link.board, link.session, link.plan, keys_of(link)
    while True:
        nonce, _, last = restart.nonces(board, keys)
        tx = joins.request(session, plan, keys, nonce, link.now_s(), board.random)
        if isinstance(tx, int):
            link.pause(tx * 1000, "no Join-Accept")
            continue
        restart.reserve(board, keys, nonce)  # before it leaves: a nonce is used once, whatever happens to the power

        def accepted(frame, _, nonce=nonce, last=last):
            return joins.accept(session, plan, keys, nonce, frame, last, link.now_s())

        if link.exchange(tx, accepted, lambda now_s, tx=tx: tx):
            link.remember()
            return
