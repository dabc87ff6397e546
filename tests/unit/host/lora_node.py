"""A LoRaWAN device for the tests of the network side: as little of one as an uplink, its windows and a join need."""

from dataclasses import dataclass, field

from binnode_tools.lora_network import crypto, setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.setup import Network
from binnode_tools.virtual_board.radios.burst import Burst, Tuning, symbol_us
from binnode_tools.virtual_board.radios.city import City

APP_KEY = bytes(range(16))
DEV_EUI = bytes.fromhex("70b3d57ed0000001")
JOIN_EUI = bytes.fromhex("0011223344556677")
S = 1_000_000


@dataclass
class Down:
    """A downlink that the device understood."""

    window: int
    fcnt: int
    control: int
    fopts: bytes
    fport: int | None
    payload: bytes
    confirmed: bool


@dataclass
class Node:
    """Sends on `hz` at `dr`; hears what its windows let it hear."""

    network: Network
    place: str = "bin"
    hz: int = 868_100_000
    dr: int = 5
    dbm: float = 14.0
    dev_nonce: int = 0
    dev_addr: int = 0
    keys: tuple[bytes, bytes] = (b"", b"")
    fcnt: int = 0
    rx1_offset: int = 0
    rx2_hz: int = 0
    rx2_dr: int = 0
    rx1_delay_s: int = 1
    accept: bytes = b""
    power: int = 0
    heard: list[Down] = field(default_factory=list)
    got: list[tuple] = field(default_factory=list)  # what the server's application got

    def __post_init__(self):
        region = self.network.server.region
        self.rx2_hz, self.rx2_dr = self.rx2_hz or region.rx2_hz, self.rx2_dr or region.rx2_dr
        self.device = Device(self.place, DEV_EUI, JOIN_EUI, APP_KEY)
        self.network.server.add(self.device)

    def transmit(self, frame, at_us):
        sf, bw_khz = self.network.server.region.rates[self.dr]
        burst = Burst(self.hz, sf, bw_khz, frame, self.dbm, at_us)
        self.network.air.transmit(self.place, burst)
        return burst

    def listen(self, window, opens_us, hz, dr):
        """What arrives in a window of ten symbols that opens two before its time."""
        sf, bw_khz = self.network.server.region.rates[dr]
        symbol = symbol_us(sf, bw_khz)
        got = self.network.air.find(self.place, Tuning(hz, sf, bw_khz), opens_us - 2 * symbol, opens_us + 8 * symbol)
        return got.payload if got and got.crc_ok else None

    def windows(self, burst, delay_us):
        rx1 = self.network.server.region.rx1(self.hz, self.dr, self.rx1_offset)
        for window, (hz, dr) in enumerate((rx1, (self.rx2_hz, self.rx2_dr)), 1):
            frame = self.listen(window, burst.end_us + delay_us + (window - 1) * S, hz, dr)
            if frame is not None:
                return window, frame
        return 0, None

    def join(self, at_us, dev_nonce=None, key=APP_KEY):
        """The window of the Join-Accept (0: none came)."""
        nonce = self.dev_nonce if dev_nonce is None else dev_nonce
        self.dev_nonce = nonce + 1
        message = b"\x00" + JOIN_EUI[::-1] + DEV_EUI[::-1] + nonce.to_bytes(2, "little")
        burst = self.transmit(message + crypto.cmac(key, message)[:4], at_us)
        region = self.network.server.region
        rx2 = self.rx2_hz, self.rx2_dr
        self.rx2_hz, self.rx2_dr = region.rx2_hz, region.rx2_dr
        offset, self.rx1_offset = self.rx1_offset, 0
        window, frame = self.windows(burst, 5 * S)
        if frame is None:
            (self.rx2_hz, self.rx2_dr), self.rx1_offset = rx2, offset
            return 0
        plain = crypto.encrypt_ecb(APP_KEY, frame[1:])
        assert crypto.cmac(APP_KEY, frame[:1] + plain[:-4])[:4] == plain[-4:]
        self.accept = plain
        join_nonce, net_id = int.from_bytes(plain[:3], "little"), int.from_bytes(plain[3:6], "little")
        self.dev_addr = int.from_bytes(plain[6:10], "little")
        self.keys = crypto.session_keys(APP_KEY, join_nonce, net_id, nonce)
        self.rx1_offset, self.rx2_dr, self.rx1_delay_s = plain[10] >> 4, plain[10] & 15, plain[11] or 1
        self.fcnt = 0
        return window

    def frame(self, payload=b"", fport=1, confirmed=False, control=0, fopts=b"", fcnt=None):
        fcnt = self.fcnt if fcnt is None else fcnt
        message = bytes([0x80 if confirmed else 0x40]) + self.dev_addr.to_bytes(4, "little")
        message += bytes([control | len(fopts)]) + (fcnt & 0xFFFF).to_bytes(2, "little") + fopts
        if fport is not None:
            key = self.keys[1] if fport else self.keys[0]
            message += bytes([fport]) + crypto.crypt(key, crypto.UP, self.dev_addr, fcnt, payload)
        return message + crypto.data_mic(self.keys[0], crypto.UP, self.dev_addr, fcnt, message)

    def send(self, at_us, frame):
        """Transmit a frame and listen. None: nothing came."""
        burst = self.transmit(frame, at_us)
        window, got = self.windows(burst, self.rx1_delay_s * S)
        self.network.air.run_to(burst.end_us + 4 * S)
        return self.understand(window, got) if got else None

    def uplink(self, at_us, payload=b"level", **how):
        """A new uplink."""
        frame = self.frame(payload, **how)
        self.fcnt += 1
        return self.send(at_us, frame)

    def understand(self, window, frame):
        message, mic = frame[:-4], frame[-4:]
        fcnt = int.from_bytes(message[6:8], "little")
        assert int.from_bytes(message[1:5], "little") == self.dev_addr
        assert crypto.data_mic(self.keys[0], crypto.DOWN, self.dev_addr, fcnt, message) == mic
        body = 8 + (message[5] & 15)
        fport, payload = (message[body], message[body + 1 :]) if len(message) > body else (None, b"")
        payload = crypto.crypt(self.keys[1] if fport else self.keys[0], crypto.DOWN, self.dev_addr, fcnt, payload)
        down = Down(window, fcnt, message[5], message[8:body], fport, payload, message[0] >> 5 == 5)
        self.heard.append(down)
        return down


