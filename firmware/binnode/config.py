"""The node's configuration: its limits, and whether a file is in order.

Loaded when the file is not the one that an earlier wake found to be in order (node.settings). Whatever is not goes to
config_rules, which says why and mends it.
"""

import binascii
import gc
import json

from binnode.config_defaults import DEFAULTS, VERSION
from binnode.wifi import is_address

# Numbers: lowest and highest. Texts: shortest and longest in bytes, or what there is to choose from.
LIMITS = {
    "version": (VERSION, VERSION),
    "name": (0, 32),
    "module": (1, 16),
    "thermometer": ("chip", "ds18b20"),
    "thermometer_offset_c10": (-200, 200),
    "shape": ("upright", "tapered", "lying", "strapping"),
    "empty_mm": (100, 6000),
    "full_mm": (21, 5900),
    "bottom_permille": (100, 1500),
    "diameter_mm": (0, 12000),
    "strapping": (0, 200),
    "measure_s": (10, 86400),
    "heartbeat_s": (60, 604800),
    "hysteresis_permille": (10, 500),
    "full_permille": (100, 1000),
    "release_permille": (0, 990),
    "emptied_permille": (0, 500),
    "low_battery_mv": (1800, 6000),
    "transport": ("wifi", "lorawan", "none"),
    "wifi_ssid": (0, 32),
    "wifi_address": (0, 63),
    "wifi_budget_ms": (3000, 60000),
    "mqtt_host": (0, 64),
    "mqtt_port": (1, 65535),
    "mqtt_tls": ("off", "on"),
    "mqtt_user": (0, 64),
    "mqtt_topic": (1, 64),
    "ntp_host": (1, 64),
    "lora_region": (
        "EU868",
        "KR920",
        "IN865",
        "US915",
        "AU915",
        "AS923-1",
        "AS923-2",
        "AS923-3",
        "AS923-4",
        "AS923-JP",
    ),
    "lora_sub_band": (0, 8),
    "lora_join": ("otaa", "abp"),
    "lora_join_eui": (0, 16),
    "lora_dev_eui": (0, 16),
    "lora_dev_addr": (0, 8),
    "lora_adr": ("on", "off"),
    "lora_acks": ("every", "some"),
    "lora_antenna_dbi": (-10, 20),
    "lora_budget_ms": (25000, 120000),
    "fallback": ("none", "wifi", "lorawan"),
    "fallback_s": (3600, 604800),
}


def settings(state, content):
    """(config, what is wrong with its file or None) from the file's `content` in bytes (None: no file yet).

    `state` remembers a file that is in order, so that the next wakes need not look through it again.
    """
    state.config_crc = 0
    if state.lora:  # its keys or its region may have changed: lorawan/joining.begin() compares them
        state.lora = b"?" + state.lora[1:]
    try:
        text = None if content is None else str(content, "utf8")
        config, problem, code = examine(text)
        if text is not None and code is None:
            state.config_crc = binascii.crc32(content)
            state.config_partial = len(json.loads(text)) < len(DEFAULTS)
    except Exception as error:  # such as no memory for what is in the file
        from binnode.storage.recoveries import CONFIG_DAMAGED

        gc.collect()
        config, problem, code = dict(DEFAULTS), "config.json: not readable (%s)" % error, CONFIG_DAMAGED
    if code is not None or state.told:
        from binnode.recover import config_found

        config_found(state, code)
    return config, problem


def load(text):
    """(config, problem) from the file's `text` (None: no file yet).

    Whatever the text is, the config is complete and passes config_rules.check; `problem`: None, or what was wrong.
    """
    return examine(text)[:2]


def examine(text):
    """load(), and as a third its code in binnode.storage.recoveries, or None; a file that is only older has one too."""
    if text is None:
        return dict(DEFAULTS), None, None
    try:
        raw = json.loads(text)
    except Exception:  # a broken file, or no memory for a huge one: neither may stop the node
        raw = None
    if isinstance(raw, dict):
        config = dict(DEFAULTS)
        config.update(raw)
        if len(config) == len(DEFAULTS) and sound(config):
            return config, None, None
    from binnode import config_rules

    config, problem = config_rules.mend(raw)
    return config, problem, config_rules.recovery(raw, problem)


HEX = ("lora_join_eui", "lora_dev_eui", "lora_dev_addr")  # empty, or of full length


def is_hex(text):
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def fits(name, value):
    """True if `value` alone is right for the field `name`: its type and its limits."""
    if type(value) is not type(DEFAULTS[name]):
        return False
    low, high = LIMITS[name][0], LIMITS[name][-1]
    if isinstance(value, str):
        if isinstance(low, str):
            return value in LIMITS[name]
        if name == "strapping" and value and (len(value) > high or not _strapped_mm(value)):
            return False
        if name in ("name", "mqtt_topic") and ("+" in value or "#" in value):  # wildcards of MQTT
            return False
        if value and min(value) < " ":
            return False
        if name in HEX and value and (len(value) != high or not is_hex(value)):
            return False
        try:
            value = len(value.encode())
        except ValueError:  # half a surrogate pair
            return False
    return low <= value <= high


def sound(config):
    """True if each field of a complete config fits and none contradicts another: what config_rules.check words."""
    for name in DEFAULTS:
        if not fits(name, config[name]):
            return False
    from binnode.sensing.modules import profile

    try:
        module = profile(config["module"])
    except ValueError:
        return False
    return (
        module.blind_mm < config["full_mm"] < config["empty_mm"] - 50
        and config["empty_mm"] <= module.range_mm
        and config["release_permille"] < config["full_permille"]
        and config["heartbeat_s"] >= config["measure_s"]
        and is_static(config["wifi_address"])
        and (config["fallback"] == "none" or config["transport"] not in ("none", config["fallback"]))
        and (config["lora_join"] != "abp" or config["lora_dev_addr"] != "")
        and shape_fits(config)
    )


def shape_fits(config):
    """True if the fields of its own go with a lying cylinder's or a strapping table's full line."""
    whole_mm = config["empty_mm"] - config["full_mm"]
    if config["shape"] == "lying":
        return whole_mm <= (config["diameter_mm"] or whole_mm) <= 2 * whole_mm
    # Measured, a bin may be deeper by some mm than its table: up to a twentieth the last piece goes on.
    return config["shape"] != "strapping" or 20 * _strapped_mm(config["strapping"]) >= 19 * whole_mm


def _strapped_mm(text):
    """The height that a strapping table reaches; 0: it is none."""
    from binnode.sensing.shape_strapping import pairs

    try:
        return pairs(text)[-1][0]
    except ValueError:
        return 0


def is_static(text):
    """True for "" (ask by DHCP) and for "ip/mask/gateway/dns", four dotted addresses."""
    parts = text.split("/")
    return not text or (len(parts) == 4 and all(is_address(part) for part in parts))
