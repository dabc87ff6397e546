"""Diagnostics (FPort 2): binnode.js and the Python decoder against the vectors, and both pages against the code."""

import json
import re
from pathlib import Path

import pytest
import quickjs
from binnode_tools.codec import DecodeError, decode_diagnostics
from binnode_tools.codec.diagnostics import CAUSES, RECOVERIES, STEPS

ROOT = Path(__file__).parents[3]
CODEC = ROOT / "host_tools" / "binnode_tools" / "codec"
SPECIFICATION = (CODEC / "PAYLOAD.md").read_text()
RECOVERY_PAGE = (ROOT / "firmware" / "RECOVERY.md").read_text()
VECTORS = json.loads((ROOT / "tests" / "vectors" / "diagnostics_v1.json").read_text())


@pytest.fixture(scope="module")
def js() -> quickjs.Context:
    context = quickjs.Context()
    context.eval((CODEC / "binnode.js").read_text())
    context.eval("function run(text) { return JSON.stringify(decodeUplink(JSON.parse(text))); }")
    return context


def uplink(js: quickjs.Context, payload: bytes) -> dict:
    return json.loads(js.get("run")(json.dumps({"bytes": list(payload), "fPort": 2})))


def by_description(vector: dict) -> str:
    return vector["description"]


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=by_description)
def test_both_decoders_give_the_vector(js, vector):
    payload = bytes.fromhex(vector["hex"])
    given = uplink(js, payload)
    assert given == {"data": vector["data"], "warnings": vector["warnings"], "errors": []}
    decoded = decode_diagnostics(payload)
    assert decoded.as_dict() == vector["data"] and list(decoded.warnings) == vector["warnings"]
    assert list(decoded.as_dict()) == list(given["data"]), "the order of the fields differs"


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=by_description)
def test_both_decoders_refuse_with_the_same_words(js, vector):
    payload = bytes.fromhex(vector["hex"])
    assert uplink(js, payload) == {"data": {}, "warnings": [], "errors": [vector["error"]]}
    with pytest.raises(DecodeError, match=f"^{re.escape(vector['error'])}$"):
        decode_diagnostics(payload)


def test_every_bit_of_the_recoveries_alike_in_both(js):
    for bit, (name, _, _) in enumerate(RECOVERIES):
        payload = bytes([0x11, 0, 0, *(1 << bit).to_bytes(2, "big"), 0, 0, 0, 0, 0])
        assert uplink(js, payload)["data"]["recoveries"] == [name] == list(decode_diagnostics(payload).recoveries)


def test_another_port_is_no_diagnostics():
    with pytest.raises(DecodeError, match="diagnostics come on FPort 2, not on FPort 1"):
        decode_diagnostics(bytes.fromhex(VECTORS["accepted"][0]["hex"]), 1)


def test_specification_has_the_example_and_every_name():
    example = re.search(r"^`((?:[0-9A-F]{2} ){9}[0-9A-F]{2})`", SPECIFICATION, re.MULTILINE)
    assert example and example[1].replace(" ", "") == VECTORS["accepted"][0]["hex"]
    section = SPECIFICATION[SPECIFICATION.index("# Diagnostics, version 1") :]
    bits = {int(bit): name for bit, name in re.findall(r"\| (\d+) \| `(\w+)` (?=\|)", section)}
    assert bits == {bit: name for bit, (name, _, _) in enumerate(RECOVERIES)}
    for number, name in [*enumerate(CAUSES), *enumerate(STEPS[1:], 1)]:
        assert f"{number} `{name}`" in section


def test_the_page_of_recoveries_is_the_table():
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*?) \| (.*?) \|", RECOVERY_PAGE, re.MULTILINE)
    assert [(int(bit), name, found, lost) for bit, name, found, lost in rows] == [
        (bit, *row) for bit, row in enumerate(RECOVERIES)
    ]


def test_firmware_has_the_same_recoveries_steps_and_causes():
    import binnode.reporting.diagnostics as firmware
    from binnode.storage import recoveries

    assert list(recoveries.NAMES) == [name for name, _, _ in RECOVERIES]
    assert firmware.CAUSES == CAUSES and firmware.STEPS == STEPS
