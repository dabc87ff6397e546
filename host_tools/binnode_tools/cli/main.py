"""`binnode`: the command line. Commands live in one module each, loaded when they are called."""

import importlib
import os
import sys

import click
from rich.console import Console

# command -> (module, one line of help for the overview). A module has `command`, a click command or group.
COMMANDS = {
    "calibrate": ("calibrate", "measure empty and full, and save them on the node"),
    "config": ("config", "show and set what the node is told"),
    "deploy": ("deploy", "copy the application to a board that runs MicroPython"),
    "flash": ("flash", "put MicroPython, the application and its settings on a board, in one go"),
    "image": ("image", "write to a file what flash writes to a board"),
    "measure": ("measure", "one reading of a connected node"),
    "modules": ("modules", "the distance modules: range, blind zone, wiring"),
    "provision": ("provision", "keys, network and labels for one node or a fleet"),
    "sim": ("sim", "the virtual board: a node without hardware"),
}

USAGE_ERROR, FAILED, NO_DEVICE, DISAGREES = 2, 1, 3, 4


class Lazy(click.Group):
    """Commands by name, imported when asked for, so that `binnode --help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(f"binnode_tools.cli.{COMMANDS[cmd_name][0]}").command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in sorted(COMMANDS.items())])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="binnode-tools", prog_name="binnode")
def cli() -> None:
    """Tools of binnode, the open bin sensor."""


def console() -> Console:
    """Where results go; colour follows NO_COLOR and the terminal."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    return Console(width=width, highlight=False)


def fail(message: str, code: int = FAILED) -> None:
    """Say what went wrong and what to try, on stderr, and end with `code`."""
    click.echo(f"binnode: {message}", err=True)
    sys.exit(code)


def main() -> None:
    cli(prog_name="binnode")