UPLINK = {  # Hz and data rate of an uplink in each region
    "EU868": (868_100_000, 5),
    "US915": (903_900_000, 0),
    "AU915": (916_800_000, 2),
    "AS923-1": (923_200_000, 2),
    "AS923-2": (921_400_000, 2),
    "AS923-3": (916_600_000, 2),
    "AS923-4": (917_300_000, 2),
    "AS923-JP": (923_200_000, 2),
    "KR920": (922_100_000, 5),
    "IN865": (865_062_500, 5),
}


def a_node(name="EU868", joined=True, loss_db=100.0, gateways=1, **server):
    """A device in a network of its own, without fading; the n-th gateway hears it 10 dB less than the one before."""
    places = tuple((100.0 * n, 0.0) for n in range(gateways))
    network = setup.make(name, city=City(fade_db=0), gateways=places, **server)
    hz, dr = UPLINK[name]
    node = Node(network, hz=hz, dr=dr, dbm=min(14.0, network.server.region.max_eirp_dbm))
    for n in range(gateways):
        network.air.set_loss_db("bin", f"gateway {n + 1}", loss_db + 10 * n)
    network.server.on_uplink = lambda *what: node.got.append(what)
    if joined:
        assert node.join(S) == 1
    return node


def findings(node):
    """What the server has found wrong."""
    return [finding.text for finding in node.network.server.findings]
