"""Labels, read by a reader that is not the writer's: ZXing. The text by what TR005 and its readers say."""

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
import zxingcpp
from binnode_tools import fleet, labels, paths, provisioning
from binnode_tools.provisioning import Entry
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

EUI = st.binary(min_size=8, max_size=8).map(bytes.hex)
WORD = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", max_size=24)
ENTRIES = st.builds(
    lambda name, dev, join, serial, token, profile: Entry(
        {"name": name, "lora_dev_eui": dev, "lora_join_eui": join, "lora_region": "US915"},
        {"lora_app_key": "5ec2e7" * 5 + "00"},
        {"serial": serial, "owner_token": token, "profile_id": profile.hex().upper()},
    ),
    st.text(min_size=1, max_size=32),
    EUI,
    EUI,
    WORD,
    WORD,
    st.binary(min_size=4, max_size=4),
)
ENTRY = Entry(
    {"name": "Marktplatz 17 <Süd>", "lora_dev_eui": "70b3d57ed006a5c1", "lora_region": "EU868"},
    {"lora_app_key": "5ec2e7" * 5 + "00"},
)


def read(png):
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))]


def fields(text):
    """As readers take it apart (The Things Stack, ChirpStack): by colons, then by letters."""
    lead, schema, join_eui, dev_eui, profile, *extensions = text.split(":")
    assert (lead, schema) == ("LW", "D0")
    return join_eui, dev_eui, profile, {one[0]: one[1:] for one in extensions}


def test_the_checksum_is_that_of_the_published_example():
    """LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR:CAF2C in TR005, 2020."""
    assert labels.crc16(b"LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:PFOOBAR") == 0xAF2C
    assert labels.crc16(b"123456789") == 0x4B37, "CRC-16/MODBUS"


def test_a_label_says_what_tr005_wants_and_no_key():
    text = labels.tr005(
        Entry(
            {"lora_dev_eui": "aabbccddeeff0011", "lora_join_eui": "1122334455667788"},
            {},
            {"profile_id": "AABB1122", "owner_token": "AABBCCDDEEFF", "serial": "YYWWNNNNNN"},
        )
    )
    assert text.startswith("LW:D0:1122334455667788:AABBCCDDEEFF0011:AABB1122:OAABBCCDDEEFF:SYYWWNNNNNN:C")
    assert labels.tr005(ENTRY).startswith("LW:D0:0000000000000000:70B3D57ED006A5C1:00000000:C")


@given(ENTRIES)
@settings(max_examples=60, deadline=None)
def test_any_node_s_code_is_read_back_by_another_reader(entry):
    rows = labels.modules(entry)
    picture = Image.new("L", (len(rows) + 8, len(rows) + 8), 255)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            picture.putpixel((x + 4, y + 4), 0 if dark else 255)
    (found,) = zxingcpp.read_barcodes(picture.resize((picture.width * 4, picture.height * 4), Image.Resampling.NEAREST))
    assert found.text == labels.tr005(entry)
    assert len(rows) <= 41, "modules stay above 0.6 mm"
    join_eui, dev_eui, profile, more = fields(found.text)
    assert (join_eui.lower(), dev_eui.lower()) == (entry.join_eui, entry.dev_eui)
    assert profile == entry.label["profile_id"]
    assert more.pop("C") == f"{labels.crc16(found.text.rpartition(':C')[0].encode()):04X}"
    assert more == {
        letter: entry.label[name] for letter, name in (("O", "owner_token"), ("S", "serial")) if entry.label[name]
    }
    assert "5EC2E7" not in found.text


@given(ENTRIES)
@settings(max_examples=60, deadline=None)
def test_the_text_stays_on_the_label_and_off_the_code(entry):
    for line in labels.lines(entry):
        assert line.x >= labels._EDGE_MM + labels._QR_MM
        assert line.x + labels._width_mm(line.text, line.size, line.bold) <= labels.WIDTH_MM - 4
        assert line.y - line.size > 2 and line.y < labels.HEIGHT_MM - 2


