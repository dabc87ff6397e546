"""The CSV of a fleet, and its ledger: which lines are refused, and that a key never changes."""

import csv
import io
import json
import os
import stat

import pytest
from binnode_tools import fleet, provisioning
from binnode_tools.fleet import FleetError, Ledger, parse
from binnode_tools.provisioning import Entry, ProvisioningError
from hypothesis import given
from hypothesis import strategies as st

KEY, OTHER_KEY = "00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"


def refused(text):
    with pytest.raises(FleetError) as error:
        parse(text)
    return error.value.messages


def test_a_line_becomes_settings_secrets_and_what_the_label_says():
    (row,) = parse(
        "name,dev_eui,join_eui,app_key,region,sub_band,serial,owner_token,profile_id,wifi_ssid,wifi_key,measure_s\n"
        f"Gärtner 1,70-B3-D5-7E-D0-06-A5-C1,0011223344556677,{KEY.upper()},us915,3,a17,7f3a,00ab12cd,Depot,"
        "correct horse,600\n"
    )
    assert row.line == 2
    assert row.entry.config == {
        "name": "Gärtner 1",
        "lora_dev_eui": "70b3d57ed006a5c1",
        "lora_join_eui": "0011223344556677",
        "lora_region": "US915",
        "lora_sub_band": 3,
        "wifi_ssid": "Depot",
        "measure_s": 600,
    }
    assert row.entry.secrets == {"lora_app_key": KEY, "wifi_key": "correct horse"}
    assert row.entry.label == {"serial": "A17", "owner_token": "7F3A", "profile_id": "00AB12CD"}


def test_excel_writes_semicolons_a_mark_and_empty_lines():
    rows = parse('\ufeffName;mac;Region\r\n;;\r\n"a;b";24:0A:C4:00:01:10;EU868\r\n\r\nc;;EU868\r\n')
    assert [(row.line, row.entry.name, row.entry.dev_eui) for row in rows] == [
        (3, "a;b", "240ac4fffe000110"),
        (5, "c", ""),
    ]


def test_every_wrong_line_is_named_with_what_would_work():
    messages = refused(
        "name,dev_eui,app_key,region,measure_s,serial\n"
        "a,70b3d57ed006a5c,,EU868,,\n"
        "b,,hidden0123456789,EU868,,\n"
        "c,,,EU886,,\n"
        "d,,,EU868,5,\n"
        "e,,,EU868,,not/this\n"
        ",70b3d57ed006a5c1,,EU868,,\n"
        "f,,\n"
        "a,,,EU868,,\n"
    )
    assert [message.split(":")[0] for message in messages] == [f"line {n}" for n in (2, 3, 4, 5, 6, 7, 8, 9)]
    whole = "\n".join(messages)
    assert "hidden" not in whole
    for said in (
        'dev_eui = "70b3d57ed006a5c": must be empty or 16 hex digits',
        "app_key: must be 32 hex digits",
        "must be EU868, KR920, ",
        "measure_s = 5: must be 10..86400 s",
        "serial = not/this: must be 1 to 24 of 0-9 and A-Z",
        "name: missing",
        "3 fields; must be 6",
        "name = a: is that of line 2 too",
    ):
        assert said in whole


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no node in it"),
        ("name,region\n", "no node in it"),
        ("nam,region\na,b\n", 'line 1: column "nam": unknown; near: name'),
        ("dev_eui\n70b3d57ed006a5c1\n", 'column "name": missing'),
        ("name,region,lora_region\n", 'column "lora_region": is there twice'),
        ("name,version\na,1\n", 'column "version": unknown'),
        ('name,region\n"a,EU868\n', "line 2: no CSV"),
        ("name,mac,dev_eui\na,240ac4000110,70b3d57ed006a5c1\n", "line 2: dev_eui = 70b3d57ed006a5c1: the mac gives"),
        ("name,mac\na,240ac40001\n", "line 2: mac = 240ac40001: must be 12 hex digits"),
        ("name,mac\na,240ac4000110\nb,24:0a:c4:00:01:10\n", "line 3: dev_eui = 240ac4fffe000110: is that of line 2"),
    ],
)
def test_a_file_is_refused(text, said):
    assert said in "\n".join(refused(text))


