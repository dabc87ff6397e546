"""`binnode provision node`: the keys and the network of one node."""

import getpass
import sys
from pathlib import Path
from typing import TextIO

import click

from binnode_tools import fleet as fleets
from binnode_tools import provisioning
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import provision_outputs
from binnode_tools.cli.main import FAILED, USAGE_ERROR, fail
from binnode_tools.cli.provision_outputs import FILE, Outputs, became, row_of, tell
from binnode_tools.fleet import Ledger
from binnode_tools.node_service import NodeError, NodeService
from binnode_tools.provisioning import APP_KEY, Entry, ProvisioningError


@click.command(short_help="one node, at a port or as a file")
@click.argument("assignments", nargs=-1, metavar="[NAME=VALUE ...]")
@click.option("--name", help="how the node calls itself; of the fleet's ledger too")
@click.option("--region", help="LoRaWAN region, as in EU868")
@click.option("--sub-band", metavar="1..8", help="of US915 and AU915 [default: 2]")
@click.option("--dev-eui", metavar="HEX", help="[default: from the chip's MAC address]")
@click.option("--join-eui", metavar="HEX", help="[default: zeros]")
@click.option("--serial", help="serial number, for the label")
@click.option("--owner-token", help="for the label: proves ownership to a join server")
@click.option("--profile-id", metavar="HEX", help="for the label: VendorID and VendorProfileID")
@click.option(
    "--secret-file",
    type=click.File("r", encoding="utf-8"),
    help="lines NAME=VALUE: wifi_key, mqtt_key, app_key; - is stdin",
)
@click.option("--new-keys", is_flag=True, help="replace an AppKey that the node has and the ledger does not")
@click.option("--output", type=FILE, help="write a provisioning file for binnode flash, with the keys")
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
    """
    if not port and not output:
        fail("say where to: --port PORT, --output FILE, or both", USAGE_ERROR)
    try:
        asked = _asked(assignments, fields, secret_file)
        with fleets.opened(outputs.ledger) as ledger:
            if sys.stdin.isatty() and not yes and not as_json:
                _ask(asked, ledger)
            entry, created = _provision(asked, ledger, port, wait, new_keys)
        if output:
            provisioning.write_file(output, entry)
        files = ([output] if output else []) + outputs.write([entry])
    except ProvisioningError as error:
        fail(str(error), FAILED)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", FAILED)
    else:
        row = {**row_of(entry, created), "written": bool(port)}
        tell(as_json, {"ledger": str(outputs.ledger), "nodes": [row], "files": [str(file) for file in files]})


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


def _provision(asked: Entry, ledger: Ledger, port: str | None, wait: float, new_keys: bool) -> tuple[Entry, str]:
    """(the ledger's entry, what became of its AppKey). It is in the ledger before the node hears of it."""
    if not port:
        return _settled(asked, ledger)
    told = False

    def stopped() -> str:
        if not told:
            return "Nothing was changed."
        return f"The node has all of it or nothing, and its keys are in {ledger.path}: call this again."

    with serial_port.connected(port, wait, stopped) as link:
        service = NodeService(link)
        before = service.show()
        own = provisioning.dev_eui_of(service.info().device_id)
        known = ledger.find(asked.name, asked.dev_eui)
        if not asked.dev_eui and not (known and known.dev_eui):
            asked.config["lora_dev_eui"] = own
            known = known or ledger.find("", own)
        if known and not asked.dev_eui and known.dev_eui[6:10] == "fffe" and known.dev_eui != own:
            raise NodeError(
                f"name = {known.name}: the ledger {ledger.path} has it with another chip's DevEUI, {known.dev_eui}; "
                f"this one's is {own}. Choose another name; if this board takes its place: --dev-eui {known.dev_eui}"
            )
        has = before.secrets.get(APP_KEY) and not (known and known.secrets.get(APP_KEY))
        try:
            if has and APP_KEY not in asked.secrets and not new_keys:
                raise ProvisioningError(
                    f"the node has an AppKey that is not in the ledger {ledger.path}, and it can't be read back. Name "
                    "the ledger that has it (--ledger), give it (--secret-file), or replace it: --new-keys"
                )
            entry, created = _settled(asked, ledger)
        except ProvisioningError as error:
            raise NodeError(str(error)) from None
        told = True
        service.provision(entry.config, entry.secrets)
        after = service.show()
        wrong = [name for name, value in entry.config.items() if after.config.get(name) != value]
        wrong += [name for name in entry.secrets if not after.secrets.get(name)]
        if wrong:
            raise NodeError(f"read back different: {', '.join(wrong)}")
    return entry, created


def _settled(asked: Entry, ledger: Ledger) -> tuple[Entry, str]:
    given = APP_KEY in asked.secrets
    known = ledger.find(asked.name, asked.dev_eui)
    kept = known is not None and APP_KEY in known.secrets
    entry = ledger.merge(asked)
    new = provisioning.complete(entry)
    wrong = provisioning.problems(entry)
    if entry.lorawan and not entry.dev_eui:
        wrong.append("dev_eui: not known; give --dev-eui, or mac=..., or the node itself at --port")
    if wrong:
        raise ProvisioningError("; ".join(wrong))
    ledger.save()
    return entry, became(new, kept, given)
