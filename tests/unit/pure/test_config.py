"""The configuration: loading never fails, older files are migrated, messages say what would work."""

import binascii
import json

from binnode import config, config_rules
from binnode.sensing.modules import profile
from binnode.storage import recoveries
from binnode.storage.state import State
from check import raises


def loaded(**fields):
    return config.load(json.dumps(fields))


def problem(**fields):
    """The problem of a file with these fields, after checking that what loads is complete and right."""
    mended, text = loaded(**fields)
    assert config_rules.check(mended) == [], config_rules.check(mended)
    return text


def outcome(text):
    """For the replay on the VM: what config.load makes of a text, and what the rules say of that."""
    mended, text = config.load(text)
    return sorted(mended.items()), config_rules.check(mended)


def complaints(text):
    """For the replay of texts that two JSON parsers may read differently: the result has to be right with either."""
    return config_rules.check(config.load(text)[0])


def complete(**fields):
    return dict(config.DEFAULTS, **fields)


def test_the_contract_of_the_defaults():
    assert config.load(None) == (config.DEFAULTS, None)
    assert config_rules.check(config.DEFAULTS) == []
    assert len(config.DEFAULTS) == 40 and config.DEFAULTS["empty_mm"] == 1000 and config.DEFAULTS["measure_s"] == 900
    assert set(config.DEFAULTS) == set(config.LIMITS) == set(config_rules.FIELDS)


def settled(content, told=0):
    """(config, problem, state) as at the start of a wake."""
    state = State()
    state.config_crc, state.config_partial, state.told = 1, True, told
    found, problem = config.settings(state, content)
    return found, problem, state


def test_whoever_looks_through_the_settings_has_doubts_about_the_session():
    """Keys and region may be others: joining.begin() looks. The rest of the image stays."""
    for lora, doubted in ((b"", b""), (b"lW\1image", b"?W\1image"), (b"?W\1image", b"?W\1image")):
        state = State()
        state.lora = lora
        config.settings(state, b"{}")
        assert state.lora == doubted


def test_a_file_in_order_is_remembered():
    whole = json.dumps(complete(empty_mm=1500)).encode()
    for content, partial in ((whole, False), (b'{"empty_mm": 1500}', True), (b"{}", True)):
        found, problem, state = settled(content)
        assert found == dict(config.DEFAULTS, **json.loads(content)) and problem is None
        assert state.config_crc == binascii.crc32(content) != 0 and state.config_partial == partial
        assert not state.recoveries and not state.diagnose


def test_a_file_that_is_not_in_order_is_looked_through_at_every_wake():
    for content, code in (
        (b"", recoveries.CONFIG_DAMAGED),
        (b"\xff\xfe", recoveries.CONFIG_DAMAGED),
        (b"[1, 2]", recoveries.CONFIG_DAMAGED),
        (b'{"empty_mm": 5}', recoveries.CONFIG_FIELDS),
        (b'{"version": 0}', recoveries.CONFIG_MIGRATED),
    ):
        found, problem, state = settled(content)
        assert config_rules.check(found) == [] and state.config_crc == 0, content
        assert (problem is None) == (code == recoveries.CONFIG_MIGRATED)
        assert state.recoveries == 1 << code and state.diagnose
    found, problem, state = settled(None)
    assert found == config.DEFAULTS and problem is None and state.config_crc == 0 and not state.recoveries


def test_what_was_told_of_a_file_is_over_with_the_next_that_is_in_order():
    told = 1 << recoveries.CONFIG_DAMAGED
    assert settled(b"{}", told)[2].told == 0
    state = settled(b"{", told)[2]
    assert state.told == told and not state.recoveries and not state.diagnose


def test_a_caller_can_change_what_it_got():
    config.load(None)[0]["empty_mm"] = 5
    assert config.load(None)[0]["empty_mm"] == 1000


def test_what_is_not_given_has_its_default():
    assert loaded(empty_mm=1500, wifi_ssid="Bins") == (complete(empty_mm=1500, wifi_ssid="Bins"), None)
    assert loaded() == (config.DEFAULTS, None)


def test_no_object():
    text = "config.json: not readable as JSON with names and values; using the defaults"
    for broken in ("", "{", '{"empty_mm": 15', "[1, 2]", "12", "null", '"empty_mm"'):
        assert config.load(broken) == (config.DEFAULTS, text)


