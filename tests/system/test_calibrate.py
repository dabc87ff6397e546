"""Calibrations on the virtual board: what bin and module do to them, and the supply that goes while one is saved."""

import os
from contextlib import contextmanager

import pytest
from binnode_tools.calibration import ModuleSilent, RimOnly, Silent, Stage, calibrate
from binnode_tools.calibration_record import Wishes
from binnode_tools.node_service import NodeService
from binnode_tools.virtual_board import node_kit
from binnode_tools.virtual_board.scene import Geometry
from binnode_tools.virtual_board.storage import Cutter

from tests.system.scenario import scenario
from tests.system.service_link import MAIN, LineCut, Link

GEOMETRY = Geometry(empty_mm=1350, full_mm=600)
OLD = {"shape": "upright", "empty_mm": 1000, "full_mm": 200, "bottom_permille": 1000}
NEW = {"shape": "tapered", "empty_mm": 1350, "full_mm": 600, "bottom_permille": 750}


@contextmanager
def bin_with_a_node():
    """(link, service) of a node that knows nothing of its bin, which is empty until five readings were taken."""
    kit = node_kit.Kit(geometry=GEOMETRY, config={**OLD, "empty_mm": 1000, "transport": "none"})
    files = node_kit.files_of(node_kit.boards.load(kit.board), node_kit.node_config(kit)) | {"main.py": MAIN}
    with scenario(lambda t_s: 1000.0 if link and link.readings >= 5 else 0.0, files, geometry=GEOMETRY) as running:
        link = None
        link = Link(running)
        yield link, NodeService(link)  # pyright: ignore[reportArgumentType]


def calibration_of(service):
    config = service.show()
    assert config.problem is None
    return {name: config.config[name] for name in OLD}


def test_a_rib_is_told_of():
    with bin_with_a_node() as (link, service):
        link.running.board.chip.module.rib_mm = 480.0
        done = calibrate(service, Wishes(width_mm=700))
        (found,) = [check for check in done.checks if check.level != "ok" and check.code == "edges"]
        at_mm = int(found.text.split(" at ")[1].split(" mm")[0])
        assert found.level == "warning" and abs(at_mm - 480) <= 8 and done.saved
        assert abs(done.after["empty_mm"] - 1350) <= 8 and abs(done.after["full_mm"] - 600) <= 8


@pytest.mark.parametrize(
    ("rim_mm", "wishes", "why"),
    [
        (150, Wishes(), "the same empty"),
        (150, Wishes(full_mm=600), r"no farther than the full line \(600 mm\)"),
        (150, Wishes(rim_to_full_mm=450), "the same empty"),
        (800, Wishes(full_mm=600, depth_mm=1350), "by tape it is 1350 mm deep"),
    ],
)
def test_an_echo_from_the_rim_alone_is_no_bin(rim_mm, wishes, why):
    with bin_with_a_node() as (link, service):
        link.running.board.chip.module.rim_mm = rim_mm
        with pytest.raises(RimOnly, match=why) as raised:
            calibrate(service, wishes)
        assert raised.value.code == "rim_only" and calibration_of(service) == OLD


def test_a_module_that_is_not_there():
    with bin_with_a_node() as (link, service):
        link.running.board.chip.module.fault = "dead"
        with pytest.raises(ModuleSilent, match="check plug, wires and supply") as raised:
            calibrate(service, Wishes(full_mm=600))
        assert raised.value.code == "module_silent" and calibration_of(service) == OLD


class Recorder(Cutter):
    """Lets all through, and notes the size of each write."""

    def __init__(self):
        super().__init__(1 << 30)
        self.sizes = []

    def spend(self, size):
        self.sizes.append(size)
        return super().spend(size)


class Told(Silent):
    """What breaking off would leave behind."""

    left = Stage.OLD

    def stage(self, stage):
        self.left = stage


def calibrated(link, service, cutter):
    """The last stage of a calibration with this `cutter` while the node saves it, and what the node has then."""
    chip, told = link.running.board.chip, Told()

    def supply(function):
        chip.flash.cutter = chip.nvs.cutter = cutter if function == "configure" else None

    link.on_call = supply
    wishes = Wishes(empty_mm=1350, full_mm=600, bottom_permille=750)
    try:
        assert calibrate(service, wishes, told).saved
    except LineCut as cut:
        assert cut.args == ("configure",) and told.left is Stage.WRITING
    supply(None)
    return told.left, calibration_of(service)


def cut_while_saving(step=None):
    """(cuts of the supply, writes) while the node saves a calibration; it has the old one or the new one then.

    A cut at the start, in the middle and before the end of each write; with `step` at each `step`-th byte of them all.
    """
    with bin_with_a_node() as (link, service):
        assert calibration_of(service) == OLD
        flash = link.running.board.chip.flash
        image, recorder = flash.read(), Recorder()
        assert calibrated(link, service, recorder) == (Stage.NEW, NEW)
        size = sum(recorder.sizes)
        starts = [sum(recorder.sizes[:count]) for count in range(len(recorder.sizes))]
        writes = zip(starts, recorder.sizes, strict=True)
        cuts = sorted({start + at for start, count in writes for at in (0, count // 2, count - 1)})
        seen = []
        for count in range(0, size, step) if step else cuts:
            os.pwrite(flash.fd, image, 0)
            left, has = calibrated(link, service, Cutter(count))
            assert has in (OLD, NEW) and left is Stage.WRITING, (count, left, has)
            seen.append(has == NEW)
        assert seen == sorted(seen) and not seen[0]
        return len(seen), len(recorder.sizes)


def test_power_cut_at_any_write_leaves_the_old_calibration_or_the_new():
    cuts, writes = cut_while_saving()
    assert cuts >= writes > 3
