"""All rules of the configuration, with messages that say what would work, and the mending of a file that breaks them.

Loaded by service, and by config.load when its quick check fails. The limits themselves are in config.py.
"""

from binnode import config
from binnode.config import DEFAULTS, LIMITS, VERSION
from binnode.sensing.modules import profile

# name: (unit, one line of help)
FIELDS = {
    "version": ("", "version of this file's layout"),
    "name": ("", "how the node calls itself; empty: an id from the chip's MAC address"),
    "module": ("", "the distance module that is connected"),
    "thermometer": ("", "where the air's temperature is from: the chip itself, or a DS18B20"),
    "thermometer_offset_c10": ("0.1 C", "added to what the thermometer says"),
    "shape": ("", "of the bin: upright or tapered walls, a cylinder lying on its side, or as the strapping table says"),
    "empty_mm": ("mm", "the distance from the module to the empty bin's bottom"),
    "full_mm": ("mm", "the distance from the module to the waste of a full bin"),
    "bottom_permille": ("permille", "tapered: width at the bottom over width at the full line"),
    "diameter_mm": ("mm", "lying: inner diameter; 0: the full line is at the very top"),
    "strapping": ("", "strapping: height of the content and its volume, as in 0:0,300:250,800:1000"),
    "measure_s": ("s", "from one measurement to the next"),
    "heartbeat_s": ("s", "the longest time without a report"),
    "hysteresis_permille": ("permille", "the change of fill level that is worth a report"),
    "full_permille": ("permille", "the fill level that raises the alarm"),
    "release_permille": ("permille", "the fill level that ends the alarm"),
    "emptied_permille": ("permille", "the fill level that an emptied bin is below"),
    "low_battery_mv": ("mV", "the battery voltage to warn of"),
    "transport": ("", "how reports leave the node"),
    "wifi_ssid": ("", "the name of the Wi-Fi network"),
    "wifi_address": ("", "ip/mask/gateway/dns; empty: by DHCP"),
    "wifi_budget_ms": ("ms", "the longest time for joining and reporting"),
    "mqtt_host": ("", "name or address of the MQTT broker"),
    "mqtt_port": ("", "port of the MQTT broker"),
    "mqtt_tls": ("", "MQTT over TLS: needs ca.der (binnode config ca); the usual port is 8883"),
    "mqtt_user": ("", "user at the MQTT broker; empty: none"),
    "mqtt_topic": ("", "what the node's topics begin with"),
    "ntp_host": ("", "time server, asked when TLS is on"),
    "lora_region": ("", "the region's plan of channels and data rates"),
    "lora_sub_band": ("", "US915, AU915: the network's sub-band of eight channels; 0: all"),
    "lora_join": ("", "over the air, or by personalisation"),
    "lora_join_eui": ("", "JoinEUI (AppEUI), 16 hex digits; empty: zeros"),
    "lora_dev_eui": ("", "DevEUI, 16 hex digits; empty: from the chip's MAC address"),
    "lora_dev_addr": ("", "abp: DevAddr, 8 hex digits"),
    "lora_adr": ("", "whether the network sets data rate and power"),
    "lora_acks": ("", "which reports ask for an answer: every one, or alarms and one a day"),
    "lora_antenna_dbi": ("dBi", "gain of the antenna, taken off the power of the radio"),
    "lora_budget_ms": ("ms", "the longest time for joining and reporting"),
    "fallback": ("", "the other way, while the transport has had no answer for fallback_s"),
    "fallback_s": ("s", "how long the transport may be silent"),
}

# Kept in NVS, never in the file; shortest and longest in bytes (IEEE 802.11i: a WPA2 passphrase has 8..63).
# An AES key of LoRaWAN is 32 hex digits.
_SECRET_LIMITS = {"wifi_key": (8, 63), "mqtt_key": (1, 64)}
_AES_KEYS = ("lora_app_key", "lora_nwk_s_key", "lora_app_s_key")
SECRETS = ("wifi_key", "mqtt_key") + _AES_KEYS


