"""`binnode sim console`: a virtual board on a serial port, for mpremote, binnode and people."""

import contextlib
import json
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from binnode_tools import boards, modules, paths
from binnode_tools.calibration_record import SHAPES
from binnode_tools.cli import values
from binnode_tools.cli.main import FAILED, USAGE_ERROR, console, fail
from binnode_tools.cli.port import json_option, note
from binnode_tools.lora_network.regions import REGIONS
from binnode_tools.virtual_board.console import Console
from binnode_tools.virtual_board.scene import Geometry

_STEP_PERMILLE = 100
_RIM_MM = 60  # below the module: nearer than any full line
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

    module = board.board.chip.module

    def silent() -> None:
        module.fault = None if module.fault else "dead"
        say("The module is silent." if module.fault else "The module answers again.")

    def askew() -> None:
        module.rim_mm = None if module.rim_mm else max(_RIM_MM, module.blind_mm + 10)
        rim = f"The module hangs askew: it hears the rim alone, at {module.rim_mm} mm."
        say(rim if module.rim_mm else "The module hangs straight again.")

    return {
        "r": ("reset", told("Reset.", board.press_reset)),
        "p": ("power cycle", told("Battery out and in: RTC memory is lost.", board.power_cycle)),
        "b": ("button", told("Button pressed.", board.press_button)),
        "w": ("end its sleep", told("Its sleep is over.", board.end_sleep)),
        "e": ("empty the bin", level(-1000)),
        "f": ("fill it", level(1000)),
        "+": ("10 % more", level(_STEP_PERMILLE)),
        "-": ("10 % less", level(-_STEP_PERMILLE)),
        "s": ("module silent or not", silent),
        "m": ("module hears only the rim or not", askew),
        "q": ("quit", board.stop),
    }


@contextlib.contextmanager
def keyboard(board: Console, keys: dict[str, tuple[str, Callable[[], None]]], piped: bool = False) -> Iterator[None]:
    """Have `keys` at work while it lasts, from a terminal, or `piped`: from whatever stdin is."""
    if not (piped or sys.stdin.isatty()):
        yield
        return
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd) if sys.stdin.isatty() else None

    def pressed() -> None:
        typed = os.read(fd, 64)
        if not typed:
            board.watched.pop(fd, None)
        for key in typed.decode(errors="replace"):
            if key in keys:
                keys[key][1]()

    if before:
        tty.setcbreak(fd)
    board.watched[fd] = pressed
    try:
        yield
    finally:
        if before:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def geometry_of(
    shape: str, empty_mm: int, full_mm: int, bottom_permille: int, diameter_mm: int, strapping: str | None
) -> Geometry:
    """The bin that the options describe; usage error when there is no such bin."""
    if full_mm >= empty_mm:
        fail("--full-mm: must be less than --empty-mm", USAGE_ERROR)
    if (shape == "strapping") != bool(strapping):
        fail("--strapping: goes with --shape strapping", USAGE_ERROR)
    table: tuple[tuple[float, float], ...] = ()
    with contextlib.suppress(ValueError):
        rows = [row.split(":") for row in (strapping or "").split(",") if row]
        table = tuple((float(height), float(volume)) for height, volume in rows)
    if strapping and (len(table) < 2 or table[-1][0] < empty_mm - full_mm):
        fail(f"--strapping: as in 0:0,300:250,800:1000, up to the full line, {empty_mm - full_mm} mm", USAGE_ERROR)
    if shape == "lying" and 0 < diameter_mm < empty_mm - full_mm:
        fail(f"--diameter-mm: must be 0 or at least {empty_mm - full_mm}", USAGE_ERROR)
    return Geometry(shape, empty_mm, full_mm, bottom_permille / 1000, diameter_mm, table)


