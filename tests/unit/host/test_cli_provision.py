"""`binnode provision` as a technician calls it, with the real MicroPython at the other end."""

import csv
import io
import json
import stat

import pytest
from binnode_tools.cli import main
from click.testing import CliRunner

from tests.unit.command_line import binnode, in_terminal, on_flash
from tests.unit.micropython_bin import micropython_bin

KEY = "5ec2e7a1b2c3d4e5f60718293a4b5c6d"
WIFI_KEY = "correct horse battery"
CHIP_EUI = "240ac4fffe000110"  # of fake_chip's MAC address
CSV = (
    "name,dev_eui,region,app_key,wifi_ssid,wifi_key\n"
    f"Gate,70b3d57ed006a5c1,EU868,{KEY},,\n"
    f"Yard,70b3d57ed006a5c2,US915,,Depot,{WIFI_KEY}\n"
    "Later,,EU868,,,\n"
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "desk").mkdir()
    monkeypatch.chdir(tmp_path / "desk")


@pytest.fixture
def desk(tmp_path):
    return tmp_path / "desk"


def run(*args, code=0, text=None):
    """(stdout, stderr) of a command without a board."""
    result = CliRunner().invoke(main.cli, ["provision", *args], input=text)
    assert result.exit_code == code, result.output + repr(result.exception)
    assert "Traceback" not in result.output
    return result.stdout, result.stderr


def ledger(desk):
    return {one["config"]["name"]: one for one in json.loads((desk / "binnode-fleet.json").read_text())["nodes"]}


def private(path):
    return stat.S_IMODE(path.stat().st_mode) == 0o600


# one node


def test_a_node_gets_keys_and_network_and_they_are_in_the_ledger(board, desk):
    secrets = desk / "secrets"
    secrets.write_text(f"wifi_key={WIFI_KEY}\n\n")
    out, err = binnode(
        board, "provision", "node", "--name", "Gate", "--region", "eu868", "--secret-file", str(secrets), "--yes",
        "wifi_ssid=Depot", "mqtt_host=192.168.1.10", "fallback=wifi", "--export", "servers", "--labels", "labels",
    )  # fmt: skip
    kept = ledger(desk)["Gate"]
    key = kept["secrets"]["lora_app_key"]
    assert board.secrets() == {"lora_app_key": key, "wifi_key": WIFI_KEY} == kept["secrets"]
    config = board.config()
    assert kept["config"].items() <= config.items()
    assert config["lora_dev_eui"] == CHIP_EUI and config["lora_join_eui"] == "0" * 16 and config["fallback"] == "wifi"
    assert "Stored on the node and read back; it starts." in out and "created" in out and CHIP_EUI in out
    assert err == ""
    assert private(desk / "binnode-fleet.json")
    (pair,) = json.loads((desk / "servers" / "chirpstack-EU868.json").read_text())
    assert pair["deviceKeys"] == {"devEui": CHIP_EUI, "nwkKey": key}
    for path in (desk / "servers").iterdir():
        assert private(path) and key in path.read_text().lower()
    for path in (desk / "labels").iterdir():
        assert key.encode() not in path.read_bytes().lower()
    assert {path.name for path in (desk / "labels").iterdir()} == {
        f"{CHIP_EUI}.svg",
        f"{CHIP_EUI}.png",
        "labels.html",
        "labels-1.png",
    }
    for shown in (out, err, board.said.decode(errors="replace")):
        assert key not in shown.lower() and WIFI_KEY not in shown
    assert not any(WIFI_KEY.encode() in content for content in on_flash(board).values())


def test_again_keeps_the_key_and_changes_what_is_asked(board, desk):
    binnode(board, "provision", "node", "--name", "Gate", "--region", "EU868", "--yes")
    key = board.secrets()["lora_app_key"]
    out, _ = binnode(board, "provision", "node", "--json", "measure_s=600")
    result = json.loads(out)
    assert result == {
        "ledger": "binnode-fleet.json",
        "nodes": [
            {
                "name": "Gate",
                "dev_eui": CHIP_EUI,
                "join_eui": "0" * 16,
                "region": "EU868",
                "sub_band": None,
                "wifi": None,
                "app_key": "kept",
                "written": True,
            }
        ],
        "files": [],
    }
    assert board.secrets()["lora_app_key"] == key and board.config()["measure_s"] == 600


