"""`binnode sim console`: a virtual board on a serial port, for mpremote, binnode and people."""

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from binnode_tools import paths
from binnode_tools.boards import BoardError
from binnode_tools.cli.main import FAILED, console, fail
from binnode_tools.image import ImageError
from binnode_tools.virtual_board.console import Console

_STEP_PERMILLE = 100
_PORT_IS = {True: "The port is there.", False: "The port is gone."}


class Bin:
    """A bin that somebody at the keyboard fills and empties."""

    def __init__(self, permille: int):
        self.permille = permille

    def level_permille(self, t_s: float) -> float:
        return self.permille

    def change(self, by_permille: int) -> None:
        self.permille = min(1000, max(0, self.permille + by_permille))


def keys_of(board: Console, bin_: Bin, say: Callable[[str], None]) -> dict[str, tuple[str, Callable[[], None]]]:
    """Key -> (what it does, in words; the deed)."""

    def level(by_permille: int) -> Callable[[], None]:
        def change() -> None:
            bin_.change(by_permille)
            say(f"The bin is {bin_.permille / 10:g} % full.")

        return change

    def told(text: str, deed: Callable[[], None]) -> Callable[[], None]:
        def tell() -> None:
            deed()
            say(text)

        return tell

    return {
        "r": ("reset", told("Reset.", board.press_reset)),
        "p": ("power cycle", told("Battery out and in: RTC memory is lost.", board.power_cycle)),
        "b": ("button", told("Button pressed.", board.press_button)),
        "w": ("end its sleep", told("Its sleep is over.", board.end_sleep)),
        "e": ("empty the bin", level(-1000)),
        "f": ("fill it", level(1000)),
        "+": ("10 % more", level(_STEP_PERMILLE)),
        "-": ("10 % less", level(-_STEP_PERMILLE)),
        "q": ("quit", board.stop),
    }


@contextlib.contextmanager
def keyboard(board: Console, keys: dict[str, tuple[str, Callable[[], None]]]) -> Iterator[None]:
    """Have `keys` at work while it lasts, if there is a terminal."""
    if not sys.stdin.isatty():
        yield
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def pressed() -> None:
        typed = os.read(fd, 64)
        if not typed:
            board.watched.pop(fd, None)
        for key in typed.decode(errors="replace"):
            if key in keys:
                keys[key][1]()

    tty.setcbreak(fd)
    board.watched[fd] = pressed
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@click.command()
@click.option("--board", default="esp32_devkit", show_default=True, help="name in boards/, or a .toml file")
@click.option("--level", type=click.IntRange(0, 100), default=40, show_default=True, help="how full the bin is, in %")
@click.option(
    "--speed",
    type=click.FloatRange(1, 10000),
    default=1,
    show_default=True,
    help="seconds of deep sleep that pass in one; awake it runs in real time",
)
@click.option("--seed", type=int, default=1, show_default=True, help="everything that chance decides")
@click.option("--link", type=click.Path(path_type=Path), help="name for the port (default build/tty-binnode)")
def command(board: str, level: int, speed: float, seed: int, link: Path | None) -> None:
    """A node on a serial port, without hardware: runs in real time until Ctrl-C, with an MQTT broker beside it."""
    from binnode_tools.virtual_board import node_kit
    from binnode_tools.virtual_board.broker import Broker, BrokerError
    from binnode_tools.virtual_board.scene import Scene
    from binnode_tools.virtual_board.vm_process import VmError
    from binnode_tools.virtual_board.world import World

    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: broker and port go too
        signal.signal(ending, signal.default_int_handler)
    out = console()
    bin_ = Bin(level * 10)
    kit = node_kit.Kit(board=board, seed=str(seed), name="bin-1")
    scene = Scene(bin_.level_permille, kit.geometry, kit.unkind, kit.seed)
    network = node_kit.network_of(kit)
    try:
        with Broker() as broker, World() as world:
            network.add_live(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.address)
            node = node_kit.add_node(world, kit, scene, network)
            with Console(world, node, asleep=speed, link=link or paths.BUILD / "tty-binnode") as running:
                keys = keys_of(running, bin_, lambda text: out.print(text, markup=False))
                running.on_port = lambda there: out.print(_PORT_IS[there], markup=False)
                with keyboard(running, keys), contextlib.suppress(KeyboardInterrupt):
                    _introduce(out.print, running, level, broker.address, keys if sys.stdin.isatty() else {})
                    running.run()
    except (BoardError, ImageError, BrokerError, VmError) as error:
        fail(str(error), FAILED)


def _introduce(say: Callable[[str], None], board: Console, level: int, broker: tuple[str, int], keys: dict) -> None:
    link = Path(board.path)
    port = link.relative_to(Path.cwd()) if link.is_relative_to(Path.cwd()) else link
    there = "its own USB, there only while it is awake" if board.native else board.port.path
    say(f"A virtual {board.board.chip.board.name} above a bin that is {level} % full, on {port} ({there})")
    say("In another terminal, for example:")
    say(f"  mpremote connect {port} repl")
    say(f"  binnode measure --port {port}")
    say(f"Its reports go to MQTT at {broker[0]}:{broker[1]}, topic binnode/#")
    if keys:
        say("Keys here: " + ", ".join(f"{key} {text}" for key, (text, _) in keys.items()))
    else:
        say("Ctrl-C ends it.")


if __name__ == "__main__":
    command(prog_name="binnode sim console")
