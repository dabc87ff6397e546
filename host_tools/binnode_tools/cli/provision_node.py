"""`binnode provision node`: the keys and the network of one node."""

import getpass
import sys
from pathlib import Path
from typing import TextIO

import click

from binnode_tools import fleet as fleets
from binnode_tools import node_provisioning, provisioning
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import provision_outputs, values
from binnode_tools.cli.main import FAILED, fail
from binnode_tools.cli.provision_outputs import FILE, Outputs, row_of, tell
from binnode_tools.fleet import Ledger
from binnode_tools.node_service import NodeService
from binnode_tools.provisioning import Entry, ProvisioningError


@click.command(short_help="one node, at a port or as a file")
@click.argument("assignments", nargs=-1, metavar="[NAME=VALUE ...]", shell_complete=values.assignments)
@click.option("--name", metavar="TEXT", help="how the node calls itself; of the fleet's ledger too")
@click.option("--region", metavar="NAME", help="LoRaWAN region, as in EU868", shell_complete=values.regions)
@click.option("--sub-band", metavar="1..8", help="of US915 and AU915  [default: 2]")
@click.option("--dev-eui", metavar="HEX", help="[default: from the chip's MAC address]")
@click.option("--join-eui", metavar="HEX", help="[default: zeros]")
@click.option("--serial", metavar="TEXT", help="serial number, for the label")
@click.option("--owner-token", metavar="TEXT", help="for the label: proves ownership to a join server")
@click.option("--profile-id", metavar="HEX", help="for the label: VendorID and VendorProfileID")
@click.option(
    "--secret-file",
    metavar="FILE",
    type=click.File("r", encoding="utf-8"),
    help="lines NAME=VALUE: wifi_key, mqtt_key, app_key; - is stdin",
)
@click.option("--new-keys", is_flag=True, help="replace an AppKey that the node has and the ledger does not")
@click.option("--output", metavar="FILE", type=FILE, help="write a provisioning file for binnode flash, with the keys")
@click.option("--yes", is_flag=True, help="ask nothing, take what is missing by default")
@provision_outputs.options
@serial_port.options
def command(
    assignments: tuple[str, ...],
    secret_file: TextIO | None,
    new_keys: bool,
    output: Path | None,
    yes: bool,
    outputs: Outputs,
    port: str | None,
    wait: float,
    as_json: bool,
    **fields: str | None,
) -> None:
    """One node: at --port, or into a provisioning file (--output), or both.

    NAME=VALUE: any setting of binnode config, as in wifi_ssid=Depot mqtt_host=192.168.1.10. Secrets are asked for, or
    come from --secret-file: everybody on this computer can read a command line.

    \b
    binnode provision node --name "Gate 3" --region EU868
    binnode provision node --name Gate wifi_ssid=Depot mqtt_host=192.168.1.10
    binnode provision node --name Gate --region EU868 --output gate.json
    """
    named = serial_port.named_port(port)
    at = named if named or output else serial_port.chosen(None)
    try:
        asked = _asked(assignments, fields, secret_file)
        with fleets.opened(outputs.ledger) as ledger:
            if sys.stdin.isatty() and not yes and not as_json:
                _ask(asked, ledger)
            entry, created = _provision(asked, ledger, at, wait, new_keys)
        if output:
            provisioning.write_file(output, entry)
        files = ([output] if output else []) + outputs.write([entry])
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", FAILED)
    row = {**row_of(entry, created), "written": bool(at)}
    tell(as_json, {"ledger": str(outputs.ledger), "nodes": [row], "files": [str(file) for file in files]})


def _provision(asked: Entry, ledger: Ledger, at: str | None, wait: float, new_keys: bool) -> tuple[Entry, str]:
    if not at:
        return node_provisioning.provision(asked, ledger)
    told: list[bool] = []

    def stopped() -> str:
        if not told:
            return "Nothing was changed."
        return f"The node has all of it or nothing, and its keys are in {ledger.path}: call this again."

    with serial_port.connected(at, wait, stopped) as link:
        return node_provisioning.provision(asked, ledger, NodeService(link), new_keys, lambda: told.append(True))
    raise AssertionError("unreachable")


def _asked(assignments: tuple[str, ...], fields: dict[str, str | None], secret_file: TextIO | None) -> Entry:
    entry = Entry()
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ProvisioningError(f"{name}: write {name}=VALUE")
        if provisioning.is_secret(name):
            raise ProvisioningError(
                f"{name}: a secret, and everybody on this computer can read a command line. Write {name}=VALUE into a "
                "file for --secret-file"
            )
        provisioning.put(entry, name, text)
    for name, text in fields.items():
        if text:
            provisioning.put(entry, name, text)
    for number, line in enumerate(secret_file.read().splitlines() if secret_file else [], 1):
        name, equals, text = line.partition("=")
        if line.strip() and not (equals and provisioning.is_secret(name.strip())):
            raise ProvisioningError(
                f"--secret-file, line {number}: must be NAME=VALUE; names: wifi_key, mqtt_key, app_key"
            )
        if line.strip():
            provisioning.put(entry, name.strip(), text)
    return entry


def _ask(asked: Entry, ledger: Ledger) -> None:
    """What is missing, from the person at the terminal; Enter leaves it out."""
    if not asked.name:
        _prompt(asked, "name", "Name of the node")
    known = ledger.find(asked.name, asked.dev_eui)
    config = {**(known.config if known else {}), **asked.config}
    if "transport" not in config and "lora_region" not in config and "wifi_ssid" not in config:
        _prompt(asked, "region", "LoRaWAN region, as in EU868 (Enter: Wi-Fi)")
        if "lora_region" not in asked.config:
            _prompt(asked, "wifi_ssid", "Name of the Wi-Fi network")
            _prompt(asked, "mqtt_host", "MQTT broker, name or address")
    if asked.config.get("lora_region") in provisioning.FIXED_PLANS and "lora_sub_band" not in config:
        _prompt(asked, "sub_band", "Sub-band of the network, 1 to 8 (Enter: 2)")
    secrets = {**(known.secrets if known else {}), **asked.secrets}
    for needs, name in (("wifi_ssid", "wifi_key"), ("mqtt_user", "mqtt_key")):
        if {**config, **asked.config}.get(needs) and name not in secrets:
            _prompt(asked, name, f"{name} (not shown; Enter: none)", hidden=True)


def _prompt(asked: Entry, name: str, text: str, hidden: bool = False) -> None:
    while True:
        typed = getpass.getpass(f"{text}: ") if hidden else click.prompt(text, "", show_default=False, err=True)
        try:
            return provisioning.put(asked, name, typed.strip())
        except ProvisioningError as error:
            serial_port.note(str(error))