def test_a_key_that_only_the_node_has_is_not_replaced_by_the_way(board, desk):
    binnode(board, "config", "set", "lora_app_key", text=KEY + "\n")
    args = ("provision", "node", "--name", "Gate", "--region", "EU868", "--yes")
    _, err = binnode(board, *args, code=main.FAILED)
    assert "the node has an AppKey that is not in the ledger" in err and "--new-keys" in err
    assert err.endswith("Nothing was changed.\n")
    assert board.secrets() == {"lora_app_key": KEY} and board.config() is None
    assert not (desk / "binnode-fleet.json").exists()
    binnode(board, *args, "--new-keys")
    assert board.secrets()["lora_app_key"] == ledger(desk)["Gate"]["secrets"]["lora_app_key"] != KEY


def test_another_board_does_not_become_a_node_that_there_is(board, desk):
    run("node", "--name", "Gate", "--region", "EU868", "mac=240ac4000111", "--output", "gate.json")
    _, err = binnode(board, "provision", "node", "--name", "Gate", "--yes", code=main.FAILED)
    assert "another chip's DevEUI, 240ac4fffe000111; this one's is 240ac4fffe000110" in err
    binnode(board, "provision", "node", "--name", "Gate", "--dev-eui", "240ac4fffe000111", "--yes")
    assert board.config()["lora_dev_eui"] == "240ac4fffe000111"
    assert board.secrets() == json.loads((desk / "gate.json").read_text())["secrets"]


def test_what_the_node_refuses_is_worded_and_nothing_is_changed(board, desk):
    _, err = binnode(
        board, "provision", "node", "--name", "Gate", "--region", "EU868", "full_mm=990", "--yes", code=main.FAILED
    )
    assert "full_mm = 990: must be below 950 mm" in err and err.endswith("Nothing was changed.\n")
    assert board.config() is None and board.secrets() == {} and not (desk / "binnode-fleet.json").exists()


@pytest.mark.parametrize("at", ['"secrets"', KEY[:7], "service.provision("])
def test_a_cable_that_slips_leaves_the_old_and_no_secret_on_the_screen(board, desk, at):
    (desk / "secrets").write_text(f"app_key={KEY}\n")
    args = ("provision", "node", "--name", "Gate", "--region", "EU868", "--secret-file", "secrets", "--yes")
    board.unplug_at(at.encode())
    out, err = binnode(board, *args, code=main.FAILED)
    assert KEY[:6] not in out + err
    assert "The node has all of it or nothing, and its keys are in binnode-fleet.json: call this again." in err
    assert board.secrets() == {} and board.config() is None
    board.replug()
    board.press_reset()
    binnode(board, *args)
    assert board.secrets() == {"lora_app_key": KEY} and board.config()["name"] == "Gate"


def test_a_terminal_asks_for_what_is_missing_and_shows_no_secret(board, desk):
    code, screen = in_terminal(
        board, "provision", "node", "--name", "Gate", "wifi_ssid=Depot", "mqtt_host=broker",
        typed=WIFI_KEY.encode() + b"\n", prompt=b"none): ",
    )  # fmt: skip
    assert code == 0 and WIFI_KEY not in screen and board.secrets() == {"wifi_key": WIFI_KEY}
    assert board.config()["transport"] == "wifi"


def test_without_a_terminal_what_is_missing_is_said(board):
    _, err = binnode(board, "provision", "node", code=main.FAILED)
    assert "name: missing" in err and "region or wifi_ssid: one of them" in err
    _, err = binnode(board, "provision", "node", f"app_key={KEY}", code=main.FAILED)
    assert "everybody on this computer can read a command line" in err and KEY not in err
    assert "no port looks like a board." in run("node", "--name", "x", code=main.NO_DEVICE)[1]
    _, err = run("node", "--name", "x", "--region", "EU868", "--output", "x.json", code=main.FAILED)
    assert "dev_eui: not known; give --dev-eui" in err


