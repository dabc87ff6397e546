"""A scenario as it stands between two wakes, to go on from again and again."""

import copy

from binnode_tools.virtual_board.trace import Trace

from tests.system.scenario import Scenario


def copied(node: Scenario) -> Scenario:
    """The same moment, to be run on its own. Flash is shared: no wake of the duty cycle may write it."""
    assert node.board.vm is None
    world = node.world
    shared = [world.zygote, world.trace, node.board.chip.flash]
    memo = {id(one): one for one in shared}
    twin = copy.deepcopy(node, memo)
    twin.world.trace = Trace()
    return twin


def next_wake(node: Scenario, wakes: int = 1) -> None:
    """The next `wakes` starts of the node, each to its end."""
    board = node.board
    for _ in range(wakes):
        board.step(node.world.zygote, node.world.trace)
        while board.vm:
            board.step(node.world.zygote, node.world.trace)
