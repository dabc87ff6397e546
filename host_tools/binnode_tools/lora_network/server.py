"""A small LoRaWAN 1.0.4 network server in virtual time: joins, uplinks, downlinks, MAC commands, ADR.

It also watches: whatever a device must never do (a nonce or counter used twice, a frame that nobody can verify) is a
finding. Gateways are attached to it; the air's agenda is its clock.
"""

import base64
import random
from collections import deque
from collections.abc import Callable

from binnode_tools.lora_network import adr, commands, downlinks, frames
from binnode_tools.lora_network.answers import Answers
from binnode_tools.lora_network.devices import Device, Message, Request, Session, new_session
from binnode_tools.lora_network.downlinks import Copy, Transmitter
from binnode_tools.lora_network.gateway import Gateway
from binnode_tools.lora_network.regions import Region
from binnode_tools.virtual_board.radios.air import Air
from binnode_tools.virtual_board.radios.audit import Finding
from binnode_tools.virtual_board.radios.burst import SNR_LIMIT_DB

GPS_EPOCH_UNIX_S = 315_964_800
LEAP_SECONDS = 18
OnUplink = Callable[[Device, int | None, bytes, int, int, dict], None]


class NetworkServer:
    """One network in one region.

    rx1_delay_s, rx1_offset, rx2_dr: what joins set devices to; sub_band: of a fixed plan; unix_at_0_s: the time of day
    at the world's 0. `on_uplink(device, fport, payload, fcnt, end_us, rxpk)` gets every new application payload once.
    """

    def __init__(
        self,
        region: Region,
        air: Air,
        *,
        sub_band: int = 2,
        rx1_delay_s: int = 1,
        rx1_offset: int = 0,
        rx2_dr: int | None = None,
        use_adr: bool = True,
        dedup_us: int = 200_000,
        net_id: int = 0x000013,
        unix_at_0_s: int = 1_767_225_600,
        seed: str = "1",
    ):
        self.region, self.air, self.sub_band = region, air, sub_band
        self.rx1_delay_s, self.rx1_offset = rx1_delay_s, rx1_offset
        self.rx2_dr = region.rx2_dr if rx2_dr is None else rx2_dr
        self.use_adr, self.dedup_us, self.net_id, self.unix_at_0_s = use_adr, dedup_us, net_id, unix_at_0_s
        self.devices: list[Device] = []
        self.transmitter = Transmitter(region)
        self.answers = Answers(region)
        self.findings: list[Finding] = []
        self.on_uplink: OnUplink | None = None
        self.on_join: Callable[[Device, int], None] | None = None
        self.on_join_request: Callable[[bytes, bytes], None] | None = None  # DevEUI, JoinEUI, before it is looked up
        # Told of UplinkDwellTime at a join, when a request that lifts it goes out, and when it is answered.
        self.on_dwell: Callable[[Device, bool], None] | None = None
        self.strangers = 0  # frames of addresses that nobody here has
        self._copies: dict[bytes, list[Copy]] = {}
        self._addresses = random.Random(f"{seed}/addresses")

    # What the outside does with it.

    def attach(self, gateway: Gateway) -> None:
        gateway.on_uplink = self.uplink

    def add(self, device: Device) -> Device:
        """OTAA with an app_key; ABP with a session (see abp())."""
        self.devices.append(device)
        return device

    def abp(self, device: Device, dev_addr: int, nwk_s_key: bytes, app_s_key: bytes) -> Device:
        """Give it a session by personalization. The device knows the region's defaults and nothing else."""
        device.session = new_session(self.region, dev_addr, (nwk_s_key, app_s_key))
        device.session.channels = dict(enumerate(self.region.default_hz))
        return self.add(device)

    def send(self, device: Device, fport: int, payload: bytes, confirmed: bool = False) -> Message:
        """Queue a message; it goes out after the next uplink that leaves room for it."""
        message = Message(fport, payload, confirmed)
        device.queue.append(message)
        return message

    def request(self, device: Device, data: bytes) -> None:
        """Queue a MAC request (commands.py), or a block of them; `device.answers` gets what the device says."""
        device.requests.append(Request(data))

    def forget(self, device: Device, nonces: bool = False) -> None:
        """The network has lost the session, `nonces`: and its memory of joins."""
        device.session = device.joining = None
        device.requests.clear()
        if nonces:
            device.last_dev_nonce, device.join_nonce = None, 0

    def gps_us(self, now_us: int) -> int:
        return (self.unix_at_0_s - GPS_EPOCH_UNIX_S + LEAP_SECONDS) * 1_000_000 + now_us

    def find(self, device: Device | None, at_us: int, text: str) -> None:
        self.findings.append(Finding(device.name if device else "network", at_us, text))

    # Reception.

    def uplink(self, gateway: Gateway, rxpk: dict, now_us: int) -> None:
        """A gateway has received something. All gateways' copies of it are looked at together, a little later."""
        frame = base64.b64decode(rxpk["data"])
        copies = self._copies.setdefault(frame, [])
        copies.append(Copy(gateway, rxpk, now_us))
        if len(copies) == 1:
            self.air.at(now_us + self.dedup_us, lambda: self._process(frame, now_us + self.dedup_us))

    def _process(self, frame: bytes, now_us: int) -> None:
        copies = sorted(self._copies.pop(frame), key=lambda copy: -copy.rxpk["lsnr"])
        try:
            parsed = frames.parse(frame)
        except frames.FrameError as error:
            self.find(None, copies[0].end_us, f"{frame.hex()}: {error}")
            return
        dr = self.region.uplink_dr(copies[0].rxpk["datr"])
        if dr is None:
            self.find(None, copies[0].end_us, f"{copies[0].rxpk['datr']} is no uplink data rate here")
        elif isinstance(parsed, frames.JoinRequest):
            self._join(parsed, copies, dr, now_us)
        else:
            self._data(parsed, copies, dr, now_us)

    # Joins.

    def _join(self, request: frames.JoinRequest, copies: list[Copy], dr: int, now_us: int) -> None:
        end_us = copies[0].end_us
        if self.on_join_request:
            self.on_join_request(request.dev_eui, request.join_eui)
        device = next((device for device in self.devices if device.dev_eui == request.dev_eui), None)
        if device is None or device.app_key is None or device.join_eui != request.join_eui:
            self.find(device, end_us, f"a Join-Request of {request.dev_eui.hex()}, which is not registered so")
            return
        if not request.is_from(device.app_key):
            self.find(device, end_us, "a Join-Request with a wrong MIC")
            return
        device.join_requests += 1
        last = device.last_dev_nonce
        if last is not None and request.dev_nonce <= last:
            self.find(device, end_us, f"DevNonce {request.dev_nonce} after {last}: used twice, or stepped back")
            return
        device.last_dev_nonce = request.dev_nonce
        device.join_nonce += 1
        session = self._joined(device, request.dev_nonce)
        device.joining = session
        frame = frames.join_accept(
            device.app_key,
            device.join_nonce,
            self.net_id,
            session.dev_addr,
            self.rx1_offset << 4 | self.rx2_dr,
            self.rx1_delay_s,
            self._cf_list(),
        )
        hz = round(copies[0].rxpk["freq"] * 1e6)
        self.transmitter.send(copies, downlinks.join_windows(self.region, hz, dr), lambda _: frame, now_us)

    def _joined(self, device: Device, dev_nonce: int) -> Session:
        assert device.app_key
        keys = frames.crypto.session_keys(device.app_key, device.join_nonce, self.net_id, dev_nonce)
        # DevAddr: the seven bits of the network's identifier, then ours.
        dev_addr = (self.net_id & 0x3F) << 25 | self._addresses.getrandbits(25)
        session = new_session(
            self.region,
            dev_addr,
            keys,
            rx1_offset=self.rx1_offset,
            rx2_dr=self.rx2_dr,
            rx1_delay_s=max(self.rx1_delay_s, 1),
        )
        session.channels = dict(enumerate((*self.region.default_hz, *self.region.cf_hz)))
        return session

    def _cf_list(self) -> bytes:
        if self.region.fixed:
            first = 8 * (self.sub_band - 1)
            return frames.cf_list_masks({*range(first, first + 8), 63 + self.sub_band})
        return frames.cf_list_channels(self.region.cf_hz) if self.region.cf_hz else b""

    # Data.

    def _data(self, uplink: frames.Uplink, copies: list[Copy], dr: int, now_us: int) -> None:
        end_us = copies[0].end_us
        device, session, fcnt = self._sender(uplink, end_us)
        if device is None or session is None:
            return
        if session is device.joining:
            device.session, device.joining = session, None
            device.requests = deque(request for request in device.requests if not request.tries)
            device.joins += 1
            if self.on_join:
                self.on_join(device, end_us)
            self._dwell(device, session.up_dwell)
        device.last_us = end_us
        repeated = session.fcnt_up == fcnt
        payload = uplink.decrypt(*session.keys, fcnt)
        found, rest = commands.parse(uplink.fopts + (payload if uplink.fport == 0 else b""))
        if repeated:
            device.repeats += 1
        else:
            self._new(device, session, uplink, fcnt, copies)
            if rest:
                self.find(device, end_us, f"a MAC command that no device has: {rest.hex()}")
            for problem in self.answers.take(device, session, found, end_us):
                self.find(device, end_us, problem)
            if any(cid == commands.TX_PARAM_SETUP for cid, _ in found):
                self._dwell(device, session.up_dwell)
            if not downlinks.settle(device, bool(uplink.control & frames.ACK)):
                self.find(device, end_us, "an ACK, but no confirmed downlink had been sent")
            if uplink.fport is not None and uplink.fport > 224:
                self.find(device, end_us, f"FPort {uplink.fport} is reserved")
            if uplink.fport != 0 and self.on_uplink:
                self.on_uplink(device, uplink.fport, payload, fcnt, end_us, copies[0].rxpk)
            session.rates.append(dr)
            if self.use_adr and uplink.control & frames.ADR and not _is_retry(session, uplink.confirmed):
                self._adapt(device, session, dr)
        self._answer(device, session, uplink, found, copies, dr, now_us)

    def _sender(self, uplink: frames.Uplink, end_us: int) -> tuple[Device | None, Session | None, int]:
        """Whose it is, in which session, with which 32-bit counter; Nones: it is not to be used."""
        known = False
        for device in self.devices:
            for session in (device.joining, device.session):
                if session is None or session.dev_addr != uplink.dev_addr:
                    continue
                known = True
                last = session.fcnt_up
                fcnt = uplink.fcnt16 if last is None else (last & ~0xFFFF) | uplink.fcnt16
                if last is not None and fcnt < last:
                    if uplink.is_from(session.nwk_s_key, fcnt):
                        self.find(device, end_us, f"FCntUp {fcnt} after {last}: stepped back")
                        return None, None, 0
                    fcnt += 0x10000
                if not uplink.is_from(session.nwk_s_key, fcnt):
                    continue
                if fcnt == last and uplink.signed != session.last_frame:
                    self.find(device, end_us, f"FCntUp {fcnt} used twice, for different frames")
                    return None, None, 0
                return device, session, fcnt
        if known:
            self.find(None, end_us, f"an uplink of {uplink.dev_addr:08x} with a wrong MIC")
        self.strangers += not known
        return None, None, 0

    def _new(self, device: Device, session: Session, uplink: frames.Uplink, fcnt: int, copies: list[Copy]) -> None:
        """A counter that has not been seen."""
        device.uplinks += 1
        device.missed += fcnt - (-1 if session.fcnt_up is None else session.fcnt_up) - 1
        session.fcnt_up, session.last_frame = fcnt, uplink.signed
        session.heard.append((fcnt, copies[0].rxpk["lsnr"]))

    def _adapt(self, device: Device, session: Session, dr: int) -> None:
        """Ask for another data rate or power when the algorithm says so; not again before 20 more uplinks."""
        if dr < session.dr:  # it has backed off, to full power first
            session.power = 0
            session.heard.clear()
        session.dr = dr
        if any(request.data[0] == commands.LINK_ADR for request in device.requests):
            return
        wanted = adr.next_setting(self.region, session, dr)
        if wanted == (dr, session.power, session.nb_trans):
            return
        session.heard.clear()
        for data in self.link_adr(session, *wanted):
            self.request(device, data)

    def link_adr(self, session: Session, dr: int, power: int, nb_trans: int) -> list[bytes]:
        """The block of LinkADRReqs for a setting, with the channels of this network."""
        if not self.region.fixed:
            mask = sum(1 << index for index in session.channels)
            return [commands.link_adr(dr, power, mask, 0, nb_trans)]
        block, bit = divmod(8 * (self.sub_band - 1), 16)
        off = commands.link_adr(dr, power, 1 << (self.sub_band - 1), 7, nb_trans)
        return [off + commands.link_adr(dr, power, 0xFF << bit, block, nb_trans)]

    def _answer(
        self,
        device: Device,
        session: Session,
        uplink: frames.Uplink,
        found: list[tuple[int, bytes]],
        copies: list[Copy],
        dr: int,
        now_us: int,
    ) -> None:
        """Send whatever the device is owed, if anything."""
        answers = b""
        for cid, _ in found:
            if cid == commands.LINK_CHECK:
                margin_db = copies[0].rxpk["lsnr"] - SNR_LIMIT_DB[self.region.rates[dr][0]]
                answers += commands.link_check_answer(round(margin_db), len(copies))
            elif cid == commands.DEVICE_TIME:
                answers += commands.device_time_answer(self.gps_us(copies[0].end_us))
        wanted = uplink.confirmed or uplink.control & frames.ADR_ACK_REQ
        if not (wanted or answers or device.queue or device.requests):
            return
        composed: dict[int, downlinks.Downlink] = {}

        def frame_at(window_dr: int) -> bytes:
            composed[window_dr] = downlinks.compose(self.region, device, window_dr, answers, uplink.confirmed)
            return composed[window_dr].frame

        hz = round(copies[0].rxpk["freq"] * 1e6)
        sent = self.transmitter.send(copies, downlinks.windows(self.region, session, hz, dr), frame_at, now_us)
        if sent:
            downlinks.went_out(device, composed[sent.dr])
            asked = [r.data for r in composed[sent.dr].requests if r.data[0] == commands.TX_PARAM_SETUP]
            if any(not data[1] & 0x10 for data in asked):
                self._dwell(device, False)

    def _dwell(self, device: Device, limited: bool) -> None:
        if self.on_dwell:
            self.on_dwell(device, limited)


def _is_retry(session: Session, confirmed: bool) -> bool:
    """A confirmed message goes down after every second try for want of its ACK. A third frame there is the back-off."""
    dr = session.rates[-1]
    return confirmed and dr < session.dr and list(session.rates) != [dr] * 3
