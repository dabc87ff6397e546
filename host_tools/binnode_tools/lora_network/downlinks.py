"""How a downlink leaves: what goes into it, in which window, by which gateway, within the gateway's own duty cycle."""

import base64
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from binnode_tools.lora_network import frames
from binnode_tools.lora_network.devices import Device, Message, Request, Session
from binnode_tools.lora_network.gateway import Gateway
from binnode_tools.lora_network.regions import Region
from binnode_tools.virtual_board.radios.burst import airtime_us

_HOUR_US = 3600 * 1_000_000
_FOPTS = 15
_TRIES = 3  # of a request without an answer, and of a confirmed message without an acknowledgement


@dataclass(frozen=True)
class Copy:
    """One gateway's reception of an uplink."""

    gateway: Gateway
    rxpk: dict
    end_us: int


@dataclass(frozen=True)
class Window:
    """`delay_us` after the end of the uplink."""

    delay_us: int
    hz: int
    dr: int


@dataclass
class Downlink:
    """A composed data frame, and what of the device's queues is in it."""

    frame: bytes
    message: Message | None
    requests: list[Request]


def windows(region: Region, session: Session, hz: int, dr: int) -> list[Window]:
    """RX1 and RX2 after a data uplink."""
    rx1_hz, rx1_dr = region.rx1(hz, dr, session.rx1_offset, session.down_dwell)
    delay_us = session.rx1_delay_s * 1_000_000
    rx1 = Window(delay_us, session.down_hz.get(hz, rx1_hz), rx1_dr)
    return [rx1, Window(delay_us + 1_000_000, session.rx2_hz, session.rx2_dr)]


def join_windows(region: Region, hz: int, dr: int) -> list[Window]:
    return [Window(5_000_000, *region.rx1(hz, dr)), Window(6_000_000, region.rx2_hz, region.rx2_dr)]


def room(region: Region, session: Session, dr: int) -> int:
    """The longest FRMPayload with empty FOpts."""
    table = region.room_dwell if session.down_dwell and region.room_dwell else region.room
    return table.get(dr, 0)


def compose(region: Region, device: Device, dr: int, answers: bytes, ack: bool) -> Downlink:
    """The next downlink of a device that has a session. Commands go first, then the oldest message that still fits."""
    session = device.session
    assert session
    longest = room(region, session, dr)
    requests: list[Request] = []
    fopts = answers
    for request in device.requests:
        if len(fopts) + len(request.data) > min(_FOPTS, longest):
            break
        requests.append(request)
        fopts += request.data
    message = device.queue[0] if device.queue else None
    fits = message is not None and len(message.payload) + len(fopts) <= longest
    control = frames.ADR | (frames.ACK if ack else 0)
    if len(device.queue) > fits or len(device.requests) > len(requests):
        control |= frames.PENDING
    carried = message if fits else None
    frame = frames.downlink(
        session.keys,
        session.dev_addr,
        session.fcnt_down,
        confirmed=carried is not None and carried.confirmed,
        control=control,
        fopts=fopts,
        fport=carried.fport if carried else None,
        payload=carried.payload if carried else b"",
    )
    return Downlink(frame, carried, requests)


def went_out(device: Device, downlink: Downlink) -> None:
    """A gateway has taken it: counters and queues move on. What wants an answer stays until that comes."""
    assert device.session
    device.session.fcnt_down += 1
    device.downlinks += 1
    for request in downlink.requests:
        request.tries += 1
    message = downlink.message
    if message is None:
        return
    message.tries += 1
    message.state = "sent"
    if not message.confirmed:
        device.queue.popleft()


def settle(device: Device, acked: bool) -> bool:
    """With the device's next new uplink: is the confirmed message acknowledged; has anything been tried too often?
    False: it acknowledges what nobody sent."""
    awaited = bool(device.queue) and device.queue[0].state == "sent"
    if awaited:
        message = device.queue[0]
        if acked or message.tries >= _TRIES:
            message.state = "delivered" if acked else "failed"
            device.queue.popleft()
    device.requests = deque(request for request in device.requests if request.tries < _TRIES)
    return awaited or not acked


class Transmitter:
    """Chooses window and gateway. `only`: 1 or 2 for one window alone, 0 for both, RX1 first."""

    def __init__(self, region: Region, only: int = 0):
        self.region, self.only = region, only
        self.refusals: Counter[str] = Counter()
        self._spent: dict[tuple[str, str], deque[tuple[int, int]]] = defaultdict(deque)

    def send(
        self, copies: list[Copy], windows: list[Window], frame_at: Callable[[int], bytes | None], now_us: int
    ) -> Window | None:
        """The window that it goes out in; None: no gateway could. frame_at(dr): the frame for that data rate."""
        chosen = windows if not self.only else [windows[self.only - 1]]
        for window in chosen:
            frame = frame_at(window.dr)
            if frame is None:
                continue
            for copy in copies:
                error = self._try(copy, window, frame, now_us)
                if error == "NONE":
                    return window
                self.refusals[error] += 1
        return None

    def _try(self, copy: Copy, window: Window, frame: bytes, now_us: int) -> str:
        region, gateway = self.region, copy.gateway
        sf, bw_khz = region.rates[window.dr]
        lasts_us = airtime_us(sf, bw_khz, len(frame), crc=False)
        start_us = copy.end_us + window.delay_us
        band = region.band(window.hz)
        spent = self._spent[gateway.name, band.name if band else ""]
        if band and band.duty < 1:
            while spent and spent[0][0] < start_us - _HOUR_US:
                spent.popleft()
            if sum(us for _, us in spent) + lasts_us > band.duty * _HOUR_US:
                return "DUTY_CYCLE"
        txpk = {
            "imme": False,
            "tmst": (copy.rxpk["tmst"] + window.delay_us) % (1 << 32),
            "freq": window.hz / 1e6,
            "rfch": 0,
            "powe": region.down_dbm(window.hz),
            "modu": "LORA",
            "datr": region.datr(window.dr),
            "codr": "4/5",
            "ipol": True,
            "ncrc": True,
            "size": len(frame),
            "data": base64.b64encode(frame).decode(),
        }
        error = gateway.send(txpk, now_us)
        if error == "NONE":
            spent.append((start_us + lasts_us, lasts_us))
        return error
