"""The firmware's MAC on the host's air and in the host's network: a node without its chip, whose clock may be off."""

from binnode.lorawan import join, restart
from binnode.lorawan.mac import Mac
from binnode.lorawan.tx import Tx
from binnode_tools.lora_network.devices import Device
from binnode_tools.virtual_board.radios.burst import Burst, Tuning, symbol_us
from lorawan_node import OTAA, Node

S = 1_000_000
PLACE = "bin"


class MacNode(Node):
    """`rate`: the speed of its clock. t: the true time, us. started: the message under way has been on the air."""

    started = False

    def __init__(self, network, name, sub_band=0, rate=1.0, seed=1):
        self.net, self.rate, self.t = network, rate, 1000 * S
        app_key, join_eui, dev_eui = OTAA
        self.device = network.server.add(Device(PLACE, dev_eui, join_eui, app_key))
        super().__init__(name, OTAA, sub_band, now_s=0, seed=seed)

    @property
    def now_s(self):
        return int(self.t * self.rate) // S

    @now_s.setter
    def now_s(self, value):
        """The clock is the air's."""

    def wait(self, seconds):
        self.t += int(seconds / self.rate * S) + S

    def on_air(self, tx, hear):
        """Transmit, and listen in both windows until hear(frame, snr_db, window) is content: what it says, or None."""
        air = self.net.air
        self.t += tx.pause_ms * 1000
        if tx.lbt:
            from_us, self.t = self.t, self.t + tx.lbt[1] * 1000 + 500
            air.listened(PLACE, tx.hz, from_us, self.t, air.rssi_dbm(PLACE, tx.hz, tx.bw_khz, self.t))
        burst = Burst(tx.hz, tx.sf, tx.bw_khz, tx.frame, tx.eirp_dbm, self.t)
        air.transmit(PLACE, burst)
        self.t = burst.end_us
        for window, (delay_ms, hz, sf, bw_khz, _) in enumerate(tx.windows):
            symbol = symbol_us(sf, bw_khz)
            from_us = burst.end_us + delay_ms * 1000 - 2 * symbol
            self.t = max(self.t, from_us + 10 * symbol)
            got = air.find(PLACE, Tuning(hz, sf, bw_khz), from_us, from_us + 10 * symbol)
            if got and got.crc_ok:
                self.t = got.end_us
                found = hear(got.payload, int(got.snr_db), window)
                if found:
                    return found
        return None

    def join(self, tries=50):
        """The number of Join-Requests that it took."""
        for number in range(1, tries):
            nonce, _, last = restart.nonces(self.board, self.keys)
            tx = join.request(self.session, self.plan, self.keys, nonce, self.now_s, self.entropy)
            while not isinstance(tx, Tx):
                self.wait(tx)
                tx = join.request(self.session, self.plan, self.keys, nonce, self.now_s, self.entropy)
            restart.reserve(self.board, self.keys, nonce)

            def hear(frame, _snr_db, _window, nonce=nonce, last=last):
                return join.accept(self.session, self.plan, self.keys, nonce, frame, last, self.now_s)

            accepted = self.on_air(tx, hear)
            self.plan.spend(self.session, tx.hz, tx.airtime_ms, self.now_s)
            if accepted:
                self.mac = Mac(self.session, self.plan, self.entropy)
                self.remember()
                return number
        raise AssertionError("never joined")

    def report(self, payload, confirmed):
        """One wake's uplink with its repeats."""
        self.wake()
        mac = self.mac
        tx = mac.uplink(1, payload, confirmed, self.now_s)
        while tx is not None:
            if not isinstance(tx, Tx):
                self.wait(tx)
                tx = mac.again(self.now_s) if self.started else mac.uplink(1, payload, confirmed, self.now_s)
                continue
            self.started = True
            self.remember()
            heard = self.on_air(tx, lambda frame, snr_db, window: mac.heard(frame, snr_db, self.now_s, window))
            tx.spent(self.session, self.plan, self.now_s)
            tx = None if heard else mac.again(self.now_s)
        self.started = False
        self.remember()

    def run(self, until_s, every_s=900):
        """Report until then; every 24th report asks for an ACK. Joins anew when the network has forgotten it."""
        count = 0
        while self.t < until_s * S:
            next_us = self.t + every_s * S
            self.report(count.to_bytes(4, "big"), count % 24 == 0)
            if self.session.lost(self.now_s):
                self.join()
            count += 1
            self.t = max(self.t, next_us)
        return count