def test_the_line_of_a_row_with_a_line_break_is_its_first():
    rows = parse('name,mqtt_user\nx,"a"\n"y","b"\n')
    assert [row.line for row in rows] == [2, 3]
    assert "line 2: " in refused('name,mqtt_user\nx,"a\nb"\nz,c\n')[0], (
        "a control character, in the row that begins there"
    )


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="+#"), min_size=1, max_size=8).map(
    lambda text: text.strip() or "x"
)


@given(
    st.lists(st.tuples(CELL, CELL, st.binary(min_size=8, max_size=8)), min_size=1, unique_by=lambda row: row[0]),
    st.sampled_from(",;"),
    st.booleans(),
)
def test_what_a_csv_writer_writes_is_read_as_it_was(rows, delimiter, windows):
    rows = [row for number, row in enumerate(rows) if row[2] not in [other[2] for other in rows[:number]]]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if windows else "\n")
    writer.writerow(["name", "wifi_ssid", "dev_eui"])
    writer.writerows([name, ssid, eui.hex()] for name, ssid, eui in rows)
    read = parse(out.getvalue())
    assert [(row.entry.name, row.entry.config["wifi_ssid"], row.entry.dev_eui) for row in read] == [
        (name, ssid, eui.hex()) for name, ssid, eui in rows
    ]
    assert [row.line for row in read] == list(range(2, 2 + len(rows)))


@given(st.text(max_size=200))
def test_any_text_is_rows_or_messages_that_name_lines(text):
    try:
        rows = parse("name,region,wifi_key\n" + text)
    except FleetError as error:
        assert all(message.startswith(("line ", "no node")) for message in error.messages)
    else:
        assert rows and all(row.entry.name for row in rows)


# the ledger


def merged(ledger, **config):
    entry = ledger.merge(Entry(config))
    return entry, provisioning.complete(entry)


def test_a_key_is_made_once(tmp_path):
    path = tmp_path / "fleet.json"
    ledger = Ledger(path)
    entry, new = merged(ledger, name="a", lora_region="EU868", lora_dev_eui="70b3d57ed006a5c1")
    assert new and len(bytes.fromhex(entry.secrets["lora_app_key"])) == 16
    ledger.save()
    again = Ledger(path)
    same, new = merged(again, name="renamed", lora_dev_eui="70b3d57ed006a5c1", measure_s=600)
    assert not new and same.secrets == entry.secrets and len(again.entries) == 1
    assert (same.name, same.config["measure_s"], same.config["lora_region"]) == ("renamed", 600, "EU868")


def test_keys_are_chance_and_differ():
    keys = set()
    for number in range(50):
        entry = Entry({"name": str(number), "lora_region": "EU868"})
        assert provisioning.complete(entry)
        keys.add(entry.secrets["lora_app_key"])
    assert len(keys) == 50


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Entry({"name": "a"}, {"lora_app_key": OTHER_KEY}), "app_key of a: the ledger fleet.json has another"),
        (Entry({"name": "a", "lora_dev_eui": "70b3d57ed006a5c2"}), "has it with DevEUI 70b3d57ed006a5c1"),
        (Entry({"name": "b", "lora_dev_eui": "70b3d57ed006a5c1"}), "name = b: another node of the ledger"),
    ],
)
def test_what_contradicts_the_ledger_is_refused(tmp_path, asked, said):
    ledger = Ledger(tmp_path / "fleet.json")
    ledger.merge(Entry({"name": "a", "lora_dev_eui": "70b3d57ed006a5c1"}, {"lora_app_key": KEY}))
    ledger.merge(Entry({"name": "b", "lora_dev_eui": "70b3d57ed006a5c3"}))
    before = [entry.order() for entry in ledger.entries]
    with pytest.raises(ProvisioningError, match=said) as error:
        ledger.merge(asked)
    assert [entry.order() for entry in ledger.entries] == before and OTHER_KEY not in str(error.value)


