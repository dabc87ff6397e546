"""`binnode provision`: the keys, the network and the label of one node, or of a fleet."""

from pathlib import Path

import click

from binnode_tools import fleet as fleets
from binnode_tools import private_files, provisioning
from binnode_tools.cli import port as serial_port
from binnode_tools.cli import provision_node, provision_outputs
from binnode_tools.cli.main import FAILED, fail
from binnode_tools.cli.provision_outputs import FOLDER, Outputs, row_of, tell
from binnode_tools.fleet import Ledger
from binnode_tools.node_provisioning import became
from binnode_tools.provisioning import APP_KEY, Entry, ProvisioningError

_MANY = 20  # messages of a CSV that are shown


@click.group()
def command() -> None:
    """Keys, network and labels for one node or a fleet.

    The keys are kept in a ledger, a file that only you can read. Calling this again never changes a key in it.

    \b
    binnode provision node --name "Gate 3" --region EU868
    binnode provision fleet town.csv --output nodes --labels labels
    """


command.add_command(provision_node.command, "node")


@command.command(short_help="all nodes of a CSV")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE.csv")
@click.option("--output", type=FOLDER, metavar="FOLDER", help="write a provisioning file for each node into it")
@provision_outputs.options
@click.option("--json", "as_json", is_flag=True, help="print the result only, as JSON")
def fleet(file: Path, output: Path | None, outputs: Outputs, as_json: bool) -> None:
    """All nodes of a CSV: into the ledger, and into the files that are asked for. Nothing, if one line is wrong.

    \b
    binnode provision fleet town.csv --output nodes --export servers --labels labels
    """
    nodes, files = [], []
    try:
        rows = _rows(file)
        if any(row.entry.secrets for row in rows) and private_files.open_to_others(file):
            serial_port.note(f"{file}: others on this computer can read the keys in it: chmod 600 {file}")
        with fleets.opened(outputs.ledger) as ledger:
            entries, nodes = _all(rows, ledger)
            ledger.save()
        for entry in entries if output else []:
            assert output is not None
            files.append(private_files.private_folder(output) / f"{entry.dev_eui or entry.name.replace('/', '_')}.json")
            provisioning.write_file(files[-1], entry)
        files += outputs.write(entries)
    except ProvisioningError as error:
        lines = str(error).splitlines()
        more = [f"and {len(lines) - _MANY} more"] if len(lines) > _MANY else []
        text = "\n".join([f"{file.name}: nothing was written"] * (len(lines) > 1) + lines[:_MANY] + more)
        fail(text, error.exit, error.code)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", FAILED)
    tell(as_json, {"ledger": str(outputs.ledger), "nodes": nodes, "files": [str(one) for one in files]})


def _rows(file: Path) -> list[fleets.Row]:
    try:
        return fleets.parse(file.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ProvisioningError(f"{file}: no UTF-8; save it as CSV UTF-8") from None


def _all(rows: list[fleets.Row], ledger: Ledger) -> tuple[list[Entry], list[dict]]:
    """The entries of all rows, and what there is to say of them; FleetError when one is wrong."""
    entries, nodes, messages = [], [], []
    for row in rows:
        known = ledger.find(row.entry.name, row.entry.dev_eui)
        kept = known is not None and APP_KEY in known.secrets
        given = APP_KEY in row.entry.secrets
        try:
            entry = ledger.merge(row.entry)
        except ProvisioningError as error:
            messages.append(f"line {row.line}: {error}")
            continue
        if any(entry is other for other in entries):
            messages.append(f"line {row.line}: the ledger has an earlier line's node by this name; give both a dev_eui")
            continue
        new = provisioning.complete(entry)
        messages += [f"line {row.line}: {problem}" for problem in provisioning.problems(entry)]
        entries.append(entry)
        nodes.append({"line": row.line, **row_of(entry, became(new, kept, given))})
    if messages:
        raise fleets.FleetError(messages)
    return entries, nodes


@command.command(short_help="the ledger, for servers and as labels")
@provision_outputs.options
@click.option("--json", "as_json", is_flag=True, help="print the result only, as JSON")
def export(outputs: Outputs, as_json: bool) -> None:
    """The nodes of the ledger: for LoRaWAN servers (--export), as labels (--labels). Without either: list them.

    \b
    binnode provision export --export servers --labels labels
    """
    try:
        if not outputs.ledger.exists():
            raise ProvisioningError(f"{outputs.ledger}: there is no such ledger; name it by --ledger")
        entries = Ledger(outputs.ledger).entries
        files = outputs.write(entries)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}", FAILED)
    nodes = [row_of(entry, "kept" if APP_KEY in entry.secrets else "none") for entry in entries]
    tell(as_json, {"ledger": str(outputs.ledger), "nodes": nodes, "files": [str(file) for file in files]})
