"""LoRaWAN through loss of power: at every write to NVS, before it and after it."""

from binnode.lorawan import restart
from binnode.lorawan.restart import bond
from binnode.lorawan.session import COUNTERS, COUNTERS_LAYOUT
from check import raises
from lorawan_network import little
from lorawan_node import ABP, OTAA, Node, PowerCut

RX_PARAMETERS = b"\x05\x23" + little(8690000, 3)
LINK_ADR = b"\x03\x52\x03\x00\x02"


def settings(session):
    return [getattr(session, name) for name in ("rx1_offset", "rx2_dr", "rx2_hz", "rx1_delay_s", "power", "nb_trans")]


def joins(node):
    """Tries to join until it has; the network hears all of them."""
    while not node.session.joined:
        node.accepts(node.network.join_accept(node.asks().frame))


def rejoins(node):
    node.session.joined = 0  # as if it had been forgotten
    try:
        joins(node)
    finally:
        node.session.joined = 1


def exchange(node, up, payload=b"", fport=None, confirmed=False, **fields):
    node.sends(up, confirmed=confirmed)
    assert node.hears(node.network.down(payload, fport, **fields))


STEPS = (
    joins,
    lambda node: exchange(node, b"one", fopts=RX_PARAMETERS + b"\x08\x05"),
    lambda node: exchange(node, b"two", b"do it", 10, fopts=LINK_ADR),
    lambda node: [node.sends(bytes([count])) for count in range(70)],
    lambda node: exchange(node, b"three", confirmed=True, ack=1),
    rejoins,
    lambda node: exchange(node, b"four", confirmed=True, ack=1),
    lambda node: node.sends(b"five"),
)
REJOIN = 5


def life(cut_at=None, cut_after=False):
    """All steps, with the power cut at one write: (node, the settings after each step, whether it was cut).

    The network of these tests asserts that no DevNonce and no counter comes twice.
    """
    node = Node()
    node.board.cut_at, node.board.cut_after = cut_at, cut_after
    known, cut = [settings(node.session)], False
    for number, step in enumerate(STEPS):
        try:
            step(node)
        except PowerCut:
            assert not cut
            cut = True
            heard = node.session.fcnt_down
            known.append(settings(node.session))
            node.lose_power()
            node.wake()
            session = node.session
            assert not session.joined or settings(session) in known[-2:], (number, settings(session), known)
            assert sum(session.credits) == 0 or (number == 0 and restart.nonces(node.board, OTAA)[0] == 0)
            if session.joined and heard is not None and number != REJOIN:
                assert session.fcnt_down in (heard, heard - 1) or (heard == 0 and session.fcnt_down is None)
            joins(node)
            node.sends(b"after the cut")
            if node.session.adr_ack_cnt:
                node.hears(node.network.down())
            node.sends(b"and again %d" % number)
        known.append(settings(node.session))
        node.wake()
    return node, known, cut


def test_power_cut_at_every_write():
    """No DevNonce and no counter is used twice, the session is old or new, and the node reports again."""
    node, _, cut = life()
    assert not cut
    total = node.board.writes
    assert total == 4 + 2 + 2 + 1 + 1 + 4 + 1
    assert len(node.network.nonces) == 2
    for at in range(total):
        for after in (False, True):
            node, _, cut = life(at, after)
            assert cut, at
            assert node.sends(b"last").payload == b"last"


def test_power_loss_between_all_steps():
    for number in range(1, len(STEPS) + 1):
        node = Node()
        for step in STEPS[:number]:
            step(node)
        before, last = settings(node.session), node.network.up_fcnt
        answers = node.session.answers
        node.lose_power()
        node.wake()
        assert node.session.joined and settings(node.session) == before
        assert node.sends(b"x").fcnt > last
        assert len(node.network.nonces) == (2 if number > REJOIN else 1)
        assert not answers or node.network.read(node.tx.frame).fopts


def test_the_ceiling_is_reserved_before_the_frame_and_seldom():
    node = Node("US915").joined()
    start = node.board.writes
    for count in range(640):
        assert node.sends().fcnt == count
        owner, ceiling, _ = restart.read(node.board, COUNTERS, COUNTERS_LAYOUT)
        assert owner == node.session.nonces_crc and count < ceiling <= count + 1 + 64
        node.session.adr_ack_cnt = 0
    assert node.board.writes - start == 9


