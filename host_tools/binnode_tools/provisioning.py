"""What makes a board this node: its keys, its network, its name. As an entry of a fleet, and as what a node is told."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from binnode_tools import firmware_rules
from binnode_tools.node_service import Value
from binnode_tools.private_files import write_private
from binnode_tools.problems import Problem

APP_KEY = "lora_app_key"
FIXED_PLANS = ("US915", "AU915")  # with sub-bands
SUB_BAND = 2  # of The Things Network and of Helium; ChirpStack takes any
LABEL = {  # name: (what it must be, in words, as a pattern)
    "serial": ("1 to 24 of 0-9 and A-Z", r"[0-9A-Z]{1,24}"),
    "owner_token": ("1 to 24 of 0-9 and A-Z", r"[0-9A-Z]{1,24}"),
    "profile_id": ("8 hex digits: VendorID and VendorProfileID", r"[0-9A-F]{8}"),
}


class ProvisioningError(Problem):
    """It can't be done as asked; the text says what would work, and shows no secret."""

    code = "provisioning"


@dataclass
class Entry:
    """One node. `config`: settings for config.json, `secrets` for NVS, `label`: serial, owner_token, profile_id.

    It may hold only what was asked for; complete() adds the rest.
    """

    config: dict[str, Value] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    label: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.config.get("name", ""))

    @property
    def dev_eui(self) -> str:
        """16 hex digits in lower case, "" while it is not known."""
        return str(self.config.get("lora_dev_eui", ""))

    @property
    def join_eui(self) -> str:
        return str(self.config.get("lora_join_eui", "")) or "0" * 16

    @property
    def lorawan(self) -> bool:
        return "lorawan" in (self.config.get("transport"), self.config.get("fallback"))

    def order(self) -> dict[str, dict]:
        """{"config": {...}, "secrets": {...}}: what a node is told, an image holds, a provisioning file says."""
        return {"config": dict(self.config), "secrets": dict(self.secrets)}


def is_secret(name: str) -> bool:
    return ALIASES.get(name, name) in firmware_rules.rules().SECRETS


def dev_eui_of(mac: str) -> str:
    """The DevEUI that a chip with this MAC address (12 hex digits) has by default, as in the firmware."""
    return (mac[:6] + "fffe" + mac[6:]).lower()


def bare_hex(text: str) -> str:
    """70-B3-D5-7E..., 70:B3:D5..., 70 B3 D5...: the digits alone, in lower case."""
    return re.sub(r"[\s:.-]", "", text).lower()


def put(entry: Entry, name: str, text: str) -> None:
    """Set one field from a text as people write it; `name`: a column of the CSV or a setting.

    Raises ProvisioningError; "" is nothing.
    """
    rules = firmware_rules.rules()
    called, name = name, ALIASES.get(name, name)
    if not text:
        return
    if name in LABEL:
        wanted, pattern = LABEL[name]
        if not re.fullmatch(pattern, text.upper()):
            raise ProvisioningError(f"{name} = {text}: must be {wanted}")
        entry.label[name] = text.upper()
    elif name == "mac":
        mac = bare_hex(text)
        if not re.fullmatch(r"[0-9a-f]{12}", mac):
            raise ProvisioningError(f"mac = {text}: must be 12 hex digits, as esptool shows it")
        if entry.config.setdefault("lora_dev_eui", dev_eui_of(mac)) != dev_eui_of(mac):
            raise ProvisioningError(f"mac = {text}: gives DevEUI {dev_eui_of(mac)}, and dev_eui says otherwise")
    elif name in rules.SECRETS:
        text = bare_hex(text) if name.startswith("lora_") else text
        problem = rules.check_secret(name, text)
        if problem:
            raise ProvisioningError(problem.replace(name, called, 1))
        entry.secrets[name] = text
    else:
        if name.endswith("_eui"):
            text = bare_hex(text)
        elif name == "lora_region":
            text = text.upper()
        try:
            value = rules.parse_value(name, text)
        except ValueError as error:
            raise ProvisioningError(str(error).replace(name, called, 1)) from None
        if name == "lora_dev_eui" and entry.config.get(name, value) != value:
            raise ProvisioningError(f"dev_eui = {value}: the mac gives {entry.config[name]}")
        entry.config[name] = value