def test_wrong_types_and_limits_cost_only_their_field():
    mended, text = loaded(empty_mm=5, full_mm=250)
    assert mended == complete(full_mm=250)
    assert text == "empty_mm = 5: must be 100..6000 mm, the distance from the module to the empty bin's bottom"
    assert problem(measure_s="900") == 'measure_s = "900": must be 10..86400 s, from one measurement to the next'
    assert problem(mqtt_port=True) == "mqtt_port = True: must be 1..65535, port of the MQTT broker"
    assert problem(wifi_ssid=None) == "wifi_ssid = None: must be a text of 0..32 bytes, the name of the Wi-Fi network"
    assert problem(transport="lora") == 'transport = "lora": must be wifi, lorawan or none, how reports leave the node'
    assert problem(mqtt_topic="a/#") == (
        'mqtt_topic = "a/#": must be a text of 1..64 bytes without + and #, what the node\'s topics begin with'
    )
    assert problem(mqtt_host="a\nb").startswith('mqtt_host = "a\nb": must be a text')
    assert problem(wifi_ssid="\u00e9" * 17).startswith("wifi_ssid = ")  # 34 bytes
    assert problem(wifi_ssid="\u00e9" * 16) is None


def test_limits_are_included():
    for value, good in ((99, False), (100, True), (4000, True), (4001, False)):
        assert (problem(empty_mm=value, full_mm=30) is None) == good, value
    for value, good in ((0, False), (1, True), (65535, True), (65536, False)):
        assert (problem(mqtt_port=value) is None) == good, value


def test_unknown_names():
    assert problem(emty_mm=1200) == "emty_mm: unknown; near: diameter_mm, empty_mm, full_mm"
    assert config_rules.check_field("topic", "x") == "topic: unknown; near: mqtt_topic"
    assert config_rules.check_field("zz", 1).startswith("zz: unknown; known: bottom_permille, ")


def test_a_secret_in_the_file_is_refused_and_not_repeated():
    text = problem(wifi_key="hunter2hunter2")
    assert text == "wifi_key: a secret, which is kept apart from the configuration"


def test_unknown_module():
    mended, text = loaded(module="hcsr05", empty_mm=1200)
    assert mended == complete(empty_mm=1200)
    assert text.startswith("module: hcsr05 is not one of ") and "hcsr04p" in text
    assert problem(module=4).startswith("module: 4 is not one of ")


def test_fields_at_odds():
    mended, text = loaded(full_mm=960)
    assert mended == complete()
    assert text == "full_mm = 960: must be below 950 mm, which is 50 mm less than empty_mm; using full_mm = 200"
    assert problem(full_mm=949) is None
    assert loaded(empty_mm=150)[0] == complete()
    assert problem(release_permille=800) == (
        "release_permille = 800: must be below full_permille (800); using release_permille = 600"
    )
    assert loaded(full_permille=500)[0] == complete()  # 500 is under the default release level of 600
    assert problem(heartbeat_s=600) == "heartbeat_s = 600: must be at least measure_s (900); using heartbeat_s = 21600"
    assert problem(heartbeat_s=900) is None
    assert (
        problem(empty_mm=5000)
        == "empty_mm = 5000: must be at most 4000 mm, the range of hcsr04p; using empty_mm = 1000"
    )


def test_the_blind_zone_of_the_module():
    blind_mm = profile("jsn_sr04t").blind_mm
    mended, text = loaded(module="jsn_sr04t", full_mm=blind_mm, empty_mm=1200)
    assert mended == complete(module="jsn_sr04t", empty_mm=1200, full_mm=blind_mm + 50)
    assert text == ("full_mm = 250: must be above 250 mm, the blind zone of jsn_sr04t; using full_mm = 300")
    assert problem(module="jsn_sr04t", full_mm=blind_mm + 1) is None


def test_static_addresses():
    good = "10.0.0.7/255.0.0.0/10.0.0.1/9.9.9.9"
    for fine in (good, "0.0.0.0/255.255.255.255/1.2.3.4/8.8.8.8", ""):
        assert problem(wifi_address=fine) is None
    for bad in (
        "10.0.0.7",
        "10.0.0.7/24/10.0.0.1/9.9.9.9",
        good + "/1.1.1.1",
        good.replace("7", "256"),
        good.replace("7", ""),
        good.replace("7", "x"),
        good.replace("7", "\u00b2"),
        good.replace("/", "."),
        good.replace("7", "-7"),
        good.replace("7", "0007"),
        good.replace("7", " 7"),
        good.replace("9.9.9.9", "9.9.9"),
        "...",
    ):
        text = problem(wifi_address=bad)
        assert "must be empty (DHCP) or ip/mask/gateway/dns, as in 192.168.1.50/255.255.255.0/" in text, bad


