"""`binnode wake`: a report now, and what came of it."""

import json
import time
from dataclasses import asdict

import click

from binnode_tools import wake_outcome
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import FAILED, console, fail
from binnode_tools.console_follow import Follower
from binnode_tools.console_lines import Line, Lines
from binnode_tools.node_service import NodeService
from binnode_tools.wake_outcome import Outcome

_START_S = 25  # a reset, the check of all files, 3 s of listening; with some to spare
_MEASURE_S = 25  # what a wake has without its radio (node.py)
_BACK_S = 5.0  # a port of native USB that has come back once and goes: the wake is over
_READ_S = 0.1


@click.command()
@serial_port.options
def command(port: str | None, wait: float, as_json: bool) -> None:
    """Have a node measure and report now, and say what came of it.

    It does not wait for the next report that is due, nor for the end of a
    pause after failed ones. Over LoRaWAN it may take a minute. Exit code 0
    when the report was delivered; with transport=none when it measured.

    \b
    binnode wake
    """
    out = console()
    name = serial_port.chosen(port)
    with serial_port.connected(name, wait) as link:
        service = NodeService(link)
        config = service.show().config
        service.wake()
    budget_s = _START_S + _MEASURE_S + int(max(int(config["wifi_budget_ms"]), int(config["lora_budget_ms"])) / 1000)
    if as_json:
        line = until_it_sleeps(name, budget_s)
    else:
        with out.status("The node starts, listens for 3 s, measures and reports"):
            line = until_it_sleeps(name, budget_s)
    outcome = wake_outcome.of(line, str(config["transport"]), budget_s)
    if as_json and outcome.well:
        click.echo(json.dumps(as_dict(outcome)))
    elif not outcome.well:
        if outcome.wake:
            serial_port.note(f"it measured {wake_outcome.reading(outcome.wake)}")
        fail(outcome.text, FAILED)
    else:
        click.echo(outcome.text)


def as_dict(outcome: Outcome) -> dict:
    return {"well": outcome.well, "text": outcome.text, "wake": asdict(outcome.wake) if outcome.wake else None}


def until_it_sleeps(port: str, budget_s: float) -> Line | None:
    """The line that ends the wake under way: "wake", "wake_failed", "damaged"; "stopped": somebody pressed Ctrl-C;
    None: no such line came."""
    lines, ends = Lines(), time.monotonic() + budget_s
    gone_at, seen = None, False
    with Follower(port) as follower:
        while time.monotonic() < ends:
            said = lines.feed(follower.read(_READ_S))
            if not follower.there:
                said += filter(None, [lines.broken_off()])
                gone_at = gone_at or time.monotonic()
                if seen and time.monotonic() - gone_at > _BACK_S:
                    return None
            else:
                gone_at = None
            for line in said:
                if line.event in ("wake", "wake_failed", "damaged", "stopped"):
                    return line
                seen = seen or line.event == "listens"
    return None
