"""What the commands of `binnode provision` share: where files go, and what may be shown of a node."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from binnode_tools import hand_over, provisioning
from binnode_tools.cli import port as serial_port
from binnode_tools.cli.main import console
from binnode_tools.provisioning import Entry

LEDGER = "binnode-fleet.json"
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
_SHOWN = 8  # files that are listed


@dataclass
class Outputs:
    """Where to."""

    ledger: Path
    export_: Path | None
    labels: Path | None
    application_id: str
    device_profile_id: str

    def write(self, entries: list[Entry]) -> list[Path]:
        """The files that were asked for. Raises OSError."""
        written: list[Path] = []
        if self.export_:
            ids = self.application_id, self.device_profile_id
            written += hand_over.export(entries, self.export_, serial_port.note, *ids)
        if self.labels:
            written += hand_over.label(entries, self.labels)
        if self.export_ or self.labels:
            left = [one.name for one in entries if one.lorawan and not one.dev_eui]
            if left:
                serial_port.note(f"left out, since their DevEUI is not known yet: {', '.join(left)}")
        return written


def options(command: Callable) -> Callable:
    """The options about files for a command, which gets them as `outputs`."""

    @functools.wraps(command)
    def run(
        ledger: Path,
        export_: Path | None,
        labels: Path | None,
        application_id: str,
        device_profile_id: str,
        **rest: Any,
    ) -> Any:
        return command(outputs=Outputs(ledger, export_, labels, application_id, device_profile_id), **rest)

    for option in (
        click.option("--device-profile-id", default=hand_over.PROFILE_ID, metavar="UUID", help="of ChirpStack"),
        click.option("--application-id", default=hand_over.APPLICATION_ID, metavar="UUID", help="of ChirpStack"),
        click.option("--labels", type=FOLDER, metavar="FOLDER", help="write labels with QR codes (TR005) into it"),
        click.option(
            "--export",
            "export_",
            type=FOLDER,
            metavar="FOLDER",
            help="write what LoRaWAN servers import into it, with the keys",
        ),
        click.option(
            "--ledger",
            metavar="FILE",
            type=FILE,
            default=LEDGER,
            show_default=True,
            help="where the nodes and their keys are kept",
        ),
    ):
        run = option(run)
    return run


def row_of(entry: Entry, created: str) -> dict[str, Any]:
    """What may be shown of a node; no key."""
    region = entry.config.get("lora_region") if entry.lorawan else None
    return {
        "name": entry.name,
        "dev_eui": entry.dev_eui or None,
        "join_eui": entry.join_eui if entry.lorawan else None,
        "region": region,
        "sub_band": entry.config.get("lora_sub_band") if region in provisioning.FIXED_PLANS else None,
        "wifi": entry.config.get("wifi_ssid") or None,
        "app_key": created,
    }


def tell(as_json: bool, result: dict[str, Any]) -> None:
    if as_json:
        click.echo(json.dumps(result))
        return
    table = Table("name", "DevEUI", "JoinEUI", "region", "Wi-Fi", "AppKey", box=None, pad_edge=False)
    for row in result["nodes"]:
        band = f" {row['sub_band']}" if row["sub_band"] else ""
        cells = [row["name"], row["dev_eui"], row["join_eui"], row["region"] and row["region"] + band, row["wifi"]]
        table.add_row(*(escape(str(cell or "")) for cell in cells), row["app_key"])
    out = console()
    out.print(table)
    for row in result["nodes"]:
        if row.get("written"):
            out.print("Stored on the node and read back; it starts.")
    out.print(escape(f"Keys: {result['ledger']}, readable for you alone. Keep a backup."), soft_wrap=True)
    shown = result["files"][:_SHOWN]
    for file in shown:
        out.print(escape(f"Written: {file}"), soft_wrap=True)
    if len(result["files"]) > len(shown):
        out.print(f"and {len(result['files']) - len(shown)} more files")
