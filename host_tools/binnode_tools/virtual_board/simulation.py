"""`make run`: two weeks of a real bin on the virtual board, reports through a real broker, judged against the truth."""

import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path

from binnode_tools.codec import status as codec
from binnode_tools.lora_network import setup
from binnode_tools.lora_network.devices import Device
from binnode_tools.lora_network.setup import Network as LoraNetwork
from binnode_tools.virtual_board import bin_levels, node_kit
from binnode_tools.virtual_board.board import VirtualBoard
from binnode_tools.virtual_board.broker import Broker, Subscriber
from binnode_tools.virtual_board.chip import Wiring
from binnode_tools.virtual_board.network import Network
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.run_report import RadioFigures, Report, RunResult
from binnode_tools.virtual_board.scene import Scene, Unkind
from binnode_tools.virtual_board.vm_process import micropython_command
from binnode_tools.virtual_board.wake import WakeRecord
from binnode_tools.virtual_board.world import World

DEFAULT_BIN, DEFAULT_DAYS, DEFAULT_SEED = "1511199", 14, 1
DAY_US = 86_400_000_000
WAITING = re.compile(r"(\d+) waiting")  # the node's console
# What a run is on when nobody says: LoRaWAN needs a radio.
BOARDS = {"lorawan": "heltec_v3", "wifi": "esp32_devkit"}
GATEWAYS = ((0.0, 0.0), (1500.0, 800.0))
FLAG_WORDS = ("full", "released", "emptied", "sensor_fault", "low_battery", "first", "lid_open", "thinned")


class Disagreement(AssertionError):
    """What arrived is not what was measured: lost, out of order, or doubled without reason."""


class NodeStopped(Exception):
    """The node left its duty cycle; the text is its console."""


@dataclass
class Settings:
    bin_id: str = DEFAULT_BIN
    days: int = DEFAULT_DAYS
    seed: int = DEFAULT_SEED
    board: str = ""  # empty: BOARDS
    transport: str = "lorawan"  # or "wifi"
    region: str = "EU868"
    thermometer: str = "ds18b20"
    unkind: Unkind = field(default_factory=Unkind)
    config: dict = field(default_factory=dict)
    trace_log: Path | None = None


def micropython_version() -> str:
    """What the VM says of itself, such as "1.29.0-preview (9458e3a23f on 2026-07-05)"."""
    command = micropython_command() or [sys.executable, "-m", "micropython_unix"]
    version = "sys.implementation.version"
    ask = f"import sys; print(*{version}[:3], sep='.'); print(*{version}[3:]); print(sys.version)"
    done = subprocess.run([*command, "-c", ask], capture_output=True, text=True, timeout=20)
    number, stage, build = done.stdout.splitlines()
    return f"{number}{'-' if stage else ''}{stage} ({build.split('MicroPython ')[-1]})"


