"""binnode.js (in QuickJS, as ChirpStack runs it) and the Python decoder against the vectors and PAYLOAD.md."""

import copy
import json
import re
from pathlib import Path

import pytest
import quickjs
import yaml
from binnode_tools.codec import DecodeError, decode

ROOT = Path(__file__).parents[3]
CODEC = ROOT / "host_tools" / "binnode_tools" / "codec"
SOURCE = (CODEC / "binnode.js").read_text()
SPECIFICATION = (CODEC / "PAYLOAD.md").read_text()
VECTORS = json.loads((ROOT / "tests" / "vectors" / "status_v1.json").read_text())
EXAMPLES = yaml.safe_load((CODEC / "codec.yaml").read_text())["uplinkDecoder"]["examples"]
STATUS = "[0x12, 0x00, 0x72, 0x54, 0x16, 0xd8, 0x90, 0x7b, 0x00, 0x3d, 0xb8]"
RUN = "function run(text) { return JSON.stringify(decodeUplink(JSON.parse(text))); }"


@pytest.fixture(scope="module")
def js() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(SOURCE)
    context.eval(RUN)
    return context


def uplink(js: quickjs.Context, **given) -> dict:
    return json.loads(js.get("run")(json.dumps(given)))


def evaluated(js: quickjs.Context, expression: str) -> dict:
    """What decodeUplink gives for an input that JSON can't carry."""
    return json.loads(js.eval(f"JSON.stringify(decodeUplink({expression}))"))


def by_description(vector: dict) -> str:
    return vector["description"]


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=by_description)
def test_both_decoders_give_the_vector(js, vector):
    payload = bytes.fromhex(vector["hex"])
    given = uplink(js, bytes=list(payload), fPort=1)
    assert given == {"data": vector["data"], "warnings": vector["warnings"], "errors": []}
    status = decode(payload)
    assert status.as_dict() == vector["data"]
    assert list(status.warnings) == vector["warnings"]
    assert list(status.as_dict()) == list(given["data"]), "the order of the fields differs"


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=by_description)
def test_both_decoders_refuse_with_the_same_words(js, vector):
    payload = bytes.fromhex(vector["hex"])
    assert uplink(js, bytes=list(payload), fPort=vector["fport"]) == {
        "data": {},
        "warnings": [],
        "errors": [vector["error"]],
    }
    with pytest.raises(DecodeError, match=f"^{re.escape(vector['error'])}$"):
        decode(payload, vector["fport"])


def test_the_vectors_cover_every_field():
    statuses = [vector["data"] for vector in VECTORS["accepted"]]
    assert {s["reason"] for s in statuses} >= {
        "first",
        "change",
        "alarm",
        "released",
        "emptied",
        "heartbeat",
        "kind",
        "backlog",
    }
    assert {s["quality_indicator"] for s in statuses} == {0, 1, 2, 3, 4}
    assert len({s["quality"]["kind"] for s in statuses}) == 8
    for field, value in statuses[0].items():
        if isinstance(value, bool):
            assert {s[field] for s in statuses} == {False, True}, field
    sizes = {len(vector["hex"]) // 2 for vector in VECTORS["accepted"]}
    assert {8, 11, 242} <= sizes


def test_the_example_of_the_specification_is_the_first_vector():
    example = re.search(r"^`((?:[0-9A-F]{2} ){10}[0-9A-F]{2})`", SPECIFICATION, re.MULTILINE)
    assert example and example[1].replace(" ", "") == VECTORS["accepted"][0]["hex"]
    rows = re.findall(r"^\| `([0-9A-F ]+)` \|", SPECIFICATION, re.MULTILINE)
    assert " ".join(rows) == example[1]


def test_every_field_of_the_decoded_data_is_in_the_specification():
    data = VECTORS["accepted"][0]["data"]
    for field in [*data, *data["quality"], *data["history"][0]]:
        assert field in ("version", "reason") or field in SPECIFICATION, field
    for text in ("noisy", "no_echo", "too_near", "too_far", "lid_open", "fault", "heartbeat", "backlog"):
        assert f"`{text}`" in SPECIFICATION


def test_quality_indicator_by_valid_pings():
    # level 50.0 %, kind ok: only the number of pings differs
    indicators = [decode(bytes([0x11, 0, 0x7D, pings << 2, 0, 0, 0, 0])).quality_indicator for pings in range(5)]
    assert indicators == [0, 3, 3, 4, 4]


# What network servers hand in


def test_chirpstack_input(js):
    plain = uplink(js, bytes=list(bytes.fromhex(VECTORS["accepted"][0]["hex"])), fPort=1)
    given = evaluated(
        js, f"{{bytes: {STATUS}, fPort: 1, variables: {{site: 'north'}}, recvTime: new Date(1791201600000)}}"
    )
    assert given["data"]["history"][0].pop("time") == "2026-10-05T11:45:00.000Z"
    assert given == plain


@pytest.mark.parametrize("array", ["new Uint8Array({})", "Object.assign({{}}, {}, {{length: 11}})"])
def test_other_arrays_are_read_as_well(js, array):
    given = evaluated(js, f"{{bytes: {array.format(STATUS)}, fPort: 1}}")
    assert given["errors"] == [] and given["data"] == VECTORS["accepted"][0]["data"]


def test_times_of_the_history(js):
    payload = bytes.fromhex("1700FFC810018E5A" + "016BF1" + "003FF6")
    given = uplink(js, bytes=list(payload), fPort=1, recvTime="2026-03-01T01:00:00+01:00")
    assert [reading["time"] for reading in given["data"]["history"]] == [
        "2026-02-28T22:30:00.000Z",
        "2026-02-28T23:45:00.000Z",
    ]
    assert given["warnings"] == []


@pytest.mark.parametrize(
    "time", ["'yesterday'", "{}", "NaN", "Symbol('x')", "1n", "Object.create(null)", "new Date(NaN)"]
)
def test_a_time_of_reception_that_is_none_costs_only_the_times(js, time):
    given = evaluated(js, f"{{bytes: {STATUS}, fPort: 1, recvTime: {time}}}")
    assert given["data"] == VECTORS["accepted"][0]["data"]
    assert given["warnings"] == ["recvTime is neither a Date nor an ISO 8601 text: the history has ages, but no times"]


def test_a_time_of_reception_at_the_edge_of_the_calendar(js):
    given = evaluated(js, f"{{bytes: {STATUS}, fPort: 1, recvTime: new Date(-8.64e15)}}")
    assert given["errors"] == [] and "time" not in given["data"]["history"][0]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", "a status comes on FPort 1, not on FPort undefined"),
        ("null", "a status comes on FPort 1, not on FPort undefined"),
        ("5", "a status comes on FPort 1, not on FPort undefined"),
        ("{}", "a status comes on FPort 1, not on FPort undefined"),
        (f"{{bytes: {STATUS}, fPort: 10}}", "a status comes on FPort 1, not on FPort 10"),
        (f"{{bytes: {STATUS}, fPort: '1'}}", "a status comes on FPort 1, not on FPort string"),
        (f"{{bytes: {STATUS}, fPort: Symbol('x')}}", "a status comes on FPort 1, not on FPort symbol"),
        ("{fPort: 1}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: null}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: '1200725416D8907B'}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: [18, 0, 1.5]}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: [18, 256]}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: [-1]}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: [18, NaN]}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: ['18']}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: {}}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: {length: -1}}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: {length: 1e300}}", "bytes must be an array of whole numbers from 0 to 255"),
        ("{fPort: 1, bytes: new Array(8)}", "bytes must be an array of whole numbers from 0 to 255"),
    ],
)
def test_strange_input_is_refused_and_never_throws(js, given, error):
    assert evaluated(js, given) == {"data": {}, "warnings": [], "errors": [error]}


