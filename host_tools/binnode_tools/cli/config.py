"""`binnode config`: what the node is told. Secrets go in, and never come out."""

import getpass
import json
import sys
from pathlib import Path
from typing import TextIO

import click
from rich.markup import escape
from rich.table import Table

from binnode_tools import certificate
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import values
from binnode_tools.cli.main import USAGE_ERROR, console, fail
from binnode_tools.flashing import node_rules
from binnode_tools.node_service import NodeError, NodeService, Settings, Value


@click.group()
def command() -> None:
    """Show, set and check what the node is told.

    \b
    binnode config show
    binnode config set wifi_ssid=Depot mqtt_host=192.168.1.10 wifi_key
    binnode config validate --file bin7.json --board esp32c3
    """


@command.command(short_help="all settings")
@serial_port.options
def show(port: str | None, wait: float, as_json: bool) -> None:
    """Show all settings; of a secret only whether it is set.

    \b
    binnode config show --json
    """
    with serial_port.connected(port, wait) as link:
        settings = NodeService(link, serial_port.note).show()
    if as_json:
        click.echo(json.dumps({"config": settings.config, "problem": settings.problem, "secrets": settings.secrets}))
        return
    table = Table("name", "value", box=None, pad_edge=False)
    for name, value in sorted(settings.config.items()):
        table.add_row(name, escape(str(value)) if value != "" else "[dim](empty)[/]")
    for name, is_set in settings.secrets.items():
        table.add_row(name, "(set, not shown)" if is_set else "[dim](not set)[/]")
    console().print(table)
    if settings.problem:
        serial_port.note(f"the node's config.json is not in order: {settings.problem}")


@command.command(short_help="one setting")
@click.argument("name", shell_complete=values.setting_names)
@serial_port.options
def get(name: str, port: str | None, wait: float, as_json: bool) -> None:
    """Show one setting; of a secret only whether it is set.

    \b
    binnode config get measure_s
    """
    with serial_port.connected(port, wait) as link:
        settings = NodeService(link, serial_port.note).show()
        if name not in settings.config and name not in settings.secrets:
            raise NodeError(f"{name}: unknown; binnode config show lists what there is")
    if name in settings.secrets:
        is_set = settings.secrets[name]
        click.echo(json.dumps({"name": name, "set": is_set}) if as_json else "set" if is_set else "not set")
    else:
        value = settings.config[name]
        click.echo(json.dumps({"name": name, "value": value}) if as_json else value)


@command.command(name="set", short_help="store settings and secrets")
@click.argument(
    "assignments", nargs=-1, required=True, metavar="NAME=VALUE|SECRET ...", shell_complete=values.assignments
)
@click.option(
    "--secret-file",
    metavar="FILE",
    type=click.File("r", encoding="utf-8"),
    help="read the one secret from here; - is stdin",
)
@serial_port.options
def set_(
    assignments: tuple[str, ...], secret_file: TextIO | None, port: str | None, wait: float, as_json: bool
) -> None:
    """Store settings and secrets on the node.

    Of the settings all are stored or, if one is wrong, none.

    A secret (wifi_key, lora_app_key ...) is named without a value, which is then asked for and not shown:
    everybody on this computer can read a command line. In scripts it comes from --secret-file, or a line of stdin each.

    \b
    binnode config set measure_s=600 name="Gate 3"
    binnode config set wifi_ssid=Depot wifi_key
    """
    done: list[str] = []
    with serial_port.connected(
        port, wait, lambda: f"Stored before that: {', '.join(done)}." if done else "Nothing was changed."
    ) as link:
        service = NodeService(link)
        before = service.show()
        changes, secrets = parse(assignments, before)
        if secret_file and len(secrets) != 1:
            raise NodeError("--secret-file: holds one secret; name one")
        texts = {name: _secret(name, secret_file) for name in secrets}
        if changes:
            mended = service.configure(changes)
            done += changes
            if mended:
                serial_port.note(f"the node's config.json was not in order, and is now: {mended}")
        for name, text in texts.items():
            service.keep_secret(name, text)
            done.append(name)
        after = service.show()
        wrong = [name for name, value in changes.items() if after.config.get(name) != value]
        wrong += [name for name in secrets if not after.secrets[name]]
        if wrong:
            raise NodeError(f"read back different: {', '.join(wrong)}", "read_back")
    if as_json:
        click.echo(json.dumps({"changed": changes, "secrets": secrets}))
        return
    out = console()
    for name, value in changes.items():
        was = before.config[name]
        out.print(escape(f"{name} = {value}" + (f" (was {was})" if was not in ("", value) else "")))
    for name in secrets:
        out.print(f"{name}: set")


