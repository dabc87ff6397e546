"""What may be wrong with a calibration: each check a pure function of what was heard, typed and told."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians, tan
from typing import Literal

from binnode_tools.modules import Module
from binnode_tools.node_service import Reading

Level = Literal["ok", "warning", "error"]

# Pings within this are one surface to the firmware (echo_filter), and the nearest of them decides about the blind zone.
CLUSTER_MM = 40
# A tenth of a range is for the best of targets: sheets measure it at a smooth board of 0.5 m2 and more, waste is soft,
# and in frost the last 15 cm of 6 m are lost (firmware: sensing/modules.py).
USABLE_PERCENT = 90
# 15 pings span at most 6.2 sigma in 999 bursts of 1000: 31 mm with 5 mm of noise. Up to that the echo filter's error is
# known (there); beyond it nothing is promised.
SPREAD_MM = 31
# Below four valid pings of five the echo filter pings on, since it may be more than chance.
VALID_PERCENT = 80
# An edge: two pings can't agree by chance, and 2 % of false echoes lie anywhere.
EDGE_PINGS, EDGE_PERCENT = 2, 5
# Readings at one still surface differ by this at most (firmware: echo_filter).
STILL_MM = 15
# The node takes no bin that is less deep than this below its full line (firmware: config_rules).
LEAST_MM = 50
# An uneven bottom, and air some degrees off: what the node itself allows for (firmware: node.measure).
TAPE_MM, TAPE_PERCENT = 30, 2
# Chips that idle awake read 47 to 53 C in a room; air is hardly ever this warm. A chip reads in steps of 1 K.
WARM_C10, ROSE_C10 = 350, 20


@dataclass(frozen=True)
class Check:
    """`text`: what is so. `remedy`: what to do about it, "" when it is well."""

    code: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Bin:
    """What the checks look at. `empty`, `full`: the readings, none where the distance was typed. `full_heard_mm`: as
    far as the board that was measured, None when typed. `low_battery_mv`, `thermometer`: of the node's settings."""

    module: Module
    empty_mm: int
    full_mm: int
    empty: Sequence[Reading] = ()
    full: Sequence[Reading] = ()
    full_heard_mm: int | None = None
    width_mm: int | None = None
    to_wall_mm: int | None = None
    depth_mm: int | None = None
    thermometer: str = "chip"
    low_battery_mv: int = 0
    now: Sequence[Reading] = ()

    @property
    def readings(self) -> list[Reading]:
        return [*self.empty, *self.full, *self.now]


@dataclass(frozen=True)
class Edge:
    """What `pings` of the pings, `percent` of them, hear nearer than the bottom."""

    distance_mm: int
    pings: int
    percent: float


def all_checks(found: Bin) -> list[Check]:
    checks = [rim_only(found), blind_zone(found), reach(found), beam(found), noise(found), edges(found)]
    return [*checks, *([tape(found)] if found.depth_mm else []), thermometer(found), battery(found)]


def rim_only(found: Bin) -> Check:
    """An error when the empty bin is heard no farther away than the full line: that is the rim, or an edge."""
    remedy = "Aim it straight down and away from the rim, empty the bin and measure again"
    if not found.empty:
        return Check("rim_only", "ok", "the empty bin's depth was typed, not heard")
    heard = found.empty_mm
    if found.full_heard_mm is not None and heard - found.full_heard_mm < LEAST_MM:
        text = f"it hears the same empty ({heard} mm) and with the board ({found.full_heard_mm} mm): the rim or an edge"
        return Check("rim_only", "error", f"{text}, not the bottom", f"Was the board there? If so: {remedy.lower()}")
    if heard < found.full_mm + STILL_MM:
        text = f"the empty bin is heard at {heard} mm, no farther than the full line ({found.full_mm} mm)"
        return Check("rim_only", "error", f"{text}: that is the rim or an edge, not the bottom", remedy)
    if found.depth_mm and heard < found.depth_mm - _by_tape(found.depth_mm):
        text = f"the empty bin is heard at {heard} mm, and by tape it is {found.depth_mm} mm deep"
        return Check("rim_only", "error", f"{text}: that is the rim or an edge, not the bottom", remedy)
    return Check("rim_only", "ok", f"the empty bin is heard {heard - found.full_mm} mm below the full line")


def tape(found: Bin) -> Check:
    """By tape the bin is less deep than what is heard: the air's temperature, or waste on the bottom."""
    depth = found.depth_mm or 0
    apart = found.empty_mm - depth
    if abs(apart) <= _by_tape(depth):
        return Check("tape", "ok", f"by tape the bin is {depth} mm deep, {abs(apart)} mm from what is saved")
    text = f"by tape the bin is {depth} mm deep, {abs(apart)} mm {'less' if apart > 0 else 'more'} than what is saved"
    return Check("tape", "warning", text, "Measure with the tape again, from the module's face; or type that distance")


def _by_tape(depth_mm: int) -> int:
    """How far tape and echo may be apart, in mm."""
    return TAPE_MM + depth_mm * TAPE_PERCENT // 100


def blind_zone(found: Bin) -> Check:
    blind, below = found.module.blind_mm, found.full_mm - found.module.blind_mm
    if below <= 0:
        text = f"the full line ({found.full_mm} mm) is in the blind zone of {found.module.name} ({blind} mm)"
        return Check("blind_zone", "error", text, "Give a full line farther down, or mount the module higher")
    if below < CLUSTER_MM:
        text = f"the full line is only {below} mm below the blind zone ({blind} mm): a full bin may read too_near"
        return Check("blind_zone", "warning", text, f"Mount the module {CLUSTER_MM - below} mm higher")
    return Check("blind_zone", "ok", f"the full line is {below} mm below the blind zone ({blind} mm)")


