"""What came of a wake, in words."""

import pytest
from binnode_tools import wake_outcome
from binnode_tools.console_lines import parse

LINE = "binnode: wake 12, {level}, {kind}, {mm} mm, first: {result}, {waiting} waiting; sleeps 900 s"
GOOD = {"level": "41.2 %", "kind": "ok", "mm": 678, "waiting": 0}


def outcome(transport="wifi", **parts):
    return wake_outcome.of(parse(LINE.format(**(GOOD | parts))), transport, 85)


def test_delivered():
    found = outcome(result="sent")
    assert found.well and found.text == "Delivered: 41.2 %, 678 mm."
    assert "Readings that wait still: 3." in outcome(result="sent", waiting=3).text


def test_nothing_to_deliver_to():
    found = outcome("none", result="nothing to report")
    assert found.well and "transport is none" in found.text
    assert not outcome("none", result="nothing to report", level="--.- %", kind="fault", mm="-").well


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("failed: no answer", "is a gateway near"),
        ("failed: no Join-Accept: on in 3000 s", "registered"),
        ("failed: no radio", "binnode doctor"),
        ("failed: radio calibration 0040", "binnode doctor"),
        ("failed: no LoRaWAN keys: binnode config set", "binnode provision"),
        ("failed: [Errno 104] ECONNRESET", "broker"),
        ("failed: wrong password: set wifi_key anew", "wrong password: set wifi_key anew"),
        ("waits", "waits"),
        ("nothing to report", "nothing to report"),
    ],
)
def test_not_delivered(result, words):
    found = outcome(result=result)
    assert not found.well and words.lower() in found.text.lower() and "failed: failed" not in found.text


def test_safe_mode_is_not_well():
    line = parse("binnode: safe mode, wake 7, 412 permille, kind 0: sent, 0 waiting; sleeps 3600 s")
    found = wake_outcome.of(line, "wifi", 85)
    assert not found.well and "safe mode" in found.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "within 85 s"),
        ("binnode: damaged on the flash: main.py. The node stops. Remedy: x", "damaged on the flash (main.py)"),
        ("binnode: wake failed; next one in 900 s", "crashed"),
    ],
)
def test_no_line_of_a_wake(text, words):
    found = wake_outcome.of(text and parse(text), "wifi", 85)
    assert not found.well and words in found.text