@command.command(short_help="store the CA's certificate, for MQTT over TLS")
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@serial_port.options
def ca(file: Path, port: str | None, wait: float, as_json: bool) -> None:
    """Store the CA's certificate, for MQTT over TLS.

    PEM or DER; the MQTT broker's certificate must be signed by it.

    \b
    binnode config ca ca.pem
    """
    content = b""
    try:
        content = certificate.to_der(file.read_bytes())
    except ValueError as error:
        fail(f"{file.name} {error}")
    until = certificate.date(certificate.validity(content)[1])
    with serial_port.connected(port, wait, lambda: "The CA that was there before stays.") as link:
        link.write(certificate.CA_FILE + ".new", content)
        link.swap_in([certificate.CA_FILE])
        if link.read(certificate.CA_FILE) != content:
            raise NodeError(
                f"{certificate.CA_FILE}: read back different. Try again; is the board's flash worn out?", "read_back"
            )
    if as_json:
        click.echo(json.dumps({"file": certificate.CA_FILE, "bytes": len(content), "valid_until": until}))
        return
    console().print(
        escape(f"{certificate.CA_FILE}: {len(content)} bytes, valid until {until}. It counts with mqtt_tls=on")
    )


@command.command(short_help="check the node's settings, or a file")
@click.option(
    "--file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="check this file instead, without a node: JSON, some settings or all",
)
@click.option("--board", metavar="NAME", shell_complete=values.boards, help="with --file: the board it is for")
@serial_port.options
def validate(port: str | None, wait: float, as_json: bool, file: Path | None, board: str | None) -> None:
    """Check the node's settings, or those in a file.

    By the rules of the firmware, and with --board by what that board has. Exit code 0 when they are in order, 1 when
    not.

    \b
    binnode config validate
    binnode config validate --file bin7.json --board heltec_v3
    """
    if file:
        config, found = node_rules.check_file(file, board)
        what = file.name
    elif board:
        fail("--board: goes with --file; a node knows its board", USAGE_ERROR)
    else:
        with serial_port.connected(port, wait) as link:
            settings = NodeService(link, serial_port.note).show()
        config, what = settings.config, "the node's config.json"
        found = [settings.problem] if settings.problem else []
    if as_json:
        click.echo(json.dumps({"valid": not found, "problems": found, "config": config}))
        sys.exit(bool(found))
    if found:
        fail(f"{what} is not in order: {'; '.join(found)}")
    console().print(escape(f"{what}: in order"))


def parse(assignments: tuple[str, ...], settings: Settings) -> tuple[dict[str, Value], list[str]]:
    """(settings to change, secrets to ask for). NodeError for what is neither; a value that came with a secret's name
    is not repeated."""
    changes: dict[str, Value] = {}
    secrets = []
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if name in settings.secrets:
            if equals:
                raise NodeError(
                    f"{name}: a secret, and everybody on this computer can read a command line. Give it without "
                    f"a value, to be asked for it: binnode config set {name}"
                )
            secrets.append(name)
        elif not equals:
            names = ", ".join(sorted(settings.secrets))
            raise NodeError(f"{name}: write {name}=VALUE; without a value stand only {names}")
        else:
            changes[name] = _typed(value, settings.config.get(name))
    return changes, secrets


def _typed(text: str, like: Value | None) -> Value:
    """A number where the node has one; what is none goes as it is, for the node to word the error."""
    if isinstance(like, int):
        try:
            return int(text)
        except ValueError:
            pass
    return text


def _secret(name: str, file: TextIO | None) -> str:
    if file:
        return file.read().rstrip("\r\n")
    if sys.stdin.isatty():
        return getpass.getpass(f"{name} (not shown): ")
    line = sys.stdin.readline()
    if not line:
        fail(f"{name}: no line of input left to read it from")
    return line.rstrip("\r\n")