def test_version_0_is_migrated():
    assert loaded(version=0, period_min=30, depth_mm=1400) == (complete(measure_s=1800, empty_mm=1400), None)
    assert loaded(version=0) == (complete(), None)
    assert problem(version=0, period_min="x").startswith('measure_s = "x": must be 10..86400 s')
    assert problem(version=0, period_min=True).startswith("measure_s = True: must be 10..86400 s")


def test_names_of_version_0_are_unknown_in_version_1():
    assert problem(version=1, depth_mm=1400).startswith("depth_mm: unknown; near: ")
    assert problem(depth_mm=1400).startswith("depth_mm: unknown; near: ")


def test_other_versions_are_named_and_the_rest_is_used():
    mended, text = loaded(version=2, empty_mm=1400)
    assert mended == complete(empty_mm=1400)
    assert text == "version = 2: must be 1 or older; update the firmware"
    for odd in (-1, "1", None, True, False, [1], {}):
        assert "must be 1 or older" in problem(version=odd)


def test_several_problems_are_all_told():
    mended, text = loaded(empty_mm=5, heartbeat_s=600, measure_s=0)
    assert "empty_mm = 5" in text and "measure_s = 0" in text and "heartbeat_s = 600" in text and text.count("; ") == 3
    assert mended == complete()


def test_check_of_an_incomplete_config():
    fields = complete()
    del fields["shape"]
    fields["empty_mm"] = 0
    assert sorted(config_rules.check(fields)) == [
        "empty_mm = 0: must be 100..6000 mm, the distance from the module to the empty bin's bottom",
        "shape: missing",
    ]


def test_long_values_are_shortened():
    text = config_rules.check_field("mqtt_host", "x" * 500)
    assert "xxx...: must be a text of 0..64 bytes" in text and len(text) < 120


def test_values_from_a_command_line():
    assert config_rules.parse_value("measure_s", "900") == 900
    assert config_rules.parse_value("thermometer_offset_c10", "-15") == -15
    assert config_rules.parse_value("wifi_ssid", "900") == "900"
    assert config_rules.parse_value("thermometer", "ds18b20") == "ds18b20"
    error = raises(ValueError, config_rules.parse_value, "measure_s", "15min")
    assert str(error) == 'measure_s = "15min": must be 10..86400 s, from one measurement to the next'
    error = raises(ValueError, config_rules.parse_value, "measure", "900")
    assert str(error) == "measure: unknown; near: measure_s"


def test_secrets():
    assert config_rules.SECRETS == ("wifi_key", "mqtt_key", "lora_app_key", "lora_nwk_s_key", "lora_app_s_key")
    assert config_rules.check_secret("lora_app_key", "0123456789abcdefABCDEF0123456789") is None
    for wrong in ("", "0123456789abcdefABCDEF012345678", "g123456789abcdefABCDEF0123456789"):
        assert config_rules.check_secret("lora_app_key", wrong) == "lora_app_key: must be 32 hex digits"
    assert config_rules.check_secret("wifi_key", "12345678") is None
    assert config_rules.check_secret("wifi_key", "x" * 63) is None
    for bad in ("1234567", "x" * 64, None):
        assert config_rules.check_secret("wifi_key", bad) == "wifi_key: must be 8..63 characters"
    assert config_rules.check_secret("mqtt_key", "") == "mqtt_key: must be 1..64 characters"


def test_lorawan_fields():
    assert problem(lora_join_eui="70B3D57ED0000001") is None and problem(lora_dev_eui="") is None
    text = problem(lora_join_eui="70B3D57ED000001")
    assert text.startswith('lora_join_eui = "70B3D57ED000001": must be empty or 16 hex digits, JoinEUI')
    assert "must be empty or 8 hex digits" in problem(lora_dev_addr="260G0000")
    assert "must be EU868, KR920" in problem(lora_region="EU686")
    assert (
        problem(lora_join="abp")
        == 'lora_join = abp: needs lora_dev_addr, 8 hex digits of the network\'s; using lora_join = "otaa"'
    )
    assert problem(lora_join="abp", lora_dev_addr="26011F01") is None


def test_a_fall_back_is_another_way():
    assert problem(transport="lorawan", fallback="wifi") is None
    assert problem(transport="wifi", fallback="lorawan") is None
    for transport, fallback in (("wifi", "wifi"), ("lorawan", "lorawan"), ("none", "wifi")):
        wrong = "fallback = %s: must be none or another way than transport (%s); using fallback" % (fallback, transport)
        assert problem(transport=transport, fallback=fallback).startswith(wrong)