@dataclass
class Judge:
    """Holds what arrives against what was measured: every reading, in order, and how far it is from the truth.

    Once, but for a message whose receipt was lost: the node says that its readings wait still, and sends them again.
    """

    waiting: deque[WakeRecord] = field(default_factory=deque)
    points: list[tuple[float, float]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    emptyings: list[float] = field(default_factory=list)
    errors_pct: list[float] = field(default_factory=list)
    delivered: int = 0
    decoded: int = 0
    sent: int = 0
    thinned: bool = False
    arrived: set[int] = field(default_factory=set)  # wakes whose readings did
    before: list[WakeRecord] = field(default_factory=list)  # what waited before the last message

    def wake(self, wake: WakeRecord, messages: list[tuple[str, bytes]]) -> list[Report]:
        """Take one wake with the messages that it published; the new reports."""
        if wake.truth_permille is not None and wake.measured_us is not None:
            self.waiting.append(wake)
            self.points.append((wake.measured_us / 1e6, wake.truth_permille))
        fresh: list[Report] = []
        current: WakeRecord | None = wake
        last = None
        for topic, payload in messages:
            if not topic.endswith("/up/1") or payload == last:  # a repetition: its receipt was lost
                continue
            last, self.before = payload, list(self.waiting)
            self.sent += 1
            status = codec.decode(payload)
            self.decoded += 1
            self.thinned |= status.backlog_thinned
            for reading in status.history:
                measured = self._next(wake)
                self._judge(measured, reading.fill_permille)
                if measured is not None:
                    self._judge_age(wake, measured, reading)
            if current is not None:
                if not self.waiting or self.waiting.pop() is not current:
                    raise Disagreement("a report came without a measurement of its wake")
                self._judge(current, status.fill_permille)
                current = None
            t_s = (wake.measured_us or wake.started_us) / 1e6
            if status.emptied:
                self.emptyings.append(t_s)
            words = [word for name, word in zip(codec.FLAGS, FLAG_WORDS, strict=True) if getattr(status, name)]
            latency_ms = wake.awake_us / 1000
            report = Report(
                t_s, status.fill_permille, status.reason, status.kind, words, latency_ms, len(status.history)
            )
            fresh.append(report)
        told = WAITING.search(wake.console)
        if last is not None and told and int(told[1]) == len(self.before) > len(self.waiting):
            self.waiting = deque(self.before)  # it never learned that they arrived
        self.reports += fresh
        return fresh

    def _next(self, wake: WakeRecord) -> WakeRecord | None:
        if self.thinned:
            return None
        if not self.waiting or self.waiting[0] is wake:
            raise Disagreement("an earlier reading was reported that nobody measured, or twice")
        return self.waiting.popleft()

    def _judge_age(self, wake: WakeRecord, measured: WakeRecord, reading: codec.Reading) -> None:
        """The age was counted at some moment of this wake, from some moment of the other."""
        if reading.age_uncertainty_s is None or measured.measured_us is None:
            return
        least_s = (wake.started_us - measured.started_us - measured.awake_us) / 1e6
        most_s = (wake.started_us + wake.awake_us - measured.measured_us) / 1e6
        if least_s > reading.age_s + reading.age_uncertainty_s or most_s < reading.age_s - reading.age_uncertainty_s:
            raise Disagreement(
                f"a reading is {least_s:.0f} to {most_s:.0f} s old, its report says {reading.age_s} s, "
                f"give or take {reading.age_uncertainty_s}"
            )

    def _judge(self, wake: WakeRecord | None, fill_permille: int | None) -> None:
        if wake is None or wake.index not in self.arrived:
            self.delivered += 1
        if wake is not None:
            self.arrived.add(wake.index)
        if wake is not None and wake.truth_permille is not None and fill_permille is not None:
            self.errors_pct.append(abs(fill_permille - wake.truth_permille) / 10)


def run(settings: Settings, on_wake: Callable[[WakeRecord, list[Report]], None] | None = None) -> RunResult:
    """One node above one bin of the data set. Raises BinDataError, BoardError, VmError, BrokerError, Disagreement."""
    history = bin_levels.load(settings.bin_id)
    start = bin_levels.choose_window(history, settings.days, min(2, settings.days // 5))
    series = bin_levels.LevelSeries(history, start, settings.days, settings.seed)
    lorawan = settings.transport == "lorawan"
    kit = node_kit.Kit(
        board=settings.board or BOARDS[settings.transport],
        seed=f"{settings.seed}/{settings.bin_id}",
        name=f"bin-{settings.bin_id}",
        unkind=settings.unkind,
        wiring=Wiring(ds18b20=settings.thermometer == "ds18b20"),
        config=settings.config,
        region=settings.region if lorawan else "",
    )
    emptyings = tuple(emptying.t_s for emptying in series.emptyings)
    scene = Scene(series.level_permille, kit.geometry, kit.unkind, kit.seed, emptyings)
    judge = Judge()
    with World(settings.trace_log) as world, (_over_lorawan if lorawan else _over_wifi)(kit) as way:
        board = node_kit.add_node(world, kit, scene, way.network, lora=way.lora)

        def wake_ended(wake: WakeRecord) -> None:
            if wake.how != "deep sleep":
                raise NodeStopped(f"wake {wake.index + 1} ended with {wake.how!r}, not in deep sleep:\n{wake.console}")
            fresh = judge.wake(wake, way.messages(wake))
            if on_wake:
                on_wake(wake, fresh)

        board.on_wake_end = wake_ended
        world.run_until(settings.days * DAY_US)
        return _result(settings, start, world, board, judge, emptyings, kit, way.lora)


@dataclass
class Way:
    """How reports arrive: messages(wake) gives (topic, payload) of those that a wake sent."""

    network: Network
    messages: Callable[[WakeRecord], list[tuple[str, bytes]]]
    lora: LoraNetwork | None = None


@contextmanager
def _over_wifi(kit: node_kit.Kit) -> Iterator[Way]:
    with Broker() as broker:
        network = node_kit.network_of(kit)
        network.add_live(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.address)
        subscriber = Subscriber(broker.address, node_kit.node_config(kit).get("mqtt_topic", "binnode"))

        def messages(wake: WakeRecord) -> list[tuple[str, bytes]]:
            return subscriber.collect() if ": sent" in wake.console or "failed" in wake.console else []

        try:
            yield Way(network, messages)
        finally:
            subscriber.close()


@contextmanager
def _over_lorawan(kit: node_kit.Kit) -> Iterator[Way]:
    lora = setup.make(kit.region, kit.seed, GATEWAYS)
    arrived: list[tuple[str, bytes]] = []

    def uplink(device: Device, fport: int | None, payload: bytes, *_: object) -> None:
        arrived.append((f"{device.name}/up/{fport}", payload))

    def messages(wake: WakeRecord) -> list[tuple[str, bytes]]:
        taken = arrived.copy()
        arrived.clear()
        return taken

    lora.server.on_uplink = uplink
    yield Way(node_kit.network_of(kit), messages, lora)


def _radio_figures(settings: Settings, lora: LoraNetwork, name: str) -> RadioFigures:
    account = lora.audit.accounts[name]
    device = next(device for device in lora.server.devices if device.name == name)
    return RadioFigures(
        region=settings.region,
        joins=device.joins,
        uplinks=device.uplinks + device.repeats,
        downlinks=device.downlinks,
        lost_uplinks=account.frames - account.joins - device.uplinks - device.repeats,
        airtime_s_per_day=account.airtime_us / 1e6 / settings.days,
        data_rates=dict(sorted(account.rates.items())),
        duty_cycle_worst=account.worst_duty,
    )


def _result(
    settings: Settings,
    start: date,
    world: World,
    board: VirtualBoard,
    judge: Judge,
    emptyings: tuple[float, ...],
    kit: node_kit.Kit,
    lora: LoraNetwork | None,
) -> RunResult:
    end_us = settings.days * DAY_US
    asleep_ua = board.chip.ledger.current_ua
    last = board.wakes[-1]
    total = last.charge_before + last.charge + asleep_ua * max(0, end_us - last.started_us - last.awake_us)
    befores = [wake.charge_before for wake in board.wakes] + [total]
    charges = [(after - before) / Ledger.PER_MC for before, after in pairwise(befores)]
    findings = [text for wake in board.wakes for text in wake.findings]
    findings += [str(finding) for finding in lora.findings] if lora else []
    return RunResult(
        board=kit.board,
        bin_id=settings.bin_id,
        seed=settings.seed,
        days=settings.days,
        start=start,
        micropython_version=micropython_version(),
        world={"thermometer": settings.thermometer, **settings.unkind.as_dict()},
        points=judge.points,
        reports=judge.reports,
        emptyings_true=list(emptyings),
        emptyings_reported=judge.emptyings,
        measurements=len(judge.points),
        reports_sent=judge.sent,
        decoded=judge.decoded,
        max_abs_fill_error_pct=max(judge.errors_pct, default=None),
        interpreter_starts=board.starts,
        awake_ms=[wake.awake_us / 1000 for wake in board.wakes],
        charge_mc=charges,
        trace_sha256=world.trace.sha256,
        measure_s=node_kit.node_config(kit).get("measure_s", 900),
        findings=list(dict.fromkeys(findings)),
        radio=_radio_figures(settings, lora, kit.name) if lora else None,
    )
