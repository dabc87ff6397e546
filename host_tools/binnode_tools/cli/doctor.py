"""`binnode doctor`: what is wrong with a node, and what to do about it, on one page."""

import json
import sys
from dataclasses import asdict, replace
from importlib.metadata import version

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from binnode_tools import boards, checkup, diagnosis, firmware_rules, image
from binnode_tools.board_link import BoardLink
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.live_view import distance, pings, tenths, volts
from binnode_tools.cli.main import FAILED, console
from binnode_tools.codec.diagnostics import CAUSES
from binnode_tools.diagnosis import Finding, Patient
from binnode_tools.node_service import NodeError, NodeService, Reading
from binnode_tools.serial_ports import LineBroke, LinkError

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_WIDTH = 80


@click.command()
@serial_port.options
def command(port: str | None, wait: float, as_json: bool) -> None:
    """Look a node over, and say what is wrong and what to do.

    \b
    Its files, settings, memory, last crash, NVS, LoRa radio, LoRaWAN session,
    distance module, thermometer and battery. It sends nothing; the node goes
    on with its work when this ends. Exit code 1 when a finding is an error.

    \b
    binnode doctor
    """
    out = console()
    with serial_port.connected(port, wait) as link:
        if as_json:
            patient = look(link)
        else:
            with out.status("Looking it over"):
                patient = look(link)
    found = diagnosis.findings(patient)
    if as_json:
        click.echo(json.dumps(as_dict(patient, found)))
    else:
        page(out, patient, found)
    if any(finding.level == "error" for finding in found):
        sys.exit(FAILED)


def look(link: BoardLink) -> Patient:
    """All that the findings need to know of the node at the other end."""
    service = NodeService(link, lambda text: None)  # another version is a finding here
    facts = checkup.of(service.doctor())
    settings = service.show()
    try:
        reading = service.measure()
    except NodeError as error:  # a pin that the chip does not have, say
        reading = Reading("fault", None, 0, 0, None, [], None, None, None)
        facts = replace(facts, failed={**facts.failed, "reading": str(error)})
    thermometer = None
    if settings.config["thermometer"] == "ds18b20":
        try:
            thermometer = service.thermometer_c10()
        except LineBroke:
            raise
        except LinkError:  # as above
            pass
    try:
        board_chip = boards.load(facts.info.board).chip
    except boards.BoardError:
        board_chip = None
    own = version("binnode-tools"), image.commit()
    defaults = firmware_rules.defaults()
    return Patient(facts, settings, reading, link.identity.chip, board_chip, *own, defaults, thermometer)


def as_dict(patient: Patient, found: list[Finding]) -> dict:
    """The result for scripts."""
    return {
        "findings": [{"code": one.code, "level": one.level, "text": one.text, "remedy": one.remedy} for one in found],
        "node": asdict(patient.checkup),
        "config": patient.settings.config,
        "secrets": patient.settings.secrets,
        "reading": asdict(patient.reading),
        "tools": {"version": patient.version, "commit": patient.commit},
    }


def page(out: Console, patient: Patient, found: list[Finding]) -> None:
    info = patient.checkup.info
    out.width = min(out.width, _WIDTH)
    name = str(patient.settings.config["name"]) or "(no name)"
    out.print(Text.assemble((name, "bold"), f"  {info.board}, {info.device_id}"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for title, text in rows(patient):
        table.add_row(title, Text(text))
    out.print(table)
    out.print()
    if not found:
        out.print("Nothing is wrong.", style="green")
        return
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        colour = _COLOURS[finding.level]
        table.add_row(Text(finding.level, style=colour), Text(finding.text, style=colour if out.color_system else ""))
        if finding.remedy:
            table.add_row("", Text(finding.remedy))
    out.print(table)


def rows(patient: Patient) -> list[tuple[str, str]]:
    """What was looked at, in words: (title, text)."""
    facts, reading, config = patient.checkup, patient.reading, patient.settings.config
    info = facts.info
    told = [
        ("firmware", f"{info.version} ({info.commit}), MicroPython {info.micropython}"),
        ("started by", CAUSES[facts.cause].replace("_", " ") if facts.cause < len(CAUSES) else "unknown"),
        ("wakes", _wakes(patient)),
        ("reports", _reports(patient)),
    ]
    seen = [reading.kind]
    seen += [] if reading.distance_mm is None else [distance(reading.distance_mm)]
    seen += [] if reading.fill_permille is None else [tenths(reading.fill_permille, "%")]
    told.append(("reading", f"{', '.join(seen)}; pings agree: {pings(reading)}"))
    air = tenths(reading.temperature_c10, "C")
    told.append(("air", f"{air} ({'DS18B20' if patient.thermometer_c10 is not None else 'the chip'})"))
    battery = "not measured on this board" if reading.battery_mv is None else volts(reading.battery_mv)
    told.append(("battery", battery))
    if facts.radio or "radio" in facts.failed:
        told.append(("LoRa radio", "answers and calibrates" if facts.radio else "fails"))
    if "lorawan" in (config["transport"], config["fallback"]) or facts.session:
        told.append(("LoRaWAN", _session(facts.session)))
    files = "not looked at" if facts.damaged is None else f"{len(facts.damaged)} damaged" if facts.damaged else "whole"
    room = f"; {facts.flash[0] // 1024} of {facts.flash[1] // 1024} KiB free" if facts.flash else ""
    told.append(("files", files + room))
    told.append(("NVS", "takes and keeps records" if facts.nvs else "fails"))
    return told


def span(seconds: int) -> str:
    """A time in words of one unit, rounded down: "45 s", "12 min", "5 h", "3 days"."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (unit != "days" and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _wakes(patient: Patient) -> str:
    state = patient.checkup.state
    every = f"every {span(int(patient.settings.config['measure_s']))}, the next when this command ends"
    return every if state is None or patient.checkup.no_state else f"{state.wakes} so far; {every}"


def _reports(patient: Patient) -> str:
    state = patient.checkup.state
    if state is None or patient.checkup.no_state:
        return "none since it was powered on"
    last = "" if state.first else f", the last {span(max(patient.checkup.now_s - state.reported_at_s, 0))} ago"
    waiting = "1 reading waits" if state.waiting == 1 else f"{state.waiting} readings wait"
    return f"{state.reports}{last}; {waiting}"


def _session(session: checkup.Session | None) -> str:
    if session is None or not session.joined:
        return "not joined"
    down = "none" if session.fcnt_down is None else str(session.fcnt_down)
    rate, counters = f"data rate {session.dr}", f"counters {session.fcnt_up} up, {down} down"
    return f"joined as {session.dev_addr:08X}, {rate}, {counters}"