def test_the_ledger_is_for_its_owner_alone_from_the_first_byte(tmp_path, monkeypatch):
    path = tmp_path / "fleet.json"
    modes = []
    opened = os.open

    def watched(name, flags, mode=0o777, **rest):
        modes.append(mode)
        return opened(name, flags, mode, **rest)

    monkeypatch.setattr(os, "open", watched)
    ledger = Ledger(path)
    ledger.merge(Entry({"name": "a"}))
    ledger.save()
    assert modes == [0o600] and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    Ledger(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_ledger_that_can_not_be_written_stays(tmp_path, monkeypatch):
    path = tmp_path / "fleet.json"
    ledger = Ledger(path)
    ledger.merge(Entry({"name": "a"}))
    ledger.save()
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    ledger.merge(Entry({"name": "b"}))
    with pytest.raises(OSError, match="No space"):
        ledger.save()
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "nodes": []}', '{"version": 1, "nodes": [{"config": 3}]}'])
def test_what_is_no_ledger_is_left_alone(tmp_path, text):
    path = tmp_path / "fleet.json"
    path.write_text(text)
    with pytest.raises(ProvisioningError, match="no ledger of version 1"):
        Ledger(path)
    assert path.read_text() == text


def test_two_programs_do_not_share_a_ledger(tmp_path):
    with (
        fleet.opened(tmp_path / "fleet.json"),
        pytest.raises(ProvisioningError, match="another binnode provision works with it"),
        fleet.opened(tmp_path / "fleet.json"),
    ):
        pass
    with fleet.opened(tmp_path / "fleet.json"):
        pass


# what is missing in an entry, and the provisioning file


def wrong(secrets=None, **config):
    entry = Entry(config, secrets or {})
    provisioning.complete(entry)
    return "\n".join(provisioning.problems(entry))


def test_what_an_entry_lacks_is_said():
    assert wrong(name="a", lora_region="EU868") == ""
    assert wrong(name="a", wifi_ssid="Depot", mqtt_host="broker") == ""
    assert wrong(name="a", lora_region="EU868", wifi_ssid="Depot", fallback="wifi", mqtt_host="broker") == ""
    assert "region or wifi_ssid: one of them" in wrong(name="a")
    assert "name: missing" in wrong(lora_region="EU868")
    assert "mqtt_host: missing" in wrong(name="a", wifi_ssid="Depot")
    assert "wifi_ssid: missing" in wrong(name="a", lora_region="EU868", fallback="wifi")
    assert "region: missing" in wrong(name="a", transport="lorawan")
    assert "provisioning is for joining over the air" in wrong(
        name="a", lora_region="EU868", lora_join="abp", lora_dev_addr="260b1234"
    )
    assert "full_mm = 990: must be below 950 mm" in wrong(name="a", lora_region="EU868", full_mm=990)


def test_fixed_plans_get_the_usual_sub_band():
    for region, band in (("US915", 2), ("AU915", 2), ("EU868", None)):
        entry = Entry({"name": "a", "lora_region": region})
        provisioning.complete(entry)
        assert entry.config.get("lora_sub_band") == band and entry.config["transport"] == "lorawan"


def test_a_provisioning_file_is_read_as_it_was_written(tmp_path):
    entry = Entry({"name": "Gärtner", "lora_region": "EU868"})
    provisioning.complete(entry, bytes.fromhex(KEY))
    path = tmp_path / "node.json"
    provisioning.write_file(path, entry)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert provisioning.read_file(path) == entry.order() == json.loads(path.read_text())
    assert entry.order()["secrets"] == {"lora_app_key": KEY}
    for text, said in (
        ("{", "no JSON object with config and secrets"),
        ('{"secrets": {}}', "no JSON object with config and secrets"),
        ('{"config": {"measure_s": 5}, "secrets": {}}', "measure_s = 5: must be 10..86400 s"),
        ('{"config": {}, "secrets": {"wifi_key": "hidden"}}', "wifi_key: must be 8..63 characters"),
        ('{"config": {}, "secrets": {"wifi_kee": "hidden"}}', "wifi_kee: no secret"),
    ):
        path.write_text(text)
        with pytest.raises(ProvisioningError) as error:
            provisioning.read_file(path)
        assert said in str(error.value) and "hidden" not in str(error.value)
    with pytest.raises(ProvisioningError, match="No such file"):
        provisioning.read_file(tmp_path / "none.json")