def test_writes_of_a_year_stay_under_10000():
    """A month of a dozen confirmed reports a day, all answered, a change by the network every day."""
    node = Node("US915").joined()
    start = node.board.writes
    for report in range(30 * 12):
        node.sends(confirmed=True)
        node.hears(node.network.down(ack=1, fopts=b"" if report % 12 else b"\x08\x01"))
        node.wake()
    writes = node.board.writes - start
    assert writes == 30 * 12 + 30
    assert writes * 365 // 30 < 10000


def test_nothing_leaves_when_nvs_fails():
    node = Node()
    node.board.fails = True
    assert raises(OSError, node.asks) and not node.sent
    node.board.fails = False
    node.joined()
    for _ in range(64):
        node.sends()
    node.board.fails = True
    sent = len(node.sent)
    assert raises(OSError, node.sends) and len(node.sent) == sent
    assert raises(OSError, node.sends)
    node.board.fails = False
    assert node.sends()


def test_what_could_not_be_written_stays_due():
    node = Node().joined()
    node.sends()
    node.board.fails = True
    assert raises(OSError, node.hears, node.network.down(fopts=RX_PARAMETERS))
    assert node.session.stale == 3
    node.image = node.session.pack()
    node.board.fails = False
    node.wake().sends()
    assert node.session.stale == 0
    node.lose_power()
    assert node.wake().session.rx2_dr == 3


def test_a_session_belongs_to_its_nonces_and_keys():
    node = Node().joined()
    session = node.session
    assert session.nonces_crc == bond(OTAA, session.dev_nonce, session.join_nonce) != bond(OTAA, 1, 1)
    other = (OTAA[0], OTAA[1], bytes(8))
    for name, keys in (("EU868", other), ("IN865", OTAA)):
        assert restart.restore(node.board, name, keys, 0) is None
    records = dict(node.board.records)
    assert restart.restore(node.board, "EU868", OTAA, 0).dev_addr == session.dev_addr
    node.now_s += 10**5
    node.joined()
    for name in ("lora_session", "lora_counters", "lora_nonces"):
        mixed = dict(node.board.records)
        mixed[name] = records[name]
        now, node.board.records = node.board.records, mixed
        assert restart.restore(node.board, "EU868", OTAA, 0) is None, name
        node.board.records = now
    assert restart.restore(node.board, "EU868", OTAA, 0)


def test_records_that_are_damaged_or_cut_short_are_refused():
    node = Node().joined()
    for name in ("lora_session", "lora_counters"):
        whole = node.board.records[name]
        for size in range(len(whole)):
            node.board.records[name] = whole[:size]
            assert restart.restore(node.board, "EU868", OTAA, 0) is None
        for at in range(len(whole)):
            node.board.records[name] = whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]
            assert restart.restore(node.board, "EU868", OTAA, 0) is None
        node.board.records[name] = whole
    whole = node.board.records["lora_nonces"]
    for size in range(len(whole)):
        node.board.records["lora_nonces"] = whole[:size]
        assert restart.nonces(node.board, OTAA) == (0, 0, None)


def test_the_old_session_holds_while_a_join_is_under_way():
    node = Node().joined()
    node.sends()
    node.now_s += 10**5
    node.asks()
    node.lose_power()
    node.wake()
    assert node.session.joined and node.sends(b"old session").payload == b"old session"
    assert restart.nonces(node.board, OTAA)[0] == 2


def test_times_begin_anew_with_the_clock():
    node = Node(now_s=10**6).joined()
    node.told(b"\x04\x0f")
    node.lose_power()
    session = node.wake().session
    assert session.credits_at_s == session.last_downlink_s == node.now_s
    assert session.quiet_until_s == session.join_attempt == 0


def test_abp_keys_come_back_with_their_counters_after_a_join_in_between():
    node = Node(keys=ABP).personalised()
    for _ in range(5):
        node.sends()
    used = node.session.fcnt_up
    board = node.board
    other = Node(keys=OTAA)
    other.board = board
    other.wake().joined()
    again = Node(keys=ABP)
    again.board = board
    assert again.wake().session.fcnt_up >= used