def test_what_can_not_be_printed_is_a_question_mark():
    entry = Entry({"name": "a\x85b\x00c\u2028d\ufffe", "lora_dev_eui": "70b3d57ed006a5c1"})
    assert labels.lines(entry)[0].text == "a?b?c?d?"
    assert ElementTree.fromstring(labels.svg(entry)) is not None and read(labels.png(entry))


def test_the_png_has_its_size_and_is_read():
    picture = Image.open(io.BytesIO(labels.png(ENTRY)))
    assert (round(picture.width / 300 * 25.4), round(picture.height / 300 * 25.4)) == (70, 37)
    assert [round(dpi) for dpi in picture.info["dpi"]] == [300, 300]
    assert read(labels.png(ENTRY)) == [labels.tr005(ENTRY)]


def svg_dark(element):
    """(x, y, width) in modules of the dark runs of the code's path."""
    path = next(one for one in element.iter() if one.tag.endswith("path"))
    return [tuple(map(int, run)) for run in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", path.get("d"))]


def test_the_svg_shows_the_same_code_and_the_text():
    root = ElementTree.fromstring(labels.svg(ENTRY))
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("70mm", "37mm", "0 0 70 37")
    picture = Image.new("L", (45 * 6, 45 * 6), 255)
    draw = ImageDraw.Draw(picture)
    for x, y, width in svg_dark(root):
        draw.rectangle(((x + 4) * 6, (y + 4) * 6, (x + width + 4) * 6 - 1, (y + 5) * 6 - 1), fill=0)
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [labels.tr005(ENTRY)]
    texts = [one.text for one in root.iter() if one.tag.endswith("text")]
    assert " ".join(texts[:2]) == "Marktplatz 17 <Süd>"
    assert "70B3 D57E D006 A5C1" in texts and "binnode EU868" in texts
    assert "5ec2e7" not in labels.svg(ENTRY).lower()


@pytest.mark.parametrize(("count", "pages"), [(1, [1]), (24, [24]), (25, [24, 1])])
def test_sheets_hold_24_each_readable(count, pages):
    entries = [Entry({"name": f"bin {n}", "lora_dev_eui": f"70b3d57ed006{n:04x}"}) for n in range(count)]
    drawn = labels.sheets_png(entries)
    assert [len(read(page)) for page in drawn] == pages
    assert {text for page in drawn for text in read(page)} == {labels.tr005(entry) for entry in entries}
    page = Image.open(io.BytesIO(drawn[0]))
    assert (round(page.width / 300 * 25.4), round(page.height / 300 * 25.4)) == (210, 297)
    html = labels.sheets_html(entries)
    found = [ElementTree.fromstring(one) for one in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]
    assert [len([one for one in sheet.iter() if one.tag.endswith("path")]) for sheet in found] == pages
    assert "@page{size:A4;margin:0}" in html


def test_without_a_font_of_the_computer_s_the_text_is_what_pillow_s_own_can_show(monkeypatch):
    monkeypatch.setattr(labels, "_FONTS", ())
    assert labels._font(3, False, "Gärtner 東")[1] == "Gartner ?"
    assert read(labels.png(ENTRY)) == [labels.tr005(ENTRY)]


def test_the_guide_is_true():
    guide = (paths.REPOSITORY / "host_tools" / "docs" / "provision.md").read_text()
    (code,) = re.findall(r"^ +(LW:D0:.*)$", guide, re.MULTILINE)
    join_eui, dev_eui, _, more = fields(code)
    entry = Entry({"lora_dev_eui": dev_eui.lower(), "lora_join_eui": join_eui}, {}, {"serial": more["S"]})
    assert code == labels.tr005(entry)
    (lines,) = re.findall(r"^    (name,mac.*\n(?:    .*\n)+)", guide, re.MULTILINE)
    rows = fleet.parse(lines.replace("    ", ""))
    assert [row.entry.dev_eui for row in rows] == ["240ac4fffe000110", "240ac4fffe000111"]
    for row in rows:
        provisioning.complete(row.entry)
        assert provisioning.problems(row.entry) == []
    table = guide[guide.index("| column |") : guide.index("| any setting")]
    named = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named <= set(fleet.columns()) and named >= {"name", "mac", *provisioning.ALIASES, *provisioning.LABEL}
