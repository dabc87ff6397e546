"""Crypto and frames of the network side against published vectors: RFC 4493, npm lora-packet's README and tests."""

import csv
import io
import json

import pytest
from binnode_tools.lora_network import crypto, frames, registration
from binnode_tools.lora_network.devices import Device, new_session
from binnode_tools.lora_network.regions import REGIONS, region
from hypothesis import given
from hypothesis import strategies as st

hx = bytes.fromhex
NWK, APP = hx("44024241ed4ce9a68c6a8bc055233fd3"), hx("ec925802ae430ca77fd3dd73cb2cc588")


@pytest.mark.parametrize(
    ("length", "tag"),
    [
        (0, "bb1d6929e95937287fa37d129b756746"),
        (16, "070a16b46b4d4144f79bdd9dd04a287c"),
        (40, "dfa66747de9ae63030ca32611497c827"),
        (64, "51f0bebf7e3b9d92fc49741779363cfe"),
    ],
)
def test_cmac_is_rfc_4493s(length, tag):
    message = hx(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    assert crypto.cmac(hx("2b7e151628aed2a6abf7158809cf4f3c"), message[:length]).hex() == tag


def test_session_keys_are_lora_packets():
    keys = crypto.session_keys(hx("98929b92c49edba9676d646d3b612456"), 0x376338, 0xAABBCC, 0xF18E)
    assert [key.hex() for key in keys] == ["4e3d6e6afbcc67af2ba3c8e8ec4acf4b", "610897aa6f1460623443b527d3ac6a9d"]


def test_an_uplink_is_lora_packets():
    uplink = frames.parse(hx("40F17DBE4900020001954378762B11FF0D"))
    assert isinstance(uplink, frames.Uplink)
    assert (uplink.dev_addr, uplink.fcnt16, uplink.fport, uplink.control) == (0x49BE7DF1, 2, 1, 0)
    assert uplink.is_from(NWK, 2) and not uplink.is_from(NWK, 0x10002) and not uplink.is_from(APP, 2)
    assert uplink.decrypt(NWK, APP, 2) == b"test"
    assert frames.parse(hx("40F17DBE49000300012A3518AF")).is_from(NWK, 3)
    assert not frames.parse(hx("40F17DBE49000300012A3518AA")).is_from(NWK, 3)


def test_a_downlink_is_lora_packets():
    """An ACK of its tests: FPort 1 and nothing in it."""
    frame = frames.downlink((NWK, APP), 0x49BE7DF1, 2, control=frames.ACK, fport=1)
    assert frame.hex() == "60f17dbe4920020001f9d65d27"


def test_a_join_request_is_lora_packets():
    request = frames.parse(hx("0039363463336913AA05693574323831330489C65B1304"))
    assert isinstance(request, frames.JoinRequest)
    assert request.join_eui.hex() == "aa13693363343639" and request.dev_eui.hex() == "3331383274356905"
    assert request.dev_nonce == 0x8904
    assert request.is_from(hx("98929b92c49edba9676d646d3b612456")) and not request.is_from(bytes(16))


def test_a_join_accept_is_lora_packets():
    assert frames.join_accept(bytes(16), 0, 0, 0).hex() == "20e3de108795f776b8037610ef7869b5b3"
    key = hx("98929b92c49edba9676d646d3b612456")
    frame = frames.join_accept(key, 0x376338, 0xAABBCC, 0x00012CCDE7 & 0xFFFFFFFF)
    assert len(frame) == 17 and frame[0] == 0x20
    plain = crypto.encrypt_ecb(key, frame[1:])
    assert plain[:3].hex() == "386337" and crypto.cmac(key, b"\x20" + plain[:12])[:4] == plain[12:]


def test_the_mic_of_a_join_accept_is_lora_packets():
    message = hx("20386337CCBBAAE7CD2C010000")
    assert crypto.cmac(hx("98929b92c49edba9676d646d3b612456"), message)[:4].hex() == "d9d0a6e7"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_a_frame_error(data):
    try:
        parsed = frames.parse(data)
    except frames.FrameError:
        return
    assert parsed.signed + parsed.mic == data


@given(st.binary(max_size=242), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 1))
def test_decryption_is_encryption(data, dev_addr, fcnt, direction):
    secret = crypto.crypt(APP, direction, dev_addr, fcnt, data)
    assert crypto.crypt(APP, direction, dev_addr, fcnt, secret) == data
    assert len(data) < 8 or secret != data


