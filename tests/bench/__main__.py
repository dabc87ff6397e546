"""`make bench`: heap, bytes, instructions, milliseconds and millicoulombs of a wake, held against their budgets.

Prints a table and writes build/bench.json. Exit code 1: a budget is exceeded, or the node failed; 2: wrong usage.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from binnode_tools import boards, paths
from binnode_tools.boards import BoardError
from binnode_tools.image import ImageError
from binnode_tools.virtual_board import stand_ins
from binnode_tools.virtual_board.broker import BrokerError
from binnode_tools.virtual_board.vm_process import VmError
from rich.console import Console

from tests.bench import bytecode, calibration, heap, instructions, lorawan, modelled, update
from tests.bench.figures import Figure, figure, table, write_json
from tests.bench.node import MEASURE, REPORT, BenchError, image_files, new_kit

OUTPUT = paths.BUILD / "bench.json"
_BIGGEST = 8
Say = Callable[[str], None]


def _kib(count: int) -> float:
    return round(count / 1024, 2)


def measure(board: str, say: Say, out: Console, keep: Path | None = None) -> list[Figure]:
    """All figures of a node on `board`; what stands behind them goes to `out`, progress to `say`."""
    say("bytecode: what a wake loads")
    on_flash = bytecode.sizes(image_files(new_kit(board)))
    loaded = bytecode.loaded_by_each(board)
    figures = [figure("firmware_mpy_kib", _kib(sum(on_flash.values())))]
    for name, scenario in (("wake_mpy_kib_measure", MEASURE), ("wake_mpy_kib_report_wifi", REPORT)):
        figures.append(figure(name, _kib(sum(loaded[scenario.name][0].values()))))
    over_tls = bytecode.loaded_tls()
    figures.append(figure("wake_mpy_kib_report_tls", over_tls and _kib(sum(over_tls.values()))))

    say("heap: the smallest in which a wake succeeds")
    stand_ins_kib = heap.needed_kib(board, heap.STAND_INS, say)
    figures.append(figure("heap_kib_stand_ins", stand_ins_kib))
    for name, scenario in (("heap_kib_measure_wake", MEASURE), ("heap_kib_report_wifi", REPORT)):
        figures.append(figure(name, heap.needed_kib(board, scenario, say) - stand_ins_kib))
    tls_kib = heap.needed_kib_tls(say)
    figures.append(figure("heap_kib_report_tls", None if tls_kib is None else tls_kib - stand_ins_kib))

    say("instructions: wakes under valgrind" if instructions.available() else instructions.MISSING)
    measured, reported = instructions.of_wakes(board, (MEASURE, REPORT), keep)
    figures += [figure("instructions_measure_wake", measured), figure("instructions_report_wifi", reported)]

    say(f"time and charge: {modelled.WAKES} wakes in the unkind world")
    costs = modelled.costs(board)
    for kind in ("awake_ms", "charge_mc"):
        for name, scenario in ((f"{kind}_measure", MEASURE), (f"{kind}_report_wifi", REPORT)):
            figures.append(figure(name, getattr(costs[scenario.name], kind)))

    figures += lorawan.figures(say)

    say(f"speed: {modelled.DAYS} days of a node, with the broker")
    figures.append(figure("node_days_per_second", modelled.node_days_per_second(board)))

    say("calibration: scripted, over the serial port")
    figures.append(figure("calibration_seconds", calibration.seconds(board)))

    say("update: of the whole application, and of one module")
    figures += update.figures(board)
    _details(out, on_flash, loaded, costs)
    return figures


def _details(out: Console, on_flash: dict[str, int], loaded: dict, costs: dict[str, modelled.Cost]) -> None:
    biggest = sorted(on_flash.items(), key=lambda item: -item[1])[:_BIGGEST]
    out.print("Biggest of the firmware: " + ", ".join(f"{name} {size:,} B" for name, size in biggest))
    files = list(stand_ins.build().glob("*.mpy"))
    size = sum(path.stat().st_size for path in files)
    out.print(f"Stand-ins for the chip's modules: {len(files)} files, {size:,} B; they are in no other number")
    for name, cost in costs.items():
        modules, _ = loaded[name]
        out.print(
            f"A {name} wake: {len(modules)} modules, {sum(modules.values()):,} B of them; "
            f"{cost.flash_kib:,.0f} KiB read from flash, directories included (median of {cost.wakes})"
        )
    out.print()


def main(arguments: list[str] | None = None, measuring: Callable[..., list[Figure]] = measure) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What a wake of the node costs.")
    parser.add_argument("--board", default="esp32_devkit", help="name in boards/, or a .toml file")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the JSON file (default build/bench.json)")
    parser.add_argument("--callgrind", type=Path, metavar="FOLDER", help="keep callgrind's files there")
    asked = parser.parse_args(arguments)
    # A pipe or a file has no width of its own; a table that is cut to 80 columns would lose digits.
    out = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    progress = Console(stderr=True, highlight=False, style="dim", soft_wrap=True)
    try:
        boards.load(asked.board)
        figures = measuring(asked.board, progress.print, out, asked.callgrind)
    except (BenchError, BoardError, BrokerError, ImageError, VmError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    out.print(table(figures))
    write_json(figures, asked.output)
    exceeded = [each for each in figures if each.over]
    for each in exceeded:
        print(f"bench: {each.name} is {each.value:,} {each.unit}, the budget {each.budget:,g}", file=sys.stderr)
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
