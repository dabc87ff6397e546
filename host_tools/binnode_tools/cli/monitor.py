"""`binnode monitor`: what a node says, as it says it."""

import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime

import click

from binnode_tools.cli import port as serial_port
from binnode_tools.console_follow import Follower
from binnode_tools.console_lines import Line, Lines
from binnode_tools.serial_ports import check_port

_READ_S = 0.2
_STALE_S = 1.0  # a line without an end, as a prompt is, is shown after this


@click.command()
@serial_port.port_option
@serial_port.json_option
@click.option("--raw", is_flag=True, help="the bytes as they come, without times")
@click.option("--seconds", metavar="SECONDS", type=click.FloatRange(0), help="end by itself after so long")
def command(port: str | None, as_json: bool, raw: bool, seconds: float | None) -> None:
    """Show what a node prints, with the time, until Ctrl-C.

    It sends nothing and resets nothing. The node may sleep, be reset,
    unplugged and plugged in again: this goes on. A board with USB of its own
    has its port only while it is awake; the node may be plugged in later too.
    With --json one object a line; a wake's line comes taken apart.

    \b
    binnode monitor
    binnode monitor --port /dev/ttyUSB0 --json
    """
    name = serial_port.chosen(port)
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        for event in watched(name, ends, raw):
            if isinstance(event, bytes):
                sys.stdout.buffer.write(event)
                sys.stdout.buffer.flush()
            elif as_json:
                click.echo(json.dumps({"time": _now().isoformat(timespec="milliseconds"), **event.as_json()}))
            elif not raw:
                click.echo(f"{_now():%H:%M:%S.%f}"[:-3] + f" {event.text}")
    except KeyboardInterrupt:
        click.echo(err=True)  # off the line where ^C stands
    except BrokenPipeError:  # of head, say
        sys.stderr.close()


def watched(port: str, ends: float | None, raw: bool = False) -> Iterator[Line | bytes]:
    """Lines as they end, or bytes with `raw`, until `ends` of time.monotonic(). Notes about the port go to stderr."""
    lines, there, fresh_at = Lines(), None, 0.0
    with Follower(port) as follower:
        while ends is None or time.monotonic() < ends:
            data = follower.read(_READ_S)
            if follower.there != there:
                yield from filter(None, [lines.broken_off()])
                serial_port.note(_port_text(port, follower.there, there))
                there = follower.there
            if data:
                fresh_at = time.monotonic()
                if raw:
                    yield data
                else:
                    yield from lines.feed(data)
            elif time.monotonic() - fresh_at > _STALE_S:
                yield from filter(None, [lines.broken_off()])
        if not follower.has_been:
            check_port(port)  # it was never there: raises the reason


def _port_text(port: str, there: bool, before: bool | None) -> str:
    if there:
        return f"listening to {port}; Ctrl-C ends it" if before is None else f"{port} is back"
    if before is None:
        return f"there is no port {port} yet: the node sleeps, or the name is another; Ctrl-C ends the waiting"
    return f"{port} has gone: the node sleeps, or it was unplugged"


def _now() -> datetime:
    return datetime.now().astimezone()
