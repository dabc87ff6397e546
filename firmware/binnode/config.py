"""The node's configuration as a wake needs it: defaults, limits and a quick check.

Whatever is not in order goes to config_rules, which says why and mends it; a wake with a sound file never loads that.
"""

import json

VERSION = 1

DEFAULTS = {
    "version": VERSION,
    "name": "",
    "module": "hcsr04p",
    "thermometer": "chip",
    "thermometer_offset_c10": 0,
    "shape": "upright",
    "empty_mm": 1000,
    "full_mm": 200,
    "bottom_permille": 800,
    "diameter_mm": 0,
    "strapping": "",
    "measure_s": 900,
    "heartbeat_s": 21600,
    "hysteresis_permille": 50,
    "full_permille": 800,
    "release_permille": 600,
    "emptied_permille": 150,
    "low_battery_mv": 3300,
    "transport": "wifi",
    "wifi_ssid": "",
    "wifi_address": "",
    "wifi_budget_ms": 15000,
    "mqtt_host": "",
    "mqtt_port": 1883,
    "mqtt_tls": "off",
    "mqtt_user": "",
    "mqtt_topic": "binnode",
    "ntp_host": "pool.ntp.org",
}

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
    "transport": ("wifi", "none"),
    "wifi_ssid": (0, 32),
    "wifi_address": (0, 63),
    "wifi_budget_ms": (3000, 60000),
    "mqtt_host": (0, 64),
    "mqtt_port": (1, 65535),
    "mqtt_tls": ("off", "on"),
    "mqtt_user": (0, 64),
    "mqtt_topic": (1, 64),
    "ntp_host": (1, 64),
}


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
        and is_address(config["wifi_address"])
        and shape_fits(config)
    )


def shape_fits(config):
    """True if the fields of its own go with a lying cylinder's or a strapping table's full line."""
    whole_mm = config["empty_mm"] - config["full_mm"]
    if config["shape"] == "lying":
        return whole_mm <= (config["diameter_mm"] or whole_mm) <= 2 * whole_mm
    return config["shape"] != "strapping" or _strapped_mm(config["strapping"]) >= whole_mm


def _strapped_mm(text):
    """The height that a strapping table reaches; 0: it is none."""
    from binnode.sensing.shape_strapping import pairs

    try:
        return pairs(text)[-1][0]
    except ValueError:
        return 0


def is_address(text):
    """True for "" (ask by DHCP) and for "ip/mask/gateway/dns", four dotted addresses."""
    parts = text.encode().split(b"/")  # bytes: their isdigit knows no other digits than 0..9
    if [part.count(b".") for part in parts] != [3, 3, 3, 3]:
        return not text
    numbers = b".".join(parts).split(b".")
    return all(number.isdigit() and len(number) < 4 and int(number) < 256 for number in numbers)