def check(config_):
    """A list of messages: fields that are missing, unknown, wrong, or at odds with each other. [] if all is well."""
    messages = [check_field(name, value) for name, value in config_.items()]
    messages += ["%s: missing" % name for name in DEFAULTS if name not in config_]
    messages = [message for message in messages if message]
    return messages or [message for _, message in _contradictions(config_)]


def check_field(name, value):
    """What is wrong with `value` for the field `name`, or None."""
    if name in SECRETS:
        return "%s: a secret, which is kept apart from the configuration" % name
    if name not in DEFAULTS:
        return "%s: unknown; %s" % (name, _near(name))
    fits = config.fits(name, value)
    if name == "module":
        try:
            profile(value if fits else _shown(value))
        except ValueError as error:
            return str(error)
    if fits:
        return None
    return "%s = %s: must be %s, %s" % (name, _shown(value), _wanted(name), FIELDS[name][1])


def check_secret(name, value):
    """What is wrong with the secret `value`, or None. The message never shows it."""
    if name in _AES_KEYS:
        if isinstance(value, str) and len(value) == 32 and config.is_hex(value):
            return None
        return "%s: must be 32 hex digits" % name
    low, high = _SECRET_LIMITS[name]
    if isinstance(value, str) and low <= len(value.encode()) <= high:
        return None
    return "%s: must be %d..%d characters" % (name, low, high)


def parse_value(name, text):
    """The value that `text` (from a command line) means for `name`; ValueError with the message of check_field."""
    value = text
    if isinstance(DEFAULTS.get(name), int):
        try:
            value = int(text)
        except ValueError:
            pass
    message = check_field(name, value)
    if message:
        raise ValueError(message)
    return value


def mend(raw):
    """(config, problem) of a decoded file that config.load did not accept as it is: older ones are migrated, and each
    field that breaks a rule gets its default. `problem` is None if nothing but the migration was needed."""
    if not isinstance(raw, dict):
        return dict(DEFAULTS), "config.json: not readable as JSON with names and values; using the defaults"
    raw = dict(raw)
    messages = []
    version = raw.pop("version", VERSION)
    if type(version) is int and version in _MIGRATIONS:  # type(): JSON's true and false are no versions
        while version < VERSION:
            _MIGRATIONS[version](raw)
            version += 1
    elif type(version) is not int or version != VERSION:
        messages.append("version = %s: must be %d or older; update the firmware" % (_shown(version), VERSION))
    mended = dict(DEFAULTS)
    for name, value in raw.items():
        message = check_field(name, value)
        if message:
            messages.append(message)
        else:
            mended[name] = value
    messages += _settle(mended)
    if not messages:
        return mended, None
    return mended, "; ".join(messages)


def recovery(raw, problem):
    """Which of binnode.storage.recoveries it was to mend `raw`, of which mend() said `problem`."""
    from binnode.storage import recoveries

    if not isinstance(raw, dict):
        return recoveries.CONFIG_DAMAGED
    version = raw.get("version", VERSION)
    if version != VERSION and (type(version) is not int or version not in _MIGRATIONS):
        return recoveries.CONFIG_NEWER
    return recoveries.CONFIG_FIELDS if problem else recoveries.CONFIG_MIGRATED


def _settle(mended):
    """Gives defaults to fields that contradict each other; the messages. Ends: each turn resets one more field."""
    messages = []
    reset = set()
    while True:
        found = _contradictions(mended)
        if not found:
            return messages
        names, message = found[0]
        name = [name for name in names if name not in reset][0]
        reset.add(name)
        mended[name] = DEFAULTS[name]
        if name == "full_mm":  # the default is inside the blind zone of the waterproof modules
            mended[name] = max(DEFAULTS[name], profile(mended["module"]).blind_mm + 50)
        messages.append("%s; using %s = %s" % (message, name, _shown(mended[name])))