# a fleet


def test_a_fleet_gets_keys_once_and_files_for_all(desk):
    (desk / "fleet.csv").write_text(CSV)
    (desk / "fleet.csv").chmod(0o644)
    args = ("fleet", "fleet.csv", "--output", "nodes", "--export", "servers", "--labels", "labels")
    out, err = run(*args)
    kept = ledger(desk)
    assert [kept[name]["secrets"].get("lora_app_key") == KEY for name in ("Gate", "Yard", "Later")] == [
        True,
        False,
        False,
    ]
    assert "others on this computer can read the keys in it: chmod 600 fleet.csv" in err
    assert "left out, since their DevEUI is not known yet: Later" in err
    assert "given" in out and "created" in out
    files = {path.relative_to(desk).as_posix(): path for path in desk.rglob("*") if path.is_file()}
    assert {name for name in files if "labels" not in name} == {
        "fleet.csv", "binnode-fleet.json", "binnode-fleet.json.lock",
        "nodes/70b3d57ed006a5c1.json", "nodes/70b3d57ed006a5c2.json", "nodes/Later.json",
        "servers/chirpstack-EU868.json", "servers/things-stack-EU868.csv", "servers/things-stack-EU868.json",
        "servers/chirpstack-US915-2.json", "servers/things-stack-US915-2.csv", "servers/things-stack-US915-2.json",
    }  # fmt: skip
    assert all(private(path) for name, path in files.items() if name.startswith(("nodes/", "servers/")))
    (row,) = csv.DictReader(io.StringIO(files["servers/things-stack-US915-2.csv"].read_text()), delimiter=";")
    assert row["frequency_plan_id"] == "US_902_928_FSB_2"
    assert row["app_key"].lower() == kept["Yard"]["secrets"]["lora_app_key"]
    assert json.loads(files["nodes/70b3d57ed006a5c2.json"].read_text())["secrets"]["wifi_key"] == WIFI_KEY
    secrets = [text for one in kept.values() for text in one["secrets"].values()]
    assert not [text for text in secrets if text in out + err]

    (desk / "fleet.csv").write_text(CSV.replace(KEY, "").replace("Yard", "Back yard"))
    again = json.loads(run(*args, "--json")[0])
    assert [(one["line"], one["name"], one["app_key"]) for one in again["nodes"]] == [
        (2, "Gate", "kept"),
        (3, "Back yard", "kept"),
        (4, "Later", "kept"),
    ]
    renamed = ledger(desk)
    assert renamed["Back yard"]["secrets"] == kept["Yard"]["secrets"] and renamed["Gate"] == kept["Gate"]


def test_a_fleet_with_a_wrong_line_writes_nothing(desk):
    (desk / "fleet.csv").write_text(CSV + "Broken,70b3,EU868,,,\nNowhere,,,,,\n")
    out, err = run("fleet", "fleet.csv", "--output", "nodes", "--export", "servers", code=main.FAILED)
    assert out == "" and 'line 5: dev_eui = "70b3": must be empty or 16 hex digits' in err
    (desk / "fleet.csv").write_text(CSV + "Nowhere,,,,,\n")
    _, err = run("fleet", "fleet.csv", "--output", "nodes", "--export", "servers", code=main.FAILED)
    assert "line 5: region or wifi_ssid: one of them" in err and KEY not in err
    assert {path.name for path in desk.iterdir()} <= {"fleet.csv", "binnode-fleet.json.lock"}


def test_a_fleet_never_changes_a_key(desk):
    (desk / "fleet.csv").write_text(CSV)
    run("fleet", "fleet.csv")
    before = (desk / "binnode-fleet.json").read_bytes()
    (desk / "fleet.csv").write_text(CSV.replace(KEY, KEY[::-1]))
    _, err = run("fleet", "fleet.csv", code=main.FAILED)
    assert "line 2: app_key of Gate: the ledger binnode-fleet.json has another" in err
    assert KEY not in err and KEY[::-1] not in err and (desk / "binnode-fleet.json").read_bytes() == before