# Short names, on the command line and as columns.
ALIASES = {
    "dev_eui": "lora_dev_eui",
    "join_eui": "lora_join_eui",
    "app_key": APP_KEY,
    "region": "lora_region",
    "sub_band": "lora_sub_band",
}


def complete(entry: Entry, key: bytes | None = None) -> bool:
    """Add what was not asked for: the way to report, the sub-band, an AppKey. True if the AppKey is new.

    `key`: 16 bytes in place of chance's, for tests.
    """
    if "transport" not in entry.config and ("lora_region" in entry.config or "wifi_ssid" in entry.config):
        entry.config["transport"] = "lorawan" if "lora_region" in entry.config else "wifi"
    if not entry.lorawan:
        return False
    entry.config.setdefault("lora_join", "otaa")
    entry.config.setdefault("lora_join_eui", "0" * 16)
    if entry.config.get("lora_region") in FIXED_PLANS:
        entry.config.setdefault("lora_sub_band", SUB_BAND)
    if entry.secrets.get(APP_KEY) or entry.config.get("lora_join") == "abp":
        return False
    entry.secrets[APP_KEY] = (key or secrets.token_bytes(16)).hex()
    return True


def problems(entry: Entry) -> list[str]:
    """What is wrong with a complete entry, in words that say what would work; [] if nothing."""
    rules = firmware_rules.rules()
    found = list(rules.check({**firmware_rules.defaults(), **entry.config}))
    found += [problem for problem in map(_secret_problem, entry.secrets.items()) if problem]
    ways = [entry.config.get("transport"), entry.config.get("fallback")]
    if not entry.name:
        found.append("name: missing; every node needs one")
    if "transport" not in entry.config:
        found.append("region or wifi_ssid: one of them must say how the node reports (or transport=none)")
    if "lorawan" in ways and "lora_region" not in entry.config:
        found.append("region: missing, and the node reports over LoRaWAN")
    if "lorawan" in ways and entry.config.get("lora_join") == "abp":
        found.append("lora_join = abp: provisioning is for joining over the air; binnode config set takes ABP's keys")
    if "wifi" in ways:
        found += [
            f"{name}: missing, and the node reports over Wi-Fi"
            for name in ("wifi_ssid", "mqtt_host")
            if not entry.config.get(name)
        ]
    return found


def write_file(path: Path, entry: Entry) -> None:
    """The provisioning file of `binnode flash` and `binnode image`, with the keys: for its owner alone."""
    write_private(path, json.dumps(entry.order(), indent=2, ensure_ascii=False) + "\n")


def is_file(path: Path) -> bool:
    """True for JSON of a provisioning file's shape, right or wrong in what it says."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(raw, dict) and set(raw) == {"config", "secrets"}


def read_file(path: Path) -> dict[str, dict]:
    """{"config": {...}, "secrets": {...}} from a provisioning file, by all the node's rules. ProvisioningError."""
    try:
        entry = from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no JSON object with config and secrets"
        raise ProvisioningError(f"{path}: {reason}") from None
    wrong = list(firmware_rules.rules().check({**firmware_rules.defaults(), **entry.config}))
    wrong += [problem for problem in map(_secret_problem, entry.secrets.items()) if problem]
    if wrong:
        raise ProvisioningError(f"{path}: {'; '.join(wrong)}")
    return entry.order()


def from_json(raw: Any) -> Entry:
    """An entry from decoded JSON; ValueError when it is none."""
    parts = [raw.get(part, {}) for part in ("config", "secrets", "label")] if isinstance(raw, Mapping) else []
    if not parts or not all(isinstance(part, dict) for part in parts) or "config" not in raw:
        raise ValueError("no entry")
    if not all(isinstance(text, str) for part in parts[1:] for text in part.values()):
        raise ValueError("no entry")
    return Entry(*parts)


def _secret_problem(item: tuple[str, str]) -> str | None:
    name, text = item
    rules = firmware_rules.rules()
    return rules.check_secret(name, text) if name in rules.SECRETS else f"{name}: no secret of a node's"
