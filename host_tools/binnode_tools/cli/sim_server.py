"""`binnode sim server udp://HOST:1700`: virtual nodes in real time at a real LoRaWAN server."""

import re
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.markup import escape

from binnode_tools import boards, paths
from binnode_tools.cli import values
from binnode_tools.cli.main import FAILED, console, fail
from binnode_tools.lora_network import regions, registration
from binnode_tools.private_files import private_folder, write_private
from binnode_tools.virtual_board import live_memory
from binnode_tools.virtual_board.live import Live, Site
from binnode_tools.virtual_board.vm_process import VmError

PORT = 1700
_COLUMN = 9
SILENT = """\
No answer. The nodes are switched on when there is one. What to look at:
  does a server listen there? Of ChirpStack it is the Gateway Bridge (Semtech UDP); Docker publishes it as 1700:1700/udp
  is the gateway's EUI registered? The Things Stack answers no other gateway
  is it the right address? Of The Things Stack it is the cluster's, as in eu1.cloud.thethings.network
  is there a firewall between?"""


def address_of(url: str) -> tuple[str, int]:
    """Host and port of "udp://HOST:1700"; the port may be left out. ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme != "udp" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise ValueError(f"{url}: no address of a server; write it as udp://localhost:{PORT}")
    try:
        return parts.hostname, parts.port or PORT
    except ValueError:
        raise ValueError(f"{url}: the port is a number from 1 to 65535, usually {PORT}") from None


class _Address(click.ParamType):
    name = "url"

    def convert(self, value, param, ctx) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        try:
            return address_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command(short_help="nodes in real time at a real LoRaWAN server")
@click.argument("server", type=_Address(), metavar="udp://HOST:1700")
@click.option("--nodes", metavar="N", type=click.IntRange(1, 50), default=1, show_default=True, help="how many")
@click.option(
    "--region",
    type=click.Choice(list(regions.REGIONS)),
    metavar="NAME",
    default="EU868",
    show_default=True,
    help="the server's, as in US915",
)
@click.option(
    "--sub-band",
    metavar="1..8",
    type=click.IntRange(1, 8),
    default=2,
    show_default=True,
    help="of US915 and AU915: the server's",
)
@click.option(
    "--board",
    metavar="NAME",
    default="heltec_v3",
    show_default=True,
    shell_complete=values.boards,
    help="name in boards/, or a .toml file",
)
@click.option(
    "--measure-s",
    metavar="SECONDS",
    type=click.IntRange(10, 86400),
    default=60,
    show_default=True,
    help="from one report to the next; the bin fills by 7 % meanwhile",
)
@click.option("--acks", type=click.Choice(["every", "some"]), default="every", show_default=True, help="lora_acks")
@click.option(
    "--register",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="write what the servers take for registration into this folder, with the keys",
)
@click.option(
    "--memory",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="keys and counters between runs; delete it for new keys  [default: build/server/HOST-PORT]",
)
@click.option("--rejoin", is_flag=True, help="forget the session: the node was registered anew")
@click.option(
    "--seconds",
    metavar="SECONDS",
    type=click.IntRange(1),
    help="end after so long; fails if the server has never answered",
)
def command(
    server: tuple[str, int],
    nodes: int,
    region: str,
    sub_band: int,
    board: str,
    measure_s: int,
    acks: str,
    folder: Path | None,
    memory: Path | None,
    rejoin: bool,
    seconds: int | None,
) -> None:
    """Virtual nodes in real time at a real LoRaWAN server, by Semtech UDP, until Ctrl-C.

    Works with ChirpStack (its Gateway Bridge) and The Things Stack. Prints first what to register there.

    \b
    binnode sim server udp://localhost:1700 --register import
    binnode sim server udp://eu1.cloud.thethings.network:1700 --measure-s 600
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    out = console()
    host, port = server
    site = Site(host, port, region, sub_band, nodes, board, measure_s, {"lora_acks": acks}, rejoin)
    kept = None
    live = None
    try:
        if boards.load(board).radio is None:
            fail(f"{board} has no LoRa radio; heltec_v3 has one, and lilygo_t3s3 and lilygo_lora32_v21", FAILED)
        place = re.sub(r"[^\w.-]", "_", f"{host}-{port}")
        kept = live_memory.Memory(memory or paths.BUILD / "server" / place)
        live = _open(site, kept, out)
        _introduce(live, out)
        if folder:
            _register(live, folder, out)
        sys.stdout.flush()
        end_s = time.monotonic() + seconds if seconds else None
        live.run(lambda: end_s is not None and time.monotonic() >= end_s)
    except KeyboardInterrupt:
        pass
    except (VmError, live_memory.InUseError, OSError) as error:
        fail(str(error), FAILED)
    finally:
        if live:
            live.close()
        if kept:
            kept.close()
    if live:
        done = live.counts
        out.print(
            f"{done['uplinks']} uplinks, {done['downlinks']} downlinks, {done['refused']} downlinks refused; "
            f"{done['reports']} reports acknowledged"
            if acks == "every"
            else f"{done['uplinks']} uplinks, {done['downlinks']} downlinks, {done['refused']} downlinks refused"
        )
        if seconds and live.answered is not True and not any(node.starts for node in live.boards):
            fail(f"{host}:{port} has not answered", FAILED)


def _open(site: Site, kept: live_memory.Memory, out: Console) -> Live:
    def say(who: str, text: str) -> None:
        style = "bold red" if "refused" in text or "does not answer" in text or "failed" in text else ""
        line = f"{time.strftime('%H:%M:%S')}  {who:<{_COLUMN}} {text}"
        out.print(line, style=style, markup=False, soft_wrap=True)
        if who == "server" and "does not answer" in text:
            out.print(SILENT, markup=False, soft_wrap=True)
        sys.stdout.flush()

    try:
        return Live(site, kept, say)
    except OSError as error:
        raise OSError(f"{site.host}: no address for this name ({error.strerror or error})") from None


def _introduce(live: Live, out: Console) -> None:
    """What the server must know."""
    site, region = live.site, live.network.server.region
    plan = registration.frequency_plan(region, site.sub_band)
    band = f", sub-band {site.sub_band}" if region.fixed else ""
    rows = [
        f"Nodes at {site.host}:{site.port}, in real time. To be registered there (host_tools/docs/lorawan.md):",
        f"  gateway   EUI {live.gateway.eui.upper()}, Semtech UDP",
        f"  region    {region.name}{band}; The Things Stack calls it {plan}",
        "  devices   LoRaWAN 1.0.4, RP002-1.0.3, class A, OTAA",
    ]
    for device in live.devices:
        assert device.app_key is not None
        euis = f"DevEUI {device.dev_eui.hex().upper()}  JoinEUI {device.join_eui.hex().upper()}"
        rows.append(f"  {device.name:<9} {euis}  AppKey {device.app_key.hex().upper()}")
    rows.append(f"Keys and counters are kept in {_shown(live.memory.folder)}. Ctrl-C ends it.")
    if site.host.endswith("thethings.network"):
        rows.append(
            "Fair use of The Things Network: 30 s of air time and 10 downlinks a day for each device, which a report a "
            f"{site.measure_s} s is above; stop it when you have seen enough."
        )
    for row in rows:
        out.print(escape(row), soft_wrap=True)


def _register(live: Live, folder: Path, out: Console) -> None:
    private_folder(folder)
    texts = registration.files(live.devices, live.network.server.region, live.site.sub_band)
    for name, text in texts.items():
        write_private(folder / name, text)
    out.print(escape(f"Written to {_shown(folder)}, readable for you alone: {', '.join(texts)}"), soft_wrap=True)


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