def test_a_node_of_the_fleet_gets_its_eui_when_it_is_there(board, desk):
    (desk / "fleet.csv").write_text(CSV)
    run("fleet", "fleet.csv")
    binnode(board, "provision", "node", "--name", "Later", "--yes")
    kept = ledger(desk)["Later"]
    assert kept["config"]["lora_dev_eui"] == CHIP_EUI == board.config()["lora_dev_eui"]
    assert board.secrets() == kept["secrets"]
    out = json.loads(run("export", "--export", "servers", "--labels", "labels", "--json")[0])
    assert [one["dev_eui"] for one in out["nodes"]] == ["70b3d57ed006a5c1", "70b3d57ed006a5c2", CHIP_EUI]
    assert len(json.loads((desk / "servers" / "chirpstack-EU868.json").read_text())) == 2


def test_what_the_things_stack_has_no_plan_for_is_told(desk):
    (desk / "fleet.csv").write_text("name,dev_eui,region,sub_band\nB,70b3d57ed006a5c2,US915,0\n")
    _, err = run("fleet", "fleet.csv", "--export", "servers")
    assert "US915, all sub-bands: no file for The Things Stack" in err
    assert [path.name for path in (desk / "servers").iterdir()] == ["chirpstack-US915.json"]


def test_failures_are_one_line_with_a_code(desk):
    assert "there is no such ledger; name it by --ledger" in run("export", code=main.FAILED)[1]
    (desk / "fleet.csv").write_bytes(b"name,region\nG\xe4rtner,EU868\n")
    assert "no UTF-8; save it as CSV UTF-8" in run("fleet", "fleet.csv", code=main.FAILED)[1]
    (desk / "fleet.csv").write_text(CSV)
    (desk / "servers").write_text("a file")
    assert run("fleet", "fleet.csv", "--export", "servers", code=main.USAGE_ERROR)
    (desk / "fleet.csv").write_text("name,region\n" + "x,EU886\n" * 30)
    _, err = run("fleet", "fleet.csv", code=main.FAILED)
    assert "fleet.csv: nothing was written\nline 2: " in err and err.rstrip().endswith("more")
    (desk / "binnode-fleet.json").write_text("{}")
    assert "no ledger of version 1" in run("export", code=main.FAILED)[1]


def test_an_image_from_a_provisioning_file_is_that_from_settings_and_secrets(desk):
    run(
        "node", "--name", "Gate", "--region", "EU868", "--dev-eui", "70b3d57ed006a5c1", "--output", "gate.json", "--yes"
    )
    told = json.loads((desk / "gate.json").read_text())
    for name in told:
        (desk / f"{name}.json").write_text(json.dumps(told[name]))
        (desk / f"{name}.json").chmod(0o600)
    (desk / "mp.bin").write_bytes(micropython_bin())

    def image(*options, code=0):
        done = CliRunner().invoke(main.cli, ["image", "--micropython", "mp.bin", *options, "--output", "made.bin"])
        assert done.exit_code == code, done.output + repr(done.exception)
        assert told["secrets"]["lora_app_key"] not in done.output
        return (desk / "made.bin").read_bytes(), done.stderr

    apart, _ = image("--config", "config.json", "--secrets", "secrets.json")
    assert image("--config", "gate.json") == (apart, "")
    assert private(desk / "made.bin")
    assert "leave --secrets out" in image("--config", "gate.json", "--secrets", "secrets.json", code=main.FAILED)[1]
    (desk / "gate.json").write_text(json.dumps({**told, "secrets": {"wifi_kee": "hidden text"}}))
    _, err = image("--config", "gate.json", code=main.FAILED)
    assert "wifi_kee: no secret of a node's" in err and "hidden" not in err