def _contradictions(config_):
    """(names to blame, the likeliest first, and message) for each rule between fields that each fit alone."""
    found = []
    empty_mm, full_mm = config_["empty_mm"], config_["full_mm"]
    module = profile(config_["module"])
    if full_mm <= module.blind_mm:
        message = "full_mm = %d: must be above %d mm, the blind zone of %s"
        found.append((("full_mm",), message % (full_mm, module.blind_mm, config_["module"])))
    if empty_mm > module.range_mm:
        message = "empty_mm = %d: must be at most %d mm, the range of %s"
        found.append((("empty_mm",), message % (empty_mm, module.range_mm, config_["module"])))
    if full_mm >= empty_mm - 50:
        message = "full_mm = %d: must be below %d mm, which is 50 mm less than empty_mm"
        found.append((("full_mm", "empty_mm"), message % (full_mm, empty_mm - 50)))
    if config_["release_permille"] >= config_["full_permille"]:
        message = "release_permille = %d: must be below full_permille (%d)"
        names = ("release_permille", "full_permille")
        found.append((names, message % (config_["release_permille"], config_["full_permille"])))
    if config_["heartbeat_s"] < config_["measure_s"]:
        message = "heartbeat_s = %d: must be at least measure_s (%d)"
        found.append((("heartbeat_s", "measure_s"), message % (config_["heartbeat_s"], config_["measure_s"])))
    if not config.is_static(config_["wifi_address"]):
        message = "wifi_address = %s: must be empty (DHCP) or ip/mask/gateway/dns, as in %s"
        example = "192.168.1.50/255.255.255.0/192.168.1.1/192.168.1.1"
        found.append((("wifi_address",), message % (_shown(config_["wifi_address"]), example)))
    if config_["fallback"] != "none" and config_["transport"] in ("none", config_["fallback"]):
        message = "fallback = %s: must be none or another way than transport (%s)"
        found.append((("fallback",), message % (config_["fallback"], config_["transport"])))
    if config_["lora_join"] == "abp" and not config_["lora_dev_addr"]:
        found.append((("lora_join",), "lora_join = abp: needs lora_dev_addr, 8 hex digits of the network's"))
    if not config.shape_fits(config_):
        found.append(_misshapen(config_, empty_mm - full_mm))
    return found


def _misshapen(config_, whole_mm):
    """As a row of _contradictions: what the bin's shape lacks, whose full line is whole_mm above its bottom."""
    if config_["shape"] == "lying":
        message = "diameter_mm = %d: must be 0 or %d..%d, at least empty_mm - full_mm and at most twice that"
        return ("diameter_mm",), message % (config_["diameter_mm"], whole_mm, 2 * whole_mm)
    message = "strapping = %s: must reach the full line, %d mm (empty_mm - full_mm), for shape = strapping"
    return ("shape",), message % (_shown(config_["strapping"]), whole_mm)


def _from_0(raw):
    """Version 0 had the period in minutes and called the distance to the bottom a depth."""
    if "period_min" in raw:
        minutes = raw.pop("period_min")
        raw["measure_s"] = minutes * 60 if type(minutes) is int else minutes
    if "depth_mm" in raw:
        raw["empty_mm"] = raw.pop("depth_mm")


# version: what turns a file of that version, in place, into one of the next
_MIGRATIONS = {0: _from_0}


def _wanted(name):
    low, high = LIMITS[name][0], LIMITS[name][-1]
    if isinstance(low, str):
        return "%s or %s" % (", ".join(LIMITS[name][:-1]), high)
    if name == "strapping":
        return "empty or 2 to 16 pairs mm:volume from 0:0 on, both rising, up to 6000 mm and 10000"
    if name in config.HEX:
        return "empty or %d hex digits" % high
    if isinstance(DEFAULTS[name], int):
        return ("%d..%d %s" % (low, high, FIELDS[name][0])).rstrip()
    wanted = "a text of %d..%d bytes" % (low, high)
    return wanted + " without + and #" if name in ("name", "mqtt_topic") else wanted


def _shown(value):
    """As it stands in the file, shortened: a message has to fit a line and a report."""
    text = '"%s"' % value if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _near(name):
    """Names like `name`: one within the other, a word in common, or the same beginning."""
    name = str(name)
    words = [word for word in name.split("_") if word]
    near = []
    for known in sorted(DEFAULTS):
        within = known in name or (name and name in known) or known[:4] == name[:4]
        if within or [word for word in words if word in known.split("_")]:
            near.append(known)
    return ("near: " if near else "known: ") + ", ".join(near or sorted(DEFAULTS))
