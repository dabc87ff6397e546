"""What the network knows of a device: its keys, its session, what it has been sent and asked."""

from collections import deque
from dataclasses import dataclass, field

from binnode_tools.lora_network import commands
from binnode_tools.lora_network.regions import Region

HISTORY = 20  # uplinks that ADR looks at


@dataclass
class Message:
    """For the device. `state`: waiting, sent, delivered (acknowledged), failed."""

    fport: int
    payload: bytes
    confirmed: bool = False
    state: str = "waiting"
    tries: int = 0


@dataclass
class Request:
    """A MAC request, or a block of them; it is repeated until an answer comes or `tries` are used up."""

    data: bytes
    tries: int = 0


@dataclass
class Answer:
    """What a device said with a MAC command; `payload` as it came."""

    at_us: int
    cid: int
    payload: bytes
    request: bytes | None

    @property
    def name(self) -> str:
        return commands.FROM_DEVICE[self.cid][0]

    @property
    def accepted(self) -> bool:
        full = commands.ACCEPTED.get(self.cid)
        return full is None or (bool(self.payload) and self.payload[0] & full == full)


@dataclass(eq=False)
class Session:
    """From a join (or for ever, ABP). Parameters are what the device uses by all that it has confirmed."""

    dev_addr: int
    nwk_s_key: bytes
    app_s_key: bytes
    rx1_offset: int
    rx2_dr: int
    rx2_hz: int
    rx1_delay_s: int
    up_dwell: bool
    down_dwell: bool = False
    power: int = 0
    nb_trans: int = 1
    fcnt_up: int | None = None  # the last one accepted
    last_frame: bytes = b""
    fcnt_down: int = 0  # the next one
    channels: dict[int, int] = field(default_factory=dict)  # index -> Hz, of a dynamic plan
    down_hz: dict[int, int] = field(default_factory=dict)  # uplink Hz -> Hz of RX1, by DlChannelReq
    heard: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=HISTORY))  # (FCntUp, best SNR)
    dr: int = 0  # as the device sends by itself
    rates: deque[int] = field(default_factory=lambda: deque(maxlen=3))  # of the last uplinks

    @property
    def keys(self) -> tuple[bytes, bytes]:
        return self.nwk_s_key, self.app_s_key


@dataclass(eq=False)
class Device:
    """A device of the network. EUIs as printed; app_key None: ABP."""

    name: str
    dev_eui: bytes
    join_eui: bytes = bytes(8)
    app_key: bytes | None = None
    session: Session | None = None
    joining: Session | None = None  # from a Join-Accept on, until the device uses it
    last_dev_nonce: int | None = None
    join_nonce: int = 0
    queue: deque[Message] = field(default_factory=deque)
    requests: deque[Request] = field(default_factory=deque)
    answers: list[Answer] = field(default_factory=list)
    battery: int | None = None  # of the last DevStatusAns
    margin_db: int | None = None
    # Counters for reports.
    join_requests: int = 0
    joins: int = 0
    uplinks: int = 0
    repeats: int = 0
    downlinks: int = 0
    missed: int = 0  # counter values that never arrived
    last_us: int = 0


def new_session(region: Region, dev_addr: int, keys: tuple[bytes, bytes], **overrides: int) -> Session:
    """With the region's defaults, as after a reset of the device; `overrides`: what the Join-Accept said."""
    settings: dict = {
        "rx1_offset": 0,
        "rx2_dr": region.rx2_dr,
        "rx2_hz": region.rx2_hz,
        "rx1_delay_s": 1,
        "up_dwell": region.dwell_at_start,
        **overrides,
    }
    return Session(dev_addr, *keys, **settings)
