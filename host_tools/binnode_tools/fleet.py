"""A fleet: the CSV that says what nodes there shall be, and the ledger that keeps the keys they got."""

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from binnode_tools import firmware_rules
from binnode_tools.private_files import open_to_others, write_private
from binnode_tools.provisioning import ALIASES, APP_KEY, LABEL, Entry, ProvisioningError, from_json, put

VERSION = 1


@dataclass
class Row:
    """What one line asks for. `line`: in the file, from 1."""

    line: int
    entry: Entry


class FleetError(ProvisioningError):
    """`messages`: one for each thing that is wrong."""

    def __init__(self, messages: list[str]):
        super().__init__("\n".join(messages))
        self.messages = messages


def columns() -> list[str]:
    """Names that a column may have: the short ones first, then every setting and secret of the node."""
    rules = firmware_rules.rules()
    short = ["name", "mac", *ALIASES, *LABEL]
    return [*short, *(name for name in (*rules.DEFAULTS, *rules.SECRETS) if name not in short and name != "version")]


def parse(text: str) -> list[Row]:
    """The rows of a CSV with a header, comma or semicolon. FleetError names every line that is wrong."""
    text = text.removeprefix("\ufeff")
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True)
    rows: list[Row] = []
    messages: list[str] = []
    begins, header = 1, None
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = [cell.lower() for cell in cells]
                messages += [f"line {line}: {problem}" for problem in _header_problems(header)]
                if messages:
                    break
                continue
            if len(cells) != len(header):
                messages.append(f"line {line}: {len(cells)} fields; must be {len(header)}, as in the header")
                continue
            entry, wrong = _entry(dict(zip(header, cells, strict=True)))
            messages += [f"line {line}: {problem}" for problem in wrong]
            rows.append(Row(line, entry))
    except csv.Error as error:
        messages.append(f"line {reader.line_num}: no CSV ({error})")
    if not messages and not rows:
        messages.append("no node in it: a header, as in name,dev_eui,region, and a line for each node")
    messages += _doubles(rows)
    if messages:
        raise FleetError(messages)
    return rows


def _header_problems(header: list[str]) -> list[str]:
    found = []
    for name in header:
        if name not in columns():
            near = get_close_matches(name, columns(), 3)
            found.append(f'column "{name}": unknown; ' + (f"near: {', '.join(near)}" if near else "see the guide"))
    plain = [ALIASES.get(name, name) for name in header]
    found += [f'column "{name}": is there twice' for name in sorted({name for name in plain if plain.count(name) > 1})]
    if "name" not in header:
        found.append('column "name": missing; each node needs one')
    return found


def _entry(cells: dict[str, str]) -> tuple[Entry, list[str]]:
    entry, wrong = Entry(), []
    for name, cell in cells.items():
        try:
            put(entry, name, cell)
        except ProvisioningError as error:
            wrong.append(str(error))
    if not cells["name"]:
        wrong.append("name: missing")
    return entry, wrong


def _doubles(rows: list[Row]) -> list[str]:
    found = []
    for what in ("name", "dev_eui"):
        seen: dict[str, int] = {}
        for row in rows:
            value = getattr(row.entry, what)
            if value and value in seen:
                found.append(f"line {row.line}: {what} = {value}: is that of line {seen[value]} too")
            elif value:
                seen[value] = row.line
    return found


class Ledger:
    """The nodes that there are, with their keys: a JSON file for its owner's eyes. It never changes an AppKey."""

    def __init__(self, path: Path):
        """Raises ProvisioningError for a file that is there and is none."""
        self.path = path
        self.entries: list[Entry] = []
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(raw, dict) or raw.get("version") != VERSION:
                raise ValueError
            self.entries = [from_json(one) for one in raw["nodes"]]
            if open_to_others(path):
                path.chmod(0o600)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise ProvisioningError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise ProvisioningError(
                f"{path}: no ledger of version {VERSION}, and it stays as it is. Name another file, or its backup"
            ) from None

    def find(self, name: str, dev_eui: str = "") -> Entry | None:
        """By DevEUI, else by name."""
        by_eui = [entry for entry in self.entries if dev_eui and entry.dev_eui == dev_eui]
        return next(iter(by_eui or [entry for entry in self.entries if name and entry.name == name]), None)

    def merge(self, asked: Entry) -> Entry:
        """Put `asked` in: the entry that is there then, old keys kept. Raises ProvisioningError and changes nothing."""
        known = self.find(asked.name, asked.dev_eui)
        if known is None:
            self.entries.append(asked)
            return asked
        where = f"the ledger {self.path.name}"
        if asked.dev_eui and known.dev_eui and asked.dev_eui != known.dev_eui:
            raise ProvisioningError(
                f"name = {asked.name}: {where} has it with DevEUI {known.dev_eui}; choose another name, or that DevEUI"
            )
        if asked.name and asked.name != known.name and self.find(asked.name) is not None:
            raise ProvisioningError(f"name = {asked.name}: another node of {where} has it; choose another")
        new_key, old_key = asked.secrets.get(APP_KEY), known.secrets.get(APP_KEY)
        if new_key and old_key and new_key != old_key:
            raise ProvisioningError(
                f"app_key of {known.name}: {where} has another, which the node may have got; leave the field empty "
                "to keep it, or remove the node from the ledger first"
            )
        known.config.update(asked.config)
        known.secrets.update(asked.secrets)
        known.label.update(asked.label)
        return known

    def save(self) -> None:
        """Write it, whole or not at all. Raises OSError."""
        nodes = [{"config": one.config, "secrets": one.secrets, "label": one.label} for one in self.entries]
        write_private(self.path, json.dumps({"version": VERSION, "nodes": nodes}, indent=2, ensure_ascii=False) + "\n")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """The ledger, for this program alone: two that write would each lose the other's keys. ProvisioningError."""
    try:
        import fcntl
    except ImportError:  # Windows: the user's own care
        yield Ledger(path)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProvisioningError(f"{path}: another binnode provision works with it; wait for its end") from None
        yield Ledger(path)