@click.command(short_help="a node on a serial port, in real time")
@click.option(
    "--board",
    metavar="NAME",
    default="esp32_devkit",
    show_default=True,
    shell_complete=values.boards,
    help="name in boards/, or a .toml file",
)
@click.option(
    "--module",
    metavar="NAME",
    default="hcsr04p",
    show_default=True,
    shell_complete=values.modules,
    help="the distance module (binnode modules lists them)",
)
@click.option(
    "--region",
    type=click.Choice(list(REGIONS)),
    metavar="NAME",
    help="report over LoRaWAN, to a network beside it  [default: over Wi-Fi]",
)
@click.option(
    "--level",
    metavar="PERCENT",
    type=click.IntRange(0, 100),
    default=40,
    show_default=True,
    help="how full the bin is, in %",
)
@click.option(
    "--shape",
    type=click.Choice(SHAPES),
    default="upright",
    show_default=True,
    help="of the bin",
)
@click.option(
    "--empty-mm",
    metavar="MM",
    type=click.IntRange(100, 6000),
    default=1000,
    show_default=True,
    help="module to bottom of the bin",
)
@click.option(
    "--full-mm", metavar="MM", type=click.IntRange(21, 5900), default=200, show_default=True, help="module to full line"
)
@click.option(
    "--bottom-permille",
    metavar="N",
    type=click.IntRange(100, 1500),
    default=800,
    show_default=True,
    help="tapered: width at the bottom over that at the full line",
)
@click.option(
    "--diameter-mm",
    metavar="MM",
    type=click.IntRange(0),
    default=0,
    help="lying: inner diameter; 0: the full line is its very top",
)
@click.option("--strapping", metavar="TABLE", help="strapping: heights and volumes, as in 0:0,300:250,800:1000")
@click.option("--new", is_flag=True, help="the node has no settings yet, as after flashing")
@click.option(
    "--speed",
    metavar="TIMES",
    type=click.FloatRange(1, 10000),
    default=1,
    show_default=True,
    help="seconds of deep sleep that pass in one; awake it runs in real time",
)
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="everything that chance decides")
@click.option(
    "--link", metavar="PATH", type=click.Path(path_type=Path), help="name for the port  [default: build/tty-binnode]"
)
@json_option
def command(
    board: str,
    module: str,
    region: str | None,
    level: int,
    shape: str,
    empty_mm: int,
    full_mm: int,
    bottom_permille: int,
    diameter_mm: int,
    strapping: str | None,
    new: bool,
    speed: float,
    seed: int,
    link: Path | None,
    as_json: bool,
) -> None:
    """A node on a serial port, without hardware: runs in real time until Ctrl-C.

    Beside it runs an MQTT broker, or with --region a LoRaWAN network. Keys fill and empty the bin, press reset and the
    button, silence the module. With --json the first line is {"port": ...}, and the keys may come through a pipe.

    \b
    binnode sim console
    binnode sim console --module a02yyuw --shape lying --empty-mm 1600 --full-mm 250
    binnode sim console --board heltec_v3 --region EU868 --speed 60
    """
    from binnode_tools.lora_network import setup
    from binnode_tools.virtual_board import lora_kit, node_kit
    from binnode_tools.virtual_board.broker import Broker, BrokerError
    from binnode_tools.virtual_board.chip import Wiring
    from binnode_tools.virtual_board.scene import Scene
    from binnode_tools.virtual_board.vm_process import VmError
    from binnode_tools.virtual_board.world import World

    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: broker and port go too
        signal.signal(ending, signal.default_int_handler)
    geometry = geometry_of(shape, empty_mm, full_mm, bottom_permille, diameter_mm, strapping)
    _check(board, module, region)
    say = note if as_json else _say
    bin_ = Bin(level * 10)
    kit = node_kit.Kit(
        board=board, seed=str(seed), name="bin-1", geometry=geometry, wiring=Wiring(module), region=region or ""
    )
    scene = Scene(bin_.level_permille, kit.geometry, kit.unkind, kit.seed)
    network = node_kit.network_of(kit)
    lora = setup.make(region, kit.seed) if region else None
    files = node_kit.files_of(boards.load(board), None) if new else None
    try:
        with Broker() as broker, World() as world:
            network.add_live(node_kit.BROKER_HOST, node_kit.BROKER_PORT, broker.address)
            node = node_kit.add_node(world, kit, scene, network, files, lora)
            if lora and new:
                lora_kit.enrol(node.chip, lora)
            if lora:
                lora.server.on_uplink = lambda device, fport, payload, *_: say(_heard(fport, payload))
            with Console(world, node, asleep=speed, link=link or paths.BUILD / "tty-binnode") as running:
                keys = keys_of(running, bin_, say)
                running.on_port = lambda there: say(_PORT_IS[there])
                with keyboard(running, keys, as_json), contextlib.suppress(KeyboardInterrupt):
                    if as_json:
                        click.echo(json.dumps(_facts(running, broker.address, region)))
                    else:
                        _introduce(say, running, level, broker.address, region, keys if sys.stdin.isatty() else {})
                    sys.stdout.flush()
                    running.run()
    except (BrokerError, VmError) as error:
        fail(str(error), FAILED)


def _say(text: str) -> None:
    console().print(text, markup=False, soft_wrap=True)


def _check(board: str, module: str, region: str | None) -> None:
    """What the board can't have is a usage error."""
    chosen, known = boards.load(board), modules.modules()
    if module not in known:
        fail(f"--module {module}: unknown; there are: {', '.join(known)}", USAGE_ERROR)
    if modules.pins(known[module], chosen) is None:
        fail(f"--module {module}: {chosen.name} has no pins for it", USAGE_ERROR)
    if region and chosen.radio is None:
        fail(f"--region: {chosen.name} has no LoRa radio; take --board heltec_v3 or another that has one", USAGE_ERROR)


def _heard(fport: int | None, payload: bytes) -> str:
    """An uplink in a line."""
    from binnode_tools.codec import status

    try:
        report = status.decode(payload) if fport == status.FPORT else None
    except status.DecodeError:
        report = None
    if report is None:
        return f"The network heard FPort {fport}: {payload.hex()}"
    level = "no level" if report.fill_permille is None else f"{report.fill_permille / 10:g} %"
    return f"The network heard a report, {report.reason}: {level}"


def _facts(board: Console, broker: tuple[str, int], region: str | None) -> dict:
    return {
        "port": board.path,
        "board": board.board.chip.board.name,
        "module": board.board.chip.module.kind,
        "mqtt": f"{broker[0]}:{broker[1]}",
        "region": region,
    }


def _introduce(
    say: Callable[[str], None], board: Console, level: int, broker: tuple[str, int], region: str | None, keys: dict
) -> None:
    link = Path(board.path)
    port = link.relative_to(Path.cwd()) if link.is_relative_to(Path.cwd()) else link
    there = "its own USB, there only while it is awake" if board.native else board.port.path
    chip = board.board.chip
    say(f"A virtual {chip.board.name} with {chip.module.kind} above a bin that is {level} % full, on {port} ({there})")
    say("In another terminal, for example:")
    say(f"  mpremote connect {port} repl")
    say(f"  binnode measure --port {port}")
    say(
        f"Its reports go to a LoRaWAN network beside it, {region}"
        if region
        else f"Its reports go to MQTT at {broker[0]}:{broker[1]}, topic binnode/#"
    )
    if keys:
        say("Keys here: " + ", ".join(f"{key} {text}" for key, (text, _) in keys.items()))
    else:
        say("Ctrl-C ends it.")


if __name__ == "__main__":
    command(prog_name="binnode sim console")
