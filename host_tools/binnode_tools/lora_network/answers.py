"""What a device's answers to MAC requests change in the network's picture of it."""

from binnode_tools.lora_network import commands
from binnode_tools.lora_network.devices import Answer, Device, Session
from binnode_tools.lora_network.regions import Region


class Answers:
    """Matches answers with requests. An answer may come again: sticky ones do until a downlink arrives, and a message
    that is sent anew, for want of its ACK, has them with it."""

    def __init__(self, region: Region):
        self.region = region
        self._answered: set[tuple[str, int]] = set()

    def take(self, device: Device, session: Session, found: list[tuple[int, bytes]], at_us: int) -> list[str]:
        """Record and apply them. The problems found: answers that nobody asked for, blocks answered in part."""
        problems, position = [], 0
        while position < len(found):
            cid, payload = found[position]
            position += 1
            if cid in (commands.LINK_CHECK, commands.DEVICE_TIME):
                continue
            request = next((r for r in device.requests if r.data[0] == cid and r.tries), None)
            name = commands.FROM_DEVICE[cid][0]
            if request is None:
                if (device.name, cid) not in self._answered:
                    problems.append(f"{name} without a request")
                continue
            device.requests.remove(request)
            answer = Answer(at_us, cid, payload, request.data)
            device.answers.append(answer)
            if cid == commands.LINK_ADR:
                block = [payload]
                while position < len(found) and found[position][0] == cid and len(block) < len(request.data) // 5:
                    block.append(found[position][1])
                    position += 1
                if len(block) != len(request.data) // 5 or len(set(block)) > 1:
                    problems.append(f"a block of {len(request.data) // 5} LinkADRReqs answered with {block}")
            self._answered.add((device.name, cid))
            if answer.accepted:
                self._apply(device, session, cid, payload, request.data)
        return problems

    def _apply(self, device: Device, session: Session, cid: int, payload: bytes, request: bytes) -> None:
        if cid == commands.LINK_ADR:
            power, nb_trans = request[-4] & 15, request[-1] & 15
            if power != commands.UNCHANGED:
                session.power = power
            session.nb_trans = nb_trans or session.nb_trans
        elif cid == commands.RX_PARAM_SETUP:
            session.rx1_offset, session.rx2_dr = request[1] >> 4 & 7, request[1] & 15
            session.rx2_hz = _hz(request[2:5])
        elif cid == commands.RX_TIMING_SETUP:
            session.rx1_delay_s = request[1] & 15 or 1
        elif cid == commands.TX_PARAM_SETUP:
            session.up_dwell, session.down_dwell = bool(request[1] & 0x10), bool(request[1] & 0x20)
        elif cid == commands.NEW_CHANNEL:
            if _hz(request[2:5]):
                session.channels[request[1]] = _hz(request[2:5])
            else:
                session.channels.pop(request[1], None)
        elif cid == commands.DL_CHANNEL and request[1] in session.channels:
            session.down_hz[session.channels[request[1]]] = _hz(request[2:5])
        elif cid == commands.DEV_STATUS:
            margin = payload[1] & 63
            device.battery, device.margin_db = payload[0], margin - 64 if margin > 31 else margin


def _hz(data: bytes) -> int:
    return int.from_bytes(data, "little") * 100
