"""A node for tests of the MAC: does with it what the link does, and lets the test play the air and the network."""

from binnode.lorawan import join, restart
from binnode.lorawan.mac import Mac
from binnode.lorawan.regions import region
from binnode.lorawan.restart import recall
from binnode.lorawan.tx import Tx
from lorawan_network import Network

OTAA = (bytes(range(16)), bytes.fromhex("70b3d57ed0000001"), bytes.fromhex("0004a30b001c0530"))
ABP = (bytes.fromhex("26011f01"), bytes(range(16, 32)), bytes(range(32, 48)))


class PowerCut(Exception):
    """The power is gone; nothing of what follows happens."""


class NVS:
    """The board as the store sees it. cut_at: the write, counted from 0, at which power fails, before or after it."""

    def __init__(self):
        self.records, self.writes = {}, 0
        self.cut_at = self.cut_after = self.fails = None

    def kept(self, key, longest):
        record = self.records.get(key, b"")
        assert len(key) < 16 and len(record) <= longest
        return record

    def keep(self, key, record):
        if self.fails:
            raise OSError(-0x1105)
        at = self.writes
        self.writes += 1
        if at == self.cut_at and not self.cut_after:
            raise PowerCut
        assert len(key) < 16 and type(record) is bytes
        self.records[key] = record
        if at == self.cut_at:
            raise PowerCut


class Entropy:
    """Bytes that are the same in each run and on both interpreters."""

    def __init__(self, seed=1):
        self._state = seed

    def __call__(self, count):
        found = []
        for _ in range(count):
            self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
            found.append(self._state >> 16 & 255)
        return bytes(found)


class Node:
    """`keys` as of join.py. Each act that takes time moves now_s; sent has every Tx that left."""

    def __init__(self, name="EU868", keys=OTAA, sub_band=0, now_s=1000, seed=1):
        self.name, self.keys, self.sub_band, self.now_s = name, keys, sub_band, now_s
        self.plan, self.entropy = region(name), Entropy(seed)
        self.board = NVS()
        self.network = Network(*OTAA)
        self.image = b""  # RTC memory
        self.sent = []
        self.wake()

    def wake(self):
        """Begin a wake with what RTC memory and NVS hold."""
        session = recall(self.image, self.name, self.keys) or restart.restore(
            self.board, self.name, self.keys, self.now_s
        )
        if not session:
            used_before = restart.nonces(self.board, self.keys)[0] > 0
            session = join.fresh(self.plan, self.name, self.sub_band, self.keys, self.now_s, used_before)
            if self.keys == ABP:
                join.activate(session, self.plan, self.keys, self.now_s)
                restart.counters(self.board, session)
        self.session = session
        self.mac = Mac(session, self.plan, self.entropy)
        return self

    def lose_power(self):
        """The next wake() has NVS only, and a clock that begins anew."""
        self.image, self.now_s = b"", 20
        self.board.cut_at = None

    def remember(self):
        self.session.keep(self.board)
        self.image = self.session.pack()

    def _leaves(self, tx):
        """A Tx goes on the air, at a legal time; what is in it is up to the caller."""
        assert isinstance(tx, Tx), tx
        self.now_s += tx.airtime_ms // 1000 + 3
        self.sent.append(tx)
        return tx

    def asks(self):
        """A Join-Request leaves, however long it has to wait; the Tx."""
        nonce, _, self.last_join_nonce = restart.nonces(self.board, self.keys)
        while True:
            tx = join.request(self.session, self.plan, self.keys, nonce, self.now_s, self.entropy)
            if isinstance(tx, Tx):
                break
            assert tx > 0
            self.now_s += tx
        restart.reserve(self.board, self.keys, nonce)
        self.nonce = nonce
        self.image = self.session.pack()
        self._leaves(tx)
        self.plan.spend(self.session, tx.hz, tx.airtime_ms, self.now_s)
        return tx

    def accepts(self, frame):
        """A frame arrives while a Join-Accept is awaited."""
        good = join.accept(self.session, self.plan, self.keys, self.nonce, frame, self.last_join_nonce, self.now_s)
        if good:
            self.mac = Mac(self.session, self.plan, self.entropy)
            self.remember()
        return good

    def joined(self, **fields):
        tx = self.asks()
        assert self.accepts(self.network.join_accept(tx.frame, **fields))
        return self

    def personalised(self):
        self.network.personalise(int.from_bytes(ABP[0], "big"), ABP[1], ABP[2])
        return self

    def _goes(self, tx):
        while not isinstance(tx, Tx):
            if tx is None:
                self.image = self.session.pack()
                return None
            assert tx > 0
            self.now_s += tx
            tx = self._again()
        self.remember()
        self._leaves(tx)
        tx.spent(self.session, self.plan, self.now_s)
        self.image = self.session.pack()
        self.tx = tx
        return self.network.read(tx.frame)

    def sends(self, payload=b"reading", fport=1, confirmed=False):
        """A message leaves, however long it has to wait; what the network reads."""
        self._again = lambda: self.mac.uplink(fport, payload, confirmed, self.now_s)
        return self._goes(self._again())

    def repeats(self):
        """The windows were silent: what the network reads of the next try, None when there is none."""
        self._again = lambda: self.mac.again(self.now_s)
        return self._goes(self._again())

    def silence(self):
        """All tries of the message under way go unanswered: how many more there were."""
        count = 0
        while self.repeats():
            count += 1
        return count

    def hears(self, frame, snr_db=5, window=0):
        found = self.mac.heard(frame, snr_db, self.now_s, window)
        if found:
            self.remember()
        return found

    def told(self, fopts, snr_db=5):
        """An uplink, and MAC commands in its answer; then the answers in the next uplink."""
        self.sends()
        assert self.hears(self.network.down(fopts=fopts), snr_db), "not accepted"
        return self.sends().fopts


def fuzz(name, frames):
    """A joined node hears `frames`, one after the other: (what heard() said, whether the session changed) for each."""
    node = Node(name).joined()
    found = []
    for index, frame in enumerate(frames):
        if node.mac.again(node.now_s) is None:
            node.sends(b"x", 1 if node.mac.room() else None)
        before = node.session.pack()
        heard = node.mac.heard(frame, index % 60 - 30, node.now_s, index & 1)
        found.append((heard, node.session.pack() != before))
        assert recall(node.session.pack(), name, OTAA)
    return found


def trace(name, acts):
    """What a node sends in a life of (act, number) pairs; the network checks each frame, nonce and counter."""
    node = Node(name).joined()
    found = []
    for act, number in acts:
        if act == "up":
            up = node.sends(bytes(number % (node.mac.room() + 1)), confirmed=bool(number & 1))
            found.append((up.fcnt, up.fopts, node.tx.hz, node.tx.dr, node.tx.eirp_dbm))
        elif act == "again":
            node.repeats()
        elif act == "down" and node.session.fcnt_up:
            node.hears(node.network.down(fopts=number.to_bytes(15, "big"), ack=number & 1))
        elif act == "wake":
            node.now_s += number % 100000
            node.wake()
        elif act == "power":
            node.lose_power()
            node.wake()
            if not node.session.joined:
                node.joined()
        elif act == "join":
            node.joined()
    return found