def test_channel_lists():
    assert frames.cf_list_channels((867_100_000, 867_300_000)).hex() == "184f84" + "e85684" + "000000" * 3 + "00"
    assert frames.cf_list_masks({8, 15, 64}).hex() == "0081" + "0000" * 3 + "0100" + "00" * 5 + "01"


# RX1 as the tables of RP002-1.0.3 have it: uplink data rate, offset, downlink data rate.
RX1 = {
    "EU868": ["012345", "001234", "000123", "000012", "000001", "000000"],
    "KR920": ["012345", "001234", "000123", "000012", "000001", "000000"],
    "AS923-1": ["012345", "001234", "000123", "000012", "000001", "000000", "123456", "234567"],
    "IN865": ["01234", "00123", "00012", "00001", "00000", "00000", "12345", "23455"],
    "US915": ["abcdd", "9abcd", "89abc", "889ab"],
    "AU915": ["89abcdd", "889abcd", "8889abc", "88889ab", "888889a", "8888889"],
}


@pytest.mark.parametrize("name", RX1)
def test_the_data_rate_of_rx1(name):
    where = region(name)
    hz = where.gateway_hz()[0][0]
    for offset, row in enumerate(RX1[name]):
        assert [where.rx1(hz, dr, offset)[1] for dr in range(len(row))] == [int(digit, 16) for digit in row]
    assert len(RX1[name]) == where.offsets


def test_the_channel_of_rx1():
    for name, channel, down_hz in (("US915", 0, 923_300_000), ("US915", 15, 927_500_000), ("AU915", 66, 924_500_000)):
        where = region(name)
        assert where.rx1(where.fixed.uplink_hz(channel), 0)[0] == down_hz
    assert region("EU868").rx1(867_100_000, 3)[0] == 867_100_000
    assert region("AS923-1").rx1(923_200_000, 2, 5, down_dwell=True) == (923_200_000, 2)
    with pytest.raises(ValueError, match=r"904000000 Hz is no uplink channel of US915"):
        region("US915").rx1(904_000_000, 0)


def test_channels_of_the_fixed_plans():
    us, au = region("US915").fixed, region("AU915").fixed
    assert [us.uplink_hz(n) for n in (0, 63, 64, 71)] == [902_300_000, 914_900_000, 903_000_000, 914_200_000]
    assert [au.uplink_hz(n) for n in (0, 63, 64, 71)] == [915_200_000, 927_800_000, 915_900_000, 927_100_000]
    assert us.down_hz(7) == 927_500_000


def test_an_unknown_region_is_named():
    with pytest.raises(ValueError, match=r"region 'EU433': one of EU868, US915"):
        region("EU433")


OTAA = Device("bin 1", hx("70b3d57ed0000001"), hx("0011223344556677"), bytes(range(16)))


def an_abp():
    device = Device("bin 2", hx("70b3d57ed0000002"))
    device.session = new_session(region("EU868"), 0x26011234, (NWK, APP))
    return device


@pytest.mark.parametrize("name", REGIONS)
def test_the_things_stack_takes_a_table(name):
    rows = list(
        csv.DictReader(io.StringIO(registration.things_stack_csv([OTAA, an_abp()], region(name))), delimiter=";")
    )
    assert len(rows) == 1
    assert rows[0]["dev_eui"] == "70B3D57ED0000001" and rows[0]["join_eui"] == "0011223344556677"
    assert rows[0]["app_key"] == bytes(range(16)).hex().upper() and rows[0]["lorawan_version"] == "MAC_V1_0_4"
    assert rows[0]["frequency_plan_id"].startswith(name[:2])


def test_the_things_stack_takes_a_stream_of_objects():
    text = registration.things_stack_json([OTAA, an_abp()], region("EU868"))
    first, end = json.JSONDecoder().raw_decode(text)
    second, _ = json.JSONDecoder().raw_decode(text[end:].lstrip())
    assert first["ids"]["device_id"] == "eui-70b3d57ed0000001" and first["supports_join"]
    assert first["root_keys"] == {"app_key": {"key": bytes(range(16)).hex().upper()}}
    assert not second["supports_join"] and second["session"]["dev_addr"] == "26011234"


def test_chirpstack_wants_the_app_key_of_1_0_as_nwk_key():
    otaa, abp = json.loads(registration.chirpstack_json([OTAA, an_abp()], "app", "profile"))
    assert otaa["deviceKeys"] == {"devEui": "70b3d57ed0000001", "nwkKey": bytes(range(16)).hex()}
    assert otaa["device"]["deviceProfileId"] == "profile" and otaa["device"]["joinEui"] == "0011223344556677"
    assert abp["deviceActivation"]["fNwkSIntKey"] == NWK.hex() and "deviceKeys" not in abp
