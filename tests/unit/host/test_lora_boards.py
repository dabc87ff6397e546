"""Board files with a radio and a divider behind a pin: their rules, and what the shipped ones say."""

import pytest
from binnode_tools import boards, paths
from binnode_tools.chips import CHIPS


@pytest.fixture
def refusal(tmp_path):
    """The message of the BoardError that a board file with this text gives."""

    def refused(text: str) -> str:
        path = tmp_path / "esp32_devkit.toml"
        path.write_text(text)
        with pytest.raises(boards.BoardError) as caught:
            boards.load(path)
        message = str(caught.value)
        assert message.startswith("esp32_devkit.toml: ")
        return message.removeprefix("esp32_devkit.toml: ")

    return refused


HELTEC = (paths.BOARDS / "heltec_v3.toml").read_text().replace('"heltec_v3"', '"esp32_devkit"')


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('chip = "sx1262"', 'chip = "sx1280"', "radio.chip = 'sx1280': unknown; known: sx1262, sx1276"),
        ("busy = 13\n", "", "[radio]: missing key 'busy'"),
        ("dio1 = 14\n", "dio7 = 14\n", "[radio]: unknown key 'dio7'; known: busy, chip, clock_ppm, cold_sleep_ua, "),
        ("sck = 9\n", "sck = 49\n", "radio.sck = 49: the chip has no such pin (esp32s3); free for sck: 2, 3, 7, "),
        ("sck = 9\n", "sck = 5\n", "radio.sck = 5: taken by pins.echo (esp32s3); free for sck: 2, 3, 7, "),
        ("sck = 9\n", "sck = 8\n", "radio.cs = 8: taken by radio.sck (esp32s3); free for cs: 2, "),
        ("sck = 9\n", "sck = 27\n", "radio.sck = 27: a pin of the flash chip (esp32s3)"),
        ("sck = 9\n", "sck = 45\n", "radio.sck = 45: a strapping pin (high at reset sets the flash to 1.8 V"),
        ("sck = 9\n", "sck = true\n", "radio.sck = True: must be a whole number"),
        ("dio2_rf_switch = true", "dio2_rf_switch = 1", "radio.dio2_rf_switch = 1: must be true or false"),
        ("tcxo_mv = 1800", "tcxo_mv = 1500", "radio.tcxo_mv = 1500: must be one of 0, 1600, 1700, 1800, 2200, "),
        ("max_dbm = 22", "max_dbm = 30", "radio.max_dbm = 30: must be 0..22 (sx1262)"),
        (
            "standby_ua = { value = 600,",
            "standby_ua = 600 #",
            "radio.standby_ua = 600: must be { value = ..., source = ",
        ),
        ("tcxo_start_us = ", "#", "[radio]: missing key 'tcxo_start_us'"),
        ("standby_xosc_ua = ", "#", "[radio]: missing key 'standby_xosc_ua'"),
        ("tx_ua = { 2 =", "tx_ua = { two =", "radio.tx_ua: must be { <dBm> = <uA>, ..., source = "),
        ("22 = 118000, source = ", '22 = 118000, source = "" }#', "radio.tx_ua: the source is empty"),
        (
            "[onboard]\noled = [17, 18, 21]",
            "[onboard]\noled = [14]",
            "radio.dio1 = 14: taken by the oled (onboard) (esp32s3)",
        ),
        ("settle_ms = 10", "settle_ms = 0", "pins.battery_enable: needs pins.battery and battery.settle_ms"),
        ("battery = 1 ", "battery = 2 # ", None),
    ],
)
def test_each_rule_of_the_radio_refuses(tmp_path, refusal, old, new, message):
    assert HELTEC.count(old) == 1, old
    text = HELTEC.replace(old, new)
    if message:
        assert refusal(text).startswith(message), refusal(text)
    else:  # the unchanged rest of the file is in order
        path = tmp_path / "esp32_devkit.toml"
        path.write_text(text)
        assert boards.load(path).pins.battery == 2