def reach(found: Bin) -> Check:
    far = found.module.range_mm
    if found.empty_mm > far:
        text = f"the bottom ({found.empty_mm} mm) is beyond the range of {found.module.name} ({far} mm)"
        return Check("range", "error", text, "Take a module that reaches farther (binnode modules), or hang it lower")
    percent = 100 * found.empty_mm // far
    text = f"the bottom is at {percent} % of the range ({far} mm)"
    if 100 * found.empty_mm > USABLE_PERCENT * far:
        remedy = "Soft waste and frost cost the end of it: take a module that reaches farther (binnode modules)"
        return Check("range", "warning", text, remedy)
    return Check("range", "ok", text)


def beam_width_mm(module: Module, distance_mm: int) -> int:
    """How wide the beam is there."""
    return round(2 * distance_mm * tan(radians(module.beam_deg / 2)))


def wall_met_mm(module: Module, width_mm: int | None, to_wall_mm: int | None) -> int | None:
    """How far below the module its beam meets the nearest wall; None when nobody said where that is."""
    free = [mm for mm in (to_wall_mm, width_mm and width_mm // 2) if mm]
    return round(min(free) / tan(radians(module.beam_deg / 2))) if free else None


def beam(found: Bin) -> Check:
    half, bottom = (beam_width_mm(found.module, mm) for mm in (found.empty_mm // 2, found.empty_mm))
    wide = f"the beam ({found.module.beam_deg} deg) is {half} mm wide at half depth, {bottom} mm at the bottom"
    met = wall_met_mm(found.module, found.width_mm, found.to_wall_mm)
    if met is None:
        return Check("beam", "ok", f"{wide}; nobody said how wide the bin is")
    if met >= found.empty_mm:
        return Check("beam", "ok", f"{wide}, and meets no wall")
    remedy = "Hang it in the middle, or take a narrower beam (binnode modules); smooth walls do little, ribs do harm"
    return Check("beam", "warning", f"{wide}; it meets the wall from {met} mm on", remedy)


def noise(found: Bin) -> Check:
    readings = [*found.empty, *found.full]
    if not readings:
        return Check("noise", "ok", "both distances were typed, nothing was measured")
    spread = max(reading.spread_mm or 0 for reading in readings)
    percent = 100 * sum(reading.valid for reading in readings) // max(1, sum(reading.pings for reading in readings))
    text = f"{percent} % of the pings agree, within {spread} mm"
    if percent < VALID_PERCENT or spread > SPREAD_MM:
        return Check(
            "noise", "warning", text, "Look for what moves, hangs or sticks out below it; is it mounted firmly?"
        )
    return Check("noise", "ok", text)


def edges_heard(heard_mm: Sequence[int | None], bottom_mm: int) -> list[Edge]:
    """What sticks out: distances nearer than the bottom on which pings agree, the most heard first."""
    near = sorted(mm for mm in heard_mm if mm is not None and mm < bottom_mm - CLUSTER_MM)
    found = []
    while near:
        first, last = max(
            ((first, sum(mm <= near[first] + CLUSTER_MM for mm in near)) for first in range(len(near))),
            key=lambda group: group[1] - group[0],
        )
        group, near = near[first:last], near[:first] + near[last:]
        share = 100 * len(group) / len(heard_mm)
        if len(group) < EDGE_PINGS or share < EDGE_PERCENT:
            break
        found.append(Edge(round(sum(group) / len(group)), len(group), share))
    return found


def edges(found: Bin) -> Check:
    if not found.empty:
        return Check("edges", "ok", "not looked for: the empty bin was not measured")
    pings = [mm for reading in found.empty for mm in reading.heard_mm]
    heard = edges_heard(pings, found.empty_mm)
    if not heard:
        return Check("edges", "ok", f"none of {len(pings)} pings tells of a rib or an edge in the empty bin")
    where = ", ".join(f"{edge.distance_mm} mm ({edge.percent:.0f} % of the pings)" for edge in heard)
    remedy = "Turn the module or move it away from that wall, and calibrate again"
    return Check("edges", "warning", f"in the empty bin something sticks out at {where}", remedy)


def thermometer(found: Bin) -> Check:
    """A chip that is awake is warmer than the air; what it then makes of an echo is too long."""
    if found.module.compensates:
        return Check("thermometer", "ok", f"{found.module.name} measures the air's temperature itself")
    seen = [reading.temperature_c10 for reading in found.readings if reading.temperature_c10 is not None]
    if not seen:
        return Check("thermometer", "ok", "no temperature was read")
    text = f"the air is taken for {seen[-1] / 10:.1f} C"
    if found.thermometer != "chip":
        return Check("thermometer", "ok", text)
    text += ", by the chip itself"
    rose = max(seen) - seen[0]
    if max(seen) >= WARM_C10 or rose >= ROSE_C10:
        text += f", up by {rose / 10:g} K meanwhile" if rose >= ROSE_C10 else ""
        remedy = "A degree too warm makes a metre 1.8 mm longer: let it cool, type distances by tape, or fit a DS18B20"
        return Check("thermometer", "warning", text, remedy)
    return Check("thermometer", "ok", text)


def battery(found: Bin) -> Check:
    seen = [reading.battery_mv for reading in found.readings if reading.battery_mv is not None]
    if not seen:
        return Check("battery", "ok", "this board does not measure its battery")
    text = f"the battery has {seen[-1] / 1000:.2f} V"
    if seen[-1] < found.low_battery_mv:
        text += f", less than the {found.low_battery_mv / 1000:.2f} V that it warns of"
        return Check("battery", "warning", text, "Charge it or put in another before you leave")
    return Check("battery", "ok", text)
