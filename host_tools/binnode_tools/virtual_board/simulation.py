"""`make run`: two weeks of a real bin on the virtual board, reports through a real broker, judged against the truth."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from binnode_tools.codec import status as codec
from binnode_tools.virtual_board import bin_levels, node_kit
from binnode_tools.virtual_board.broker import Broker, Subscriber
from binnode_tools.virtual_board.chip import WakeRecord, Wiring
from binnode_tools.virtual_board.power import Ledger
from binnode_tools.virtual_board.run_report import Report, RunResult
from binnode_tools.virtual_board.scene import Scene, Unkind
from binnode_tools.virtual_board.vm_process import micropython_command
from binnode_tools.virtual_board.world import VirtualBoard, World

DEFAULT_BIN, DEFAULT_DAYS, DEFAULT_SEED = "1511199", 14, 1
DAY_US = 86_400_000_000
FLAGS = (
    "container_full",
    "released",
    "emptied",
    "sensor_fault",
    "low_battery",
    "first_report",
    "lid_open",
    "backlog_thinned",
)
FLAG_WORDS = ("full", "released", "emptied", "sensor_fault", "low_battery", "first", "lid_open", "thinned")


class Disagreement(AssertionError):
    """What arrived is not what was measured: lost, doubled, or out of order."""


class NodeStopped(Exception):
    """The node left its duty cycle; the text is its console."""


@dataclass
class Settings:
    bin_id: str = DEFAULT_BIN
    days: int = DEFAULT_DAYS
    seed: int = DEFAULT_SEED
    board: str = "esp32_devkit"
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
    """Holds what arrives against what was measured: every reading once, in order, and how far it is from the truth."""

    waiting: deque[WakeRecord] = field(default_factory=deque)
    points: list[tuple[float, float]] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    emptyings: list[float] = field(default_factory=list)
    errors_pct: list[float] = field(default_factory=list)
    delivered: int = 0
    decoded: int = 0
    sent: int = 0
    thinned: bool = False

    def wake(self, wake: WakeRecord, messages: list[tuple[str, bytes]]) -> list[Report]:
        """Take one wake with the messages that it published; the new reports."""
        if wake.truth_permille is not None and wake.measured_us is not None:
            self.waiting.append(wake)
            self.points.append((wake.measured_us / 1e6, wake.truth_permille))
        fresh: list[Report] = []
        current: WakeRecord | None = wake
        for topic, payload in messages:
            if not topic.endswith("/up/1"):
                continue
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
            words = [word for name, word in zip(FLAGS, FLAG_WORDS, strict=True) if getattr(status, name)]
            latency_ms = wake.awake_us / 1000
            report = Report(
                t_s, status.fill_permille, status.reason, status.kind, words, latency_ms, len(status.history)
            )
            fresh.append(report)
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
        self.delivered += 1
        if wake is not None and wake.truth_permille is not None and fill_permille is not None:
            self.errors_pct.append(abs(fill_permille - wake.truth_permille) / 10)


def run(settings: Settings, on_wake: Callable[[WakeRecord, list[Report]], None] | None = None) -> RunResult:
    """One node above one bin of the data set. Raises BinDataError, BoardError, VmError, BrokerError, Disagreement."""
    history = bin_levels.load(settings.bin_id)
    start = bin_levels.choose_window(history, settings.days, min(2, settings.days // 5))
    series = bin_levels.LevelSeries(history, start, settings.days, settings.seed)
    kit = node_kit.Kit(
        board=settings.board,
        seed=f"{settings.seed}/{settings.bin_id}",
        name=f"bin-{settings.bin_id}",
        unkind=settings.unkind,
        wiring=Wiring(ds18b20=settings.thermometer == "ds18b20"),
        config=settings.config,
    )
    emptyings = tuple(emptying.t_s for emptying in series.emptyings)
    scene = Scene(series.level_permille, kit.geometry, kit.unkind, kit.seed, emptyings)
    judge = Judge()
    with Broker() as broker, World(settings.trace_log) as world:
        network = node_kit.network_of(kit)
        network.add_live(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.address)
        board = node_kit.add_node(world, kit, scene, network)
        config = node_kit.node_config(kit)
        subscriber = Subscriber(broker.address, config.get("mqtt_topic", "binnode"))

        def wake_ended(wake: WakeRecord) -> None:
            if wake.how != "deep sleep":
                raise NodeStopped(f"wake {wake.index + 1} ended with {wake.how!r}, not in deep sleep:\n{wake.console}")
            messages = subscriber.collect() if ": sent" in wake.console or "failed" in wake.console else []
            fresh = judge.wake(wake, messages)
            if on_wake:
                on_wake(wake, fresh)

        board.on_wake_end = wake_ended
        try:
            world.run_until(settings.days * DAY_US)
        finally:
            subscriber.close()
        return _result(settings, start, world, board, judge, emptyings, config)


def _result(settings, start, world: World, board: VirtualBoard, judge: Judge, emptyings, config: dict) -> RunResult:
    end_us = settings.days * DAY_US
    asleep_ua = board.chip.ledger.current_ua
    last = board.wakes[-1]
    total = last.charge_before + last.charge + asleep_ua * max(0, end_us - last.started_us - last.awake_us)
    befores = [wake.charge_before for wake in board.wakes] + [total]
    charges = [(after - before) / Ledger.PER_MC for before, after in pairwise(befores)]
    return RunResult(
        board=settings.board,
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
        measure_s=config.get("measure_s", 900),
        findings=list(dict.fromkeys(text for wake in board.wakes for text in wake.findings)),
    )