def test_an_sx1276_has_other_pins_and_no_switches(refusal):
    text = (paths.BOARDS / "lilygo_lora32_v21.toml").read_text().replace('"lilygo_lora32_v21"', '"esp32_devkit"')
    radio = text.index("dio0 = 26")
    assert refusal(text[:radio] + "tcxo_mv = 1800\n" + text[radio:]).startswith(
        "radio.tcxo_mv, radio.dio2_rf_switch: an "
    )
    assert refusal(text.replace("dio0 = 26\n", "")) == "[radio]: missing key 'dio0'"
    assert refusal(text.replace("max_dbm = 20", "max_dbm = 22")) == "radio.max_dbm = 22: must be 2..20 (sx1276)"


def test_the_lora_boards():
    """Against the pin maps that their files name."""
    heltec, t3s3, lora32 = (boards.load(name) for name in ("heltec_v3", "lilygo_t3s3", "lilygo_lora32_v21"))
    radios = [board.radio for board in (heltec, t3s3, lora32)]
    spi = [(radio.sck, radio.mosi, radio.miso, radio.cs, radio.reset) for radio in radios if radio]
    assert spi == [(9, 10, 11, 8, 12), (5, 6, 3, 7, 8), (5, 27, 19, 18, 23)]
    assert heltec.radio and (heltec.radio.busy, heltec.radio.dio1, heltec.radio.tcxo_mv) == (13, 14, 1800)
    assert t3s3.radio and (t3s3.radio.busy, t3s3.radio.dio1, t3s3.radio.tcxo_mv) == (34, 33, 1800)
    assert lora32.radio and (lora32.radio.dio0, lora32.radio.tcxo_mv, lora32.radio.dio2_rf_switch) == (26, 0, False)
    assert [board.console for board in (heltec, t3s3, lora32, boards.load("esp32c3"))] == ["uart", "usb", "uart", "usb"]
    assert (heltec.cpu_mhz, t3s3.cpu_mhz) == (160, 240)
    assert "radio.clock_ppm" in heltec.estimates and "radio.standby_ua" not in heltec.estimates


def test_what_the_node_gets_of_a_divider_behind_a_pin():
    given = boards.firmware_json(boards.load("heltec_v3"))
    assert (given["battery"], given["battery_enable"], given["battery_settle_ms"]) == (1, 37, 10)
    assert given["battery_attn"] == 1, "857 mV: 2.5 dB, as meshtastic has it"
    assert "battery_enable_on" not in given, "the node looks"
    assert (given["supply"], given["supply_on"]) == (36, 0), "Vext"


def test_what_the_node_gets_of_a_radio():
    given = [
        boards.firmware_json(boards.load(name))["radio"] for name in ("heltec_v3", "lilygo_t3s3", "lilygo_lora32_v21")
    ]
    heltec = {"sck": 9, "mosi": 10, "miso": 11, "cs": 8, "reset": 12, "busy": 13, "dio": 14}
    assert given[0] == {"chip": "sx1262", **heltec, "max_dbm": 22, "clock_ppm": 2, "tcxo_mv": 1800, "dio2_rf_switch": 1}
    t3s3 = {"sck": 5, "mosi": 6, "miso": 3, "cs": 7, "reset": 8, "busy": 34, "dio": 33}
    assert given[1] == given[0] | t3s3
    lora32 = {"sck": 5, "mosi": 27, "miso": 19, "cs": 18, "reset": 23, "dio": 26}
    assert given[2] == {"chip": "sx1276", **lora32, "max_dbm": 20, "clock_ppm": 10}
    assert "radio" not in boards.firmware_json(boards.load("esp32_devkit"))


def test_a_stated_level_of_the_divider_goes_to_the_node(tmp_path):
    path = tmp_path / "esp32_devkit.toml"
    path.write_text(HELTEC.replace("battery_enable = 37 ", "battery_enable_active_level = 1\nbattery_enable = 37 "))
    assert boards.firmware_json(boards.load(path))["battery_enable_on"] == 1


def test_attenuations_are_in_order():
    for chip in CHIPS.values():
        assert list(chip.adc_ranges_mv) == sorted(set(chip.adc_ranges_mv)) and chip.adc_max_mv == chip.adc_ranges_mv[3]