@pytest.mark.parametrize("example", EXAMPLES, ids=by_description)
def test_examples_for_the_device_repository(js, example):
    assert uplink(js, **copy.deepcopy(example["input"])) == example["output"]


def test_the_device_repository_names_this_codec():
    decoder = yaml.safe_load((CODEC / "codec.yaml").read_text())["uplinkDecoder"]
    assert (CODEC / decoder["fileName"]).samefile(CODEC / "binnode.js")
    assert {example["description"] for example in decoder["examples"]} and len(decoder["examples"]) >= 3


# Plain ES5: The Things Stack runs nothing newer

WORDS = "let const class async await yield import export extends super static of"
OBJECTS = "Symbol Map Set WeakMap Promise Proxy Reflect BigInt"
ES5_STATICS = "prototype keys create defineProperty isArray floor ceil round min max abs pow"
ES6_METHODS = "includes startsWith endsWith repeat padStart padEnd find findIndex fill entries values flat flatMap at"
NEWER = re.compile(
    r"=>|`|\.\.\.|\*\*|\?\?|\?\.|\b0[bo]\d|\b\d+n\b"
    + rf"|\b(?:{'|'.join(f'{WORDS} {OBJECTS}'.split())})\b"
    + rf"|\b(?:Number|Object|Array|Math|String)\.(?!{'|'.join(ES5_STATICS.split())})"
    + rf"|\.(?:{'|'.join(ES6_METHODS.split())})\("
    + r"|function\s*\w*\([^)]*[={\[]|,\s*\)|\b(?:var|catch)\s*[\[{]"
)


def code_only(source: str) -> str:
    """`source` without its comments and with empty texts."""
    return re.sub(
        r"//[^\n]*|/\*.*?\*/|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"",
        lambda found: " " if found[0].startswith("/") else "''",
        source,
        flags=re.DOTALL,
    )


def test_the_codec_is_es5():
    found = NEWER.search(code_only(SOURCE))
    assert not found, f"newer than ES5: {found[0]!r}"
    assert "(8, 11, 14, ...)" in SOURCE, "the texts were to be left out of the search"
    assert len(SOURCE.encode()) < 40960, "The Things Stack takes at most 40 KiB"
    assert SOURCE.isascii(), "a console may mangle anything else"


@pytest.mark.parametrize(
    "newer",
    [
        "let x = 1;",
        "const x = 1;",
        "bytes.map(x => x)",
        "`text`",
        "f(...bytes)",
        "2 ** 3",
        "for (x of y) {}",
        "class A {}",
        "function f(a = 1) {}",
        "function f({ bytes }) {}",
        "var [a, b] = c;",
        "a?.b",
        "a ?? b",
        "bytes.includes(1)",
        "Number.isInteger(1)",
        "Object.assign({}, a)",
        "try { a(); } catch { b(); }",
        "10n",
        "f(a, )",
    ],
)
def test_the_search_finds_what_is_newer(newer):
    assert NEWER.search(code_only(newer))
