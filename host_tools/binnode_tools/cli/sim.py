"""`binnode sim`: the virtual board from the command line."""

import importlib
import json
import sys
from pathlib import Path

import click
from rich.markup import escape

from binnode_tools import paths
from binnode_tools.cli import values
from binnode_tools.cli.main import DISAGREES, FAILED, console, fail
from binnode_tools.cli.port import json_option, note
from binnode_tools.lora_network.regions import REGIONS

_LATER = {"console": "sim_console", "server": "sim_server"}  # command -> module


class _Later(click.Group):
    """Commands that are loaded when they are called. `binnode sim --server URL` is `binnode sim server URL`, and
    `binnode sim --console` is `binnode sim console`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LATER])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LATER:
            return importlib.import_module(f"binnode_tools.cli.{_LATER[cmd_name]}").command
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for at, arg in enumerate(args if args and args[0].startswith("-") else []):
            name, equals, url = arg.partition("=")
            if name == "--server":
                args = [
                    "server",
                    *([url] if equals else args[at + 1 : at + 2]),
                    *args[:at],
                    *args[at + 2 - len(equals) :],
                ]
                break
            if arg == "--console":
                args = ["console", *args[:at], *args[at + 1 :]]
                break
        return super().parse_args(ctx, args)


@click.group(cls=_Later)
def command() -> None:
    """The virtual board: the real firmware on the real MicroPython, without hardware.

    \b
    binnode sim run --days 3                  a real bin, in virtual time
    binnode sim console                       a node on a serial port, in real time
    binnode sim server udp://localhost:1700   nodes at a real LoRaWAN server
    """


@command.command(short_help="a real bin, replayed in virtual time")
@click.option("--bin", "bin_id", metavar="ID", help="bin of the data set  [default: 1511199; --list-bins shows them]")
@click.option("--days", metavar="N", type=click.IntRange(1, 60), default=14, show_default=True, help="days to replay")
@click.option("--seed", metavar="N", type=int, default=1, show_default=True, help="everything that chance decides")
@click.option(
    "--transport",
    type=click.Choice(["lorawan", "wifi"]),
    default="lorawan",
    show_default=True,
    help="how it reports",
)
@click.option(
    "--region", type=click.Choice(list(REGIONS)), metavar="NAME", default="EU868", show_default=True, help="of LoRaWAN"
)
@click.option(
    "--board",
    metavar="NAME",
    shell_complete=values.boards,
    help="name in boards/, or a .toml file  [default: heltec_v3; over Wi-Fi esp32_devkit]",
)
@click.option(
    "--thermometer", type=click.Choice(["ds18b20", "chip"]), default="ds18b20", show_default=True, help="what is fitted"
)
@click.option(
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=None,
    help="where the results go  [default: build/run]",
)
@click.option("--trace", "trace_log", metavar="FILE", type=click.Path(path_type=Path), help="write every act to it")
@click.option("--list-bins", is_flag=True, help="the bins there are, and no run")
@json_option
def run(
    bin_id: str | None,
    days: int,
    seed: int,
    transport: str,
    region: str,
    board: str | None,
    thermometer: str,
    output: Path | None,
    trace_log: Path | None,
    list_bins: bool,
    as_json: bool,
) -> None:
    """Replay a real bin: measure every 15 minutes, report over LoRaWAN or MQTT, compare with the truth.

    \b
    binnode sim run --days 3
    binnode sim run --transport wifi --bin 1511204 --json
    """
    from binnode_tools.virtual_board import bin_levels, run_chart, run_picture, run_report, simulation
    from binnode_tools.virtual_board.broker import BrokerError
    from binnode_tools.virtual_board.vm_process import VmError

    if list_bins:
        click.echo("\n".join(bin_levels.bins()))
        return
    out = console()
    settings = simulation.Settings(
        bin_id=bin_id or simulation.DEFAULT_BIN,
        days=days,
        seed=seed,
        board=board or simulation.BOARDS[transport],
        transport=transport,
        region=region,
        thermometer=thermometer,
        trace_log=trace_log,
    )
    folder = output or paths.BUILD / "run"
    try:
        if not as_json:
            simulation.micropython_command()
            way = f"LoRaWAN {region}" if transport == "lorawan" else "Wi-Fi"
            out.print(
                f"Bin {escape(settings.bin_id)}, {days} days, seed {seed}, on the virtual {escape(settings.board)} "
                f"over {way}: real firmware, real MicroPython, virtual time"
            )
        with run_report.Progress(out, days * 96, days) as progress:
            measured = 0

            def on_wake(wake, reports) -> None:
                nonlocal measured
                measured += wake.measured_us is not None
                for report in [] if as_json else reports:
                    out.print(run_report.report_line(report, out.options.ascii_only))
                progress.update(measured, wake.started_us / 1e6)

            result = simulation.run(settings, on_wake)
    except (bin_levels.BinDataError, BrokerError, VmError, simulation.NodeStopped) as error:
        fail(str(error), FAILED)
    except simulation.Disagreement as error:
        fail(f"the reports disagree with what was measured: {error}", DISAGREES, "disagrees")
    run_report.write_summary(result, folder / "summary.json")
    run_picture.draw_png(result, folder / "level.png")
    if as_json:
        click.echo(json.dumps(run_report.summary(result)))
        _print_findings(result.findings)
        sys.exit(DISAGREES if result.findings else 0)
    run_chart.print_chart(result, out, width=min(out.width, 120))
    run_report.print_table(result, out)
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    out.print(f"Picture and numbers: {shown}/level.png, {shown}/summary.json")
    _print_findings(result.findings)
    sys.exit(DISAGREES if result.findings else 0)


def _print_findings(findings: list[str]) -> None:
    if findings:
        note("what the chip accepts and what bites later (MISUSE.md):\n" + "\n".join(findings))
