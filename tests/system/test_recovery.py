"""Whatever the node finds at its start, it goes on, and the next report names it (firmware/RECOVERY.md)."""

import json
import os

import pytest
from binnode_tools import boards, image
from binnode_tools.codec import decode_diagnostics
from binnode_tools.virtual_board import node_kit

from tests.system.scenario import HOUR_US, scenario
from tests.unit import rtc_version_1

BOARD = boards.load("esp32_devkit")


def recoveries_of(node) -> list[list[str]]:
    return [
        list(decode_diagnostics(payload).recoveries)
        for _, topic, payload, _ in node.broker.published
        if topic.endswith("/up/2")
    ]


def places_of(content: bytes, flash: bytes) -> list[int]:
    """Where the middle of a file lies on the flash, older copies in a directory's log included."""
    found, at = [], flash.find(content[len(content) // 2 :][:24])
    while at >= 0:
        found.append(at)
        at = flash.find(content[len(content) // 2 :][:24], at + 1)
    assert found
    return found


def files_with_config(text: bytes) -> dict[str, bytes]:
    return {**node_kit.files_of(BOARD, None), "config.json": text}


def sound_config(**changes) -> bytes:
    return json.dumps({**node_kit.node_config(node_kit.Kit()), **changes}).encode()


@pytest.mark.parametrize(
    ("damage", "name"),
    [
        (lambda rtc: b"\xa5" * 2048, "rtc_garbage"),
        (lambda rtc: bytes(2048), "rtc_garbage"),
        (lambda rtc: rtc[: len(rtc) // 2], "rtc_damaged"),
        (lambda rtc: rtc[:70] + bytes(len(rtc) - 70), "rtc_damaged"),
        (lambda rtc: rtc[:10] + bytes([rtc[10] ^ 4]) + rtc[11:], "rtc_damaged"),
        (lambda rtc: rtc[:2] + b"\x04" + rtc[3:], "rtc_newer"),
    ],
)
def test_rtc_memory_that_is_not_in_order(damage, name):
    with scenario() as node:
        node.run_hours(1)
        node.board.on_wake_end = None
        assert not node.broker.published[-1][1].endswith("/up/1")
        node.board.chip.rtc = damage(node.board.chip.rtc)
        node.run_hours(3)
        assert recoveries_of(node) == [[], [name]]
        assert [report.reason for report in node.reports()] == ["first", "first"]
        assert f"recovered: {name}" in "".join(wake.console for wake in node.wakes)
        assert all(wake.how == "deep sleep" for wake in node.wakes)


def test_rtc_memory_of_version_1_keeps_its_readings():
    with scenario() as node:
        node.run_hours(6.9)
        node.board.on_wake_end = None
        before = len(node.reports())
        node.board.chip.rtc = rtc_version_1.image()
        node.run_hours(8)
        assert recoveries_of(node)[-1] == ["rtc_migrated"]
        history = [reading for report in node.reports()[before:] for reading in report.history]
        assert [reading.fill_permille for reading in history[:2]] == [456, 440]


def test_secrets_lost_from_nvs_stop_no_reading():
    with scenario() as node:
        node.run_hours(1)
        key = node.board.chip.nvs.get("binnode", "wifi_key", bytes)
        node.board.chip.nvs.erase("binnode", "wifi_key")
        node.board.chip.nvs.commit("binnode")
        node.run_hours(13)
        assert "failed: " in "".join(wake.console for wake in node.wakes)
        node.board.chip.nvs.provision("binnode", "wifi_key", key)
        node.run_hours(24)
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (sound_config(full_permille=5000), "config_fields"),
        (sound_config(no_such_field=1), "config_fields"),
        (sound_config(version=0), "config_migrated"),
        (sound_config(version=9), "config_newer"),
    ],
)
def test_config_is_told_once(text, name):
    with scenario(files=files_with_config(text)) as node:
        node.run_hours(14)
        assert recoveries_of(node) == [[name]], [wake.console for wake in node.wakes if "ail" in wake.console]
        assert len(node.reports()) >= 3 and all(report.kind == "ok" for report in node.reports())


def test_config_that_changes_between_two_wakes_is_seen():
    """Damage in the flash is; so is a file that leaves fields to their defaults."""
    with scenario(lambda t_s: 600, files_with_config(sound_config())) as node:
        node.run_hours(1)
        flash = node.board.chip.flash
        for hour, text, word, empty_mm in (
            (2, sound_config(empty_mm=900), None, 900),
            (3, sound_config(empty_mm=9), "empty_mm = 9: must be", 1000),
            (4, b'{"version": 1, "transport": "none"}', None, 1000),
        ):
            os.pwrite(flash.fd, image.littlefs_image(files_with_config(text), flash.blocks * 4096), 0)
            taken = len(node.wakes)
            node.run_hours(hour)
            assert len(node.wakes) == taken + 4
            for wake in node.wakes[taken:]:
                line = wake.console.splitlines()[-1]
                fill, distance_mm = float(line.split(" %")[0].split()[-1]), int(line.split(" mm")[0].split()[-1])
                assert (word in line) if word else "config" not in line and "must be" not in line
                assert abs(fill - 100 * (empty_mm - distance_mm) / (empty_mm - 200)) < 0.06, line


@pytest.mark.parametrize("text", [b'{"version": 1, "empty_mm": 1', b"", b"\xff\xfe\x00garbage", b"[1, 2]", b"[" * 3000])
def test_config_garbage_is_named_when_the_settings_are_back(text):
    with scenario(files=files_with_config(text)) as node:
        node.run_hours(2)
        assert not node.reports() and all(wake.how == "deep sleep" for wake in node.wakes)
        assert "config.json: not readable" in node.wakes[-1].console
        flash = node.board.chip.flash
        os.pwrite(flash.fd, image.littlefs_image(files_with_config(sound_config()), flash.blocks * 4096), 0)
        node.run_hours(6)
        assert recoveries_of(node) == [["config_damaged"]]
        assert node.judge.delivered + len(node.judge.waiting) == len(node.wakes), "its readings waited"


def test_damaged_file_is_looked_at_again_and_named_when_it_is_whole():
    with scenario() as node:
        node.run_hours(1)
        waiting = len(node.judge.waiting)
        node.board.on_wake_end = None
        flash = node.board.chip.flash
        places = places_of(image.application_files(BOARD)["binnode/sensing/sound.mpy"], flash.read())
        for place in places:
            flash.flip(place)
        node.board.reset()
        node.run_hours(14)
        damaged = [wake for wake in node.wakes if "damaged on the flash" in wake.console]
        assert len(damaged) == 3 and node.wakes[-1] is damaged[-1], (
            "every six hours, though the later wakes are the timer's"
        )
        for place in places:
            flash.flip(place)
        node.run_hours(20.5)
        assert recoveries_of(node)[-1] == ["files_repaired"]
        assert len(node.reports()[-1].history) == waiting > 0, "what waited in RTC memory waited on"


@pytest.mark.parametrize("manifest", [b"", b"{", b"[1, 2]", b"3", b"null", b"{}", b"\xff\xff"])
def test_damaged_manifest_stops_the_node_with_a_message(manifest):
    files = node_kit.files_of(BOARD, node_kit.node_config(node_kit.Kit()))
    files[image.MANIFEST] = manifest
    with scenario(files=files) as node:
        node.run_hours(1)
        (wake,) = node.wakes
        assert (
            wake.how == "deep sleep"
            and "damaged on the flash: manifest.json. The node stops. Remedy: binnode deploy" in wake.console
        )


def test_broken_board_json_is_a_fault_that_is_reported():
    files = node_kit.files_of(BOARD, node_kit.node_config(node_kit.Kit()))
    files["board.json"] = b'{"trig'
    manifest = json.loads(files[image.MANIFEST])
    manifest["board.json"] = image.digest(files["board.json"])
    files[image.MANIFEST] = json.dumps(manifest).encode()
    with scenario(files=files) as node:
        node.board.on_wake_end = None
        node.run_hours(8)
        assert node.reports() and node.reports()[0].kind == "fault"
        assert [wake.how for wake in node.wakes] == ["deep sleep"] * len(node.wakes)


def test_node_that_can_not_be_loaded_tries_again_every_hour():
    files = node_kit.files_of(BOARD, node_kit.node_config(node_kit.Kit()))
    files["binnode/node.mpy"] = image.compile_mpy(b"raise MemoryError('as if there were none')", "binnode/node.py")
    manifest = json.loads(files[image.MANIFEST])
    manifest["binnode/node.mpy"] = image.digest(files["binnode/node.mpy"])
    files[image.MANIFEST] = json.dumps(manifest).encode()
    with scenario(files=files) as node:
        node.board.on_wake_end = None
        node.run_hours(4.5)
        assert 4 <= len(node.wakes) <= 6 and all(wake.how == "deep sleep" for wake in node.wakes)
        assert node.wakes[1].started_us > 0.9 * HOUR_US
