"""`binnode`: the command line. Commands live in one module each, loaded when they are called."""

import importlib
import json
import os
import sys
from typing import Any, NoReturn

import click
from rich.console import Console

from binnode_tools import problems
from binnode_tools.cli import values
from binnode_tools.problems import Problem

# command -> (module, one line of help for the overview). A module has `command`, a click command or group.
COMMANDS = {
    "calibrate": ("calibrate", "measure the bin empty and full, and save both"),
    "completion": ("completion", "completion of commands and values, for your shell"),
    "config": ("config", "show, set and check what the node is told"),
    "deploy": ("deploy", "send the application to a board that runs MicroPython"),
    "doctor": ("doctor", "look a node over: what is wrong, and what to do"),
    "flash": ("flash", "a whole node onto a board, in one go"),
    "image": ("image", "write to a file what flash writes to a board"),
    "measure": ("measure", "one reading of the node, or more"),
    "modules": ("modules", "the distance modules: range, blind zone, wiring"),
    "monitor": ("monitor", "what a node prints, as it prints it"),
    "provision": ("provision", "keys, network and labels for one node or a fleet"),
    "sim": ("sim", "the virtual board: a node without hardware"),
    "sleep": ("sleep", "storage: sleep until button or reset"),
    "wake": ("wake", "measure and report now, and say what came of it"),
}

# How `binnode --help` groups them, in the order of a technician's day.
SECTIONS = {
    "Set up a board": ("flash", "image", "provision", "deploy"),
    "In the bin": ("modules", "measure", "calibrate", "config", "wake"),
    "Look after it": ("doctor", "monitor", "sleep"),
    "Without hardware": ("sim", "completion"),
}

EXAMPLES = """\
binnode flash --board heltec_v3
binnode provision node --name "Gate 3" --region EU868
binnode calibrate --module a02yyuw
binnode --port COM3 measure --count 5"""

EXIT_CODES = (
    ("0", "done"),
    ("1", "failed, refused or stopped: the message says what is left"),
    ("2", "wrong usage, or more than one port fits"),
    ("3", "no board there: port, permission, no answer"),
    ("4", "what was read back differs"),
    ("5", "the distance module or the bin"),
    ("6", "the board's software or its board file does not fit"),
)

FAILED, USAGE_ERROR, NO_DEVICE, DISAGREES = problems.FAILED, problems.USAGE, problems.NO_BOARD, problems.DIFFERS
IN_THE_BIN, MISFIT = problems.IN_THE_BIN, problems.MISFIT
_ARGS, _PORT = "binnode.args", "binnode.port"  # in a context's meta, which its sub-commands share


class Lazy(click.Group):
    """Commands by name, imported when asked for, so that `binnode --help` is quick. A Problem ends any of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"binnode_tools.cli.{COMMANDS[cmd_name][0]}").command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_ARGS] = list(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Problem as problem:
            fail(str(problem), problem.exit, problem.code)
        except (KeyboardInterrupt, click.Abort):
            click.echo(err=True)  # off the line where ^C stands
            fail("stopped", code="stopped")
        except click.UsageError as error:  # click itself prints it, with the usage
            _result_of_error("usage", error.format_message())
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, names in SECTIONS.items():
            rows = [(f"{name:<{width}}", COMMANDS[name][1]) for name in names if name in COMMANDS]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            for line in EXAMPLES.splitlines():
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
        with formatter.section("Exit codes"):
            formatter.write_dl(EXIT_CODES)
        formatter.write_paragraph()
        formatter.write_text("binnode COMMAND --help tells more. Results go to stdout, all else to stderr.")


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-p", "--port", metavar="PORT", help=values.PORT_HELP, shell_complete=values.ports)
@click.version_option(package_name="binnode-tools", prog_name="binnode")
@click.pass_context
def cli(ctx: click.Context, port: str | None) -> None:
    """Set up, calibrate and look after binnode, the open bin sensor."""
    ctx.meta[_PORT] = port


def named_port(port: str | None) -> str | None:
    """The port that the command line names: `port`, a command's own --port, or the one before the command."""
    ctx = click.get_current_context(silent=True)
    return port or (ctx.meta.get(_PORT) if ctx else None)


def console() -> Console:
    """Where results go; colour follows NO_COLOR and the terminal."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return Console(width=width, highlight=False)


def fail(message: str, exit_code: int = FAILED, code: str | None = None) -> NoReturn:
    """Say what went wrong and what to try, on stderr, with --json on stdout too, and end with `exit_code`.

    `code`: a key of problems.EXITS.
    """
    click.echo(f"binnode: {message}", err=True)
    _result_of_error(code or {USAGE_ERROR: "usage", DISAGREES: "read_back"}.get(exit_code, "failed"), message)
    sys.exit(exit_code)


def _result_of_error(code: str, text: str) -> None:
    """For scripts: the result is an error."""
    ctx = click.get_current_context(silent=True)
    if ctx and (ctx.params.get("as_json") or "--json" in ctx.meta.get(_ARGS, ())):
        click.echo(json.dumps({"error": {"code": code, "text": text}}))


def main() -> None:
    cli(prog_name="binnode")
