"""Does the scheduled faults to a virtual board, and says afterwards which of them a wake has met."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from binnode_tools import boards
from binnode_tools.virtual_board import acts, node_kit
from binnode_tools.virtual_board.handlers import ChipError
from binnode_tools.virtual_board.network import Stream, Trouble
from binnode_tools.virtual_board.node_kit import BROKER_HOST, BROKER_PORT
from binnode_tools.virtual_board.storage import Cutter, Item
from binnode_tools.virtual_board.tls_peer import Fault as Stalling
from binnode_tools.virtual_board.wake import WakeRecord

from tests.soak import faults
from tests.soak.accounts import Accounts
from tests.soak.faults import Fault
from tests.system.scenario import Scenario

WEAK_MOHM = 8000  # old and frozen: it feeds measuring, and not the radio
NVS_NOT_ENOUGH_SPACE = -0x1105  # ESP_ERR_NVS_NOT_ENOUGH_SPACE
_LAST_ACT = 400  # of a wake that reports, about
_LAST_BYTE = 200  # of the shortest checkpoint
UNUSED_FILE, _FIND_BYTES = "binnode/service.mpy", 1024
_RECEIPTS = 24  # bytes that the broker says in a visit


class Hanging(Stream):
    """A call into the network stack that does not come back, whatever its timeout says."""

    def send(self, data: bytes, now: int) -> int:
        return len(data)

    def receive(self, size: int, now: int, deadline: int) -> tuple[bytes, int]:
        return b"", now + 10**10


class Injector:
    """`injected`: what has happened so far, each at its own time."""

    def __init__(self, node: Scenario, accounts: Accounts, todo: list[Fault]):
        self.node, self.board, self.chip, self.accounts = node, node.board, node.board.chip, accounts
        self.todo, self.injected = todo, list[Fault]()
        self.at_act: Fault | None = None  # a cut that waits for a wake with so many acts
        self.at_byte: Fault | None = None  # a cut that waits for somebody to write
        self.cutter: Cutter | None = None
        self.active: list[tuple[Fault, Callable[[], object] | None]] = []  # what lasts, and what ends it
        self.fresh_mohm = self.chip.battery.resistance_mohm
        self.connections = 0
        node.network.peers[node.network.names[BROKER_HOST], BROKER_PORT] = self.connect
        for fault in todo:
            if fault.kind.startswith("network ") and fault.kind != faults.KEY_REFUSED:
                self.outage(fault)

    # the network ---------------------------------------------------------------------------------------------------

    def outage(self, fault: Fault) -> None:
        start, end, kind = int(fault.at_s * 1e6), int(fault.end_s * 1e6), fault.kind.removeprefix("network ")
        if fault.kind == faults.LONG_OUTAGE:
            kind = faults.OUTAGES[fault.number % len(faults.OUTAGES)]
        if kind == "no access point":
            self.node.network.access_points[0].away.append((start, end))
        else:
            self.node.network.troubles.append(Trouble(start, end, kind))

    def connect(self) -> Stream:
        self.connections += 1
        if self.lasts(faults.HANG_REPORTING):
            return Hanging()
        stream = self.node.broker.connect()
        if self.lasts(faults.STALLS):
            chance = Random(f"{self.connections} stalls")
            return Stalling(stream, chance.randrange(_RECEIPTS), chance.random() < 0.5)
        return stream

    # before a wake -------------------------------------------------------------------------------------------------

    def strike(self) -> None:
        """The node sleeps, and wakes next at board.wake_at: what has happened until then?"""
        due_us = self.board.wake_at or 0
        for fault, undo in [one for one in self.active if one[0].end_s * 1e6 <= due_us]:
            if undo:
                undo()
            self.active.remove((fault, undo))
        later, struck = [], False
        for place, fault in enumerate(self.todo):
            if fault.at_s * 1e6 > due_us:
                later += self.todo[place:]
                break
            if fault.kind in (faults.CUT_AT_ACT, faults.BROWN_OUT) and not self.at_act:
                self.at_act = fault
            elif fault.kind == faults.CUT_AT_BYTE and not self.at_byte:
                self.at_byte = fault
            elif fault.end_s and not self.lasts(fault.kind) and not (struck and fault.kind == faults.FLASH):
                self.last(fault)
                self.note(fault)
                struck = struck or fault.kind == faults.FLASH
            elif not struck and self.strike_asleep(fault):
                struck = True
                self.note(fault)
            else:
                later.append(fault)  # another comes first, or there is nothing yet that could be damaged
        self.todo = later
        self.arm()

    def note(self, fault: Fault) -> None:
        at_s = fault.at_s if fault.end_s else self.chip.now / 1e6
        self.injected.append(replace(fault, at_s=at_s))

    def arm(self) -> None:
        act, byte = self.at_act, self.at_byte
        chance = Random((act or byte or Fault(0, "")).number)
        if act or byte:
            self.board.cut_power(
                # More of them early: most wakes only measure, and are over after a hundred acts.
                after_acts=int(Random(act.number).random() ** 2 * _LAST_ACT) if act else None,
                after_bytes=byte.number % _LAST_BYTE if byte else None,
                off_us=chance.randint(1, 600) * 1_000_000,
            )
        self.cutter = self.chip.nvs.cutter

    def strike_asleep(self, fault: Fault) -> bool:
        """What happens in a moment while the node sleeps; False when there is nothing that it could happen to."""
        kind, chip = fault.kind, self.chip
        if kind in (faults.CUT_ASLEEP, faults.BATTERY):
            self.lose_power(fault)
        elif kind == faults.RESET:
            self.board.reset()
        elif kind in faults.RTC:
            if not chip.rtc or not self.accounts.rtc_whole:
                return False
            chip.rtc = damaged(kind, chip.rtc, fault.number)
            self.accounts.memory_lost(kind, (self.board.wake_at or 0) / 1e6)
        elif kind == faults.CRASH_RECORD:
            return self.damage("crash", fault.number)
        elif kind == faults.CHECKPOINT:
            if not self.damage("checkpoint", fault.number):
                return False
            self.accounts.checkpoint_lost(chip)
            self.lose_power(fault)
        return kind in (faults.CUT_ASLEEP, faults.BATTERY, faults.RESET, faults.CHECKPOINT, *faults.RTC)

    def damage(self, key: str, number: int) -> bool:
        """Change a byte of a record in NVS; False when there is none."""
        live = self.chip.nvs.live
        item = live.get(("binnode", key))
        if item is None or not isinstance(item.value, bytes):
            return False
        value = bytearray(item.value)
        value[number % len(value)] ^= 0x20
        live["binnode", key] = Item(item.namespace, item.key, bytes(value), item.entries)
        return True

    def lose_power(self, fault: Fault) -> None:
        back_us = (self.board.wake_at or 0) + (1 + fault.number % 7200) * 1_000_000
        if fault.kind == faults.BATTERY:
            self.board.swap_battery(back_us)
        else:
            self.board.power_on(back_us)
        self.accounts.memory_lost(fault.kind, back_us / 1e6)

    def last(self, fault: Fault) -> None:
        """What begins now and goes on for a while."""
        chip, point = self.chip, self.node.network.access_points[0]
        thermometer = chip.thermometer
        assert thermometer
        what, _, how = fault.kind.rpartition(" ")
        undo: Callable[[], object] | None = None
        if what == "module":
            chip.module.fault, undo = how, partial(setattr, chip.module, "fault", None)
        elif what == "thermometer":
            thermometer.fault, undo = how, partial(setattr, thermometer, "fault", None)
        elif fault.kind == faults.HANG_MEASURING:
            vars(thermometer)["read"] = lambda now: chip.advance(10**10)
            undo = partial(vars(thermometer).pop, "read", None)
        elif fault.kind == faults.WEAK_CELL:
            chip.battery.resistance_mohm, undo = WEAK_MOHM, self.fresh_cell
        elif fault.kind == faults.KEY_REFUSED:
            point.key, undo = "another passphrase", partial(setattr, point, "key", point.key)
        elif fault.kind == faults.KEY_LOST:
            name = ("binnode", "wifi_key")
            undo = partial(chip.nvs.live.__setitem__, name, chip.nvs.live.pop(name))
        elif fault.kind == faults.FLASH:
            undo = partial(chip.flash.flip, self.flip_byte(fault.number))
            self.board.reset()  # only a cold start looks
        elif fault.kind == faults.NVS_FULL:
            vars(chip.nvs)["set"] = full
            undo = partial(vars(chip.nvs).pop, "set", None)
        self.active.append((fault, undo))

    def flip_byte(self, number: int) -> int:
        """Change a byte of a file that no wake loads; where it lies on the flash."""
        kit, flash = self.node.kit, self.chip.flash
        content = node_kit.files_of(boards.load(kit.board), node_kit.node_config(kit))[UNUSED_FILE]
        start = flash.read().find(content[:_FIND_BYTES])
        assert start >= 0
        place = start + number % _FIND_BYTES
        flash.flip(place)
        return place

    def fresh_cell(self) -> None:
        self.chip.battery.resistance_mohm = self.fresh_mohm

    def lasts(self, kind: str) -> bool:
        return any(fault.kind == kind for fault, _ in self.active)

    # after a wake --------------------------------------------------------------------------------------------------

    def met(self, wake: WakeRecord) -> str | None:
        """The kind of fault that this wake's end is due to; None when nothing explains it. Before the next boot."""
        self.board.acts_left = None
        if wake.how == "power cut":
            bitten = self.at_byte if self.cutter and self.cutter.left < 0 else self.at_act
            if bitten is None:
                return None
            self.chip.keep_rtc = bitten.kind == faults.BROWN_OUT
            self.note(bitten)
            if bitten is self.at_act:
                self.at_act = None
            else:
                self.at_byte = None
            return bitten.kind
        if wake.how == "brown-out":
            return faults.WEAK_CELL if self.lasts(faults.WEAK_CELL) else None
        if wake.how == "watchdog":
            hangs = (faults.HANG_MEASURING, faults.HANG_REPORTING)
            return next((kind for kind in hangs if self.lasts(kind)), None)
        return faults.THINNED if wake.how == "deep sleep" else None

    def unreceipted(self, wake: WakeRecord) -> str | None:
        """Why a delivery of this wake may come again; None when nothing excuses it."""
        network, times = self.node.network, (wake.started_us, self.chip.now)
        if self.lasts(faults.NVS_FULL):
            return faults.NVS_FULL
        away = any(network.trouble(at) or not all(point.here(at) for point in network.access_points) for at in times)
        return "receipt lost" if away or self.lasts(faults.STALLS) else None


def full(namespace: str, key: str, value: int | bytes) -> None:
    raise ChipError(acts.OS_ERROR, NVS_NOT_ENOUGH_SPACE, "ESP_ERR_NVS_NOT_ENOUGH_SPACE")


def damaged(kind: str, image: bytes, number: int) -> bytes:
    """An image of RTC memory, not as it was."""
    place = number % len(image)
    if kind == faults.RTC_FLIPPED:
        return image[:place] + bytes([image[place] ^ (1 << number % 8)]) + image[place + 1 :]
    if kind == faults.RTC_SHORT:
        return image[: max(1, place)]
    return Random(number).randbytes(len(image))
