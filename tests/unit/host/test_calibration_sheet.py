"""The record of a calibration as JSON and as a page: whole, legible, and never in place of another."""

import copy
import json
import random
import subprocess
import sys
from itertools import pairwise

import numpy
import pytest
import zxingcpp
from binnode_tools import calibration_sheet, sheet_page, sheet_section, sheet_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from PIL import Image

from tests.unit import sheets


def drawn(sheet, folder):
    """(the picture as an array, x, y, width and height of each text in mm by the text)."""
    page = []
    save = sheet_page.Page.save

    def kept(self, path):
        page.append(self)
        save(self, path)

    path = folder / "page.png"
    path.unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet_page.Page, "save", kept)
        calibration_sheet.draw_png(sheet, path)
    figure = page[0].figure
    boxes = []
    for text in figure.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            mm = 25.4 / sheet_page.DPI
            boxes.append((text.get_text(), box.x0 * mm, 297 - box.y1 * mm, box.x1 * mm, 297 - box.y0 * mm))
    with Image.open(path) as picture:
        assert picture.size == (1654, 2339) and picture.format == "PNG"
        return numpy.asarray(picture.convert("L")), boxes


def collisions(boxes):
    """Texts that lie over another or over the paper's edge; descenders may touch the line below."""
    slack = 0.45
    found = [box for box in boxes if box[1] < 5 or box[2] < 5 or box[3] > 205 or box[4] > 294]
    for at, (text, left, top, right, bottom) in enumerate(boxes):
        for other, left2, top2, right2, bottom2 in boxes[at + 1 :]:
            if min(right, right2) - max(left, left2) > slack and min(bottom, bottom2) - max(top, top2) > slack:
                found.append((text, other))
    return found


@pytest.mark.parametrize("name", sheets.ALL)
def test_no_text_lies_over_another(name, tmp_path):
    _, boxes = drawn(sheets.ALL[name], tmp_path)
    assert not collisions(boxes)


def test_the_overlap_check_sees_an_overlap():
    assert collisions([("a", 10, 10, 20, 14), ("b", 19, 12, 30, 16)]) == [("a", "b")]
    assert collisions([("a", 190, 10, 206, 14)])


def dark(picture, x, y, width, height):
    """Share of the ink in that place (mm)."""
    px = sheet_page.DPI / 25.4
    part = picture[round(y * px) : round((y + height) * px), round(x * px) : round((x + width) * px)]
    return float((part < 128).mean())


@pytest.mark.parametrize("shape", ["upright", "tapered", "lying", "strapping"])
def test_the_page_says_who_where_and_what(shape, tmp_path):
    sheet = sheets.ALL[shape]
    picture, boxes = drawn(sheet, tmp_path)
    texts = {text for text, *_ in boxes}
    bin_ = sheet["bin"]
    assert {"Gate 7", "J. Smith", "Station Road 4, behind the kiosk", "2026-11-23 09:15 +0100"} <= texts
    assert {"240A C4FF FE00 0102", "0.1.0 (23ce332)", "1.29.0", "heltec_v3", shape} <= texts
    assert {f"{bin_['empty_mm']} mm", f"{bin_['full_mm']} mm", "bottom", "full line"} <= texts
    (code,) = zxingcpp.read_barcodes(Image.fromarray(picture))
    assert code.text == "240AC4FFFE000102"
    for place in ((12, 60, 60, 70), (104, 55, 94, 70), (12, 150, 90, 30), (12, 185, 186, 30)):
        assert 0.005 < dark(picture, *place) < 0.5, place
    for margin in ((0, 0, 12, 297), (0, 0, 210, 6), (203, 0, 7, 297), (0, 294, 210, 3)):
        assert dark(picture, *margin) == 0, margin


def test_numbers_end_on_one_line(tmp_path):
    _, boxes = drawn(sheets.ALL["upright"], tmp_path)
    for column in ({"1000 mm", "99.4 %", "before"}, {"100.0 %", "15°", "20 mm, 4000 mm", "after"}):
        ends = [box[3] for box in boxes if box[0] in column and box[1] > 104]
        assert len(ends) == len(column) and max(ends) - min(ends) < 0.5, ends


def test_every_warning_with_its_remedy_is_there_and_the_worst_comes_first(tmp_path):
    sheet = sheets.ALL["ten warnings"]
    _, boxes = drawn(sheet, tmp_path)
    said = " ".join(text for text, *_ in sorted(boxes, key=lambda box: (round(box[2]), box[1])))
    for check in sheet["checks"]:
        assert check["text"][:30] in said
    assert said.count("Hang the module in the middle") == 10
    assert "Checks: 4 errors, 6 warnings" in said and said.index("ERROR") < said.index("WARNING")
    assert said.rindex("ERROR") < said.index("WARNING")


def test_more_checks_than_the_page_holds_are_counted(tmp_path):
    sheet = {**sheets.ALL["upright"], "checks": sheets.warnings(60)}
    _, boxes = drawn(sheet, tmp_path)
    assert not collisions(boxes)
    (rest,) = [text for text, *_ in boxes if "more are in the JSON file" in text]
    assert 0 < int(rest.split(" ")[0]) < 60


def test_what_no_font_has_is_a_question_mark():
    assert sheet_page.printable("Łódź Ξ Я 7 °C") == "Łódź Ξ Я 7 °C"
    assert sheet_page.printable("a\nb\tc\x00\u202e\ue000\U000e0041\ud800") == "a b c?????"
    assert "\U0001f5d1" not in sheet_page.printable("bin \U0001f5d1")


def test_a_text_is_no_formula(tmp_path):
    sheet = {**sheets.ALL["upright"], "by": r"$x^2_{$\frac", "place": "$100 and $200"}
    assert {r"$x^2_{$\frac", "$100 and $200"} <= {text for text, *_ in drawn(sheet, tmp_path)[1]}


def test_files_are_named_for_node_and_time_and_never_replaced(tmp_path):
    sheet = sheets.ALL["upright"]
    folder = tmp_path / "new" / "calibrations"
    first = calibration_sheet.write(sheet, folder)
    assert [path.name for path in first] == ["Gate_7-20261123-0915.json", "Gate_7-20261123-0915.png"]
    kept = [path.read_bytes() for path in first]
    assert json.loads(kept[0]) == sheet
    changed = {**sheet, "by": "another"}
    second = calibration_sheet.write(changed, folder)
    assert [path.name for path in second] == ["Gate_7-20261123-0915-2.json", "Gate_7-20261123-0915-2.png"]
    (folder / "Gate_7-20261123-0915-3.png").write_bytes(b"somebody's")
    assert calibration_sheet.write(sheet, folder)[0].name == "Gate_7-20261123-0915-4.json"
    assert [path.read_bytes() for path in first] == kept and json.loads(second[0].read_text())["by"] == "another"
    assert len(list(folder.iterdir())) == 7


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("../../etc/passwd", "_.._etc_passwd-20261123-0915"),
        ("C:\\con*?", "C__con__-20261123-0915"),
        ("Łódź 4", "Łódź_4-20261123-0915"),
        ("", "240ac4fffe000102-20261123-0915"),
        ("é" * 200, "é" * 30 + "-20261123-0915"),
        ("...", "node-20261123-0915"),
    ],
)
def test_any_name_makes_a_file_name(name, wanted):
    sheet = copy.deepcopy(sheets.ALL["upright"])
    sheet["node"]["name"] = name
    assert calibration_sheet.file_name(sheet) == wanted


def test_a_page_is_the_same_for_the_same_sheet(tmp_path):
    sheet = sheets.ALL["tapered"]
    paths = [calibration_sheet.write(sheet, tmp_path / folder)[1] for folder in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_matplotlib_is_loaded_by_drawing_only():
    code = "import sys, binnode_tools.calibration_sheet; assert not {'matplotlib', 'numpy', 'segno'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_widths_of_the_section():
    """Half widths in mm, worked out by hand."""

    def half(distance, **bin_):
        section = sheet_section.of({"bin": {"empty_mm": 1200, "full_mm": 200, **bin_}})
        return section.half_width(distance)

    assert half(700, shape="upright", width_mm=400) == 200
    tapered = {"shape": "tapered", "bottom_permille": 800, "width_mm": 400}
    assert [half(mm, **tapered) for mm in (1200, 700, 200)] == pytest.approx([200, 225, 250])
    widens_down = {"shape": "tapered", "bottom_permille": 1250, "width_mm": 400}
    assert [half(mm, **widens_down) for mm in (1200, 200)] == pytest.approx([250, 200])
    lying = {"shape": "lying", "diameter_mm": 0}
    assert [half(mm, **lying) for mm in (1200, 700, 400, 200)] == pytest.approx([0, 500, 400, 0])
    # 500 mm with 4 volumes each, then 500 mm with 1: the side of the square is half as long.
    table = {"shape": "strapping", "strapping": "0:0,500:2000,1000:2500", "width_mm": 300}
    assert [half(mm, **table) for mm in (1199, 701, 699, 201)] == pytest.approx([300, 300, 150, 150])


def test_labels_keep_their_order_and_their_distance():
    random_ = random.Random(4)
    for _ in range(200):
        wanted = sorted(random_.uniform(0, 100) for _ in range(6))
        rows = sheet_section.spread(wanted, 6.8, 0, 100)
        assert all(after - before > 6.79 for before, after in pairwise(rows))
        assert rows[0] >= 0 and rows[-1] <= 100
    assert sheet_section.spread([10, 50], 6.8, 0, 100) == [10, 50]


def test_values_of_a_shape_that_nobody_has_are_left_out():
    titles = [row[0] for row in sheet_values.values(sheets.ALL["upright"])]
    assert "Diameter" not in titles and "Width at the bottom" not in titles
    rows = {row[0]: row[1:] for row in sheet_values.values(sheets.ALL["tapered"])}
    assert rows["Width at the bottom"] == ("-", "70.0 %")
    assert rows["Fill level"] == ("99.4 %", "100.0 %")


NUMBERS = st.none() | st.integers(-10, 20_000) | st.sampled_from([10**30, -(10**9)])
TEXTS = st.text(st.characters(), max_size=120) | st.sampled_from(["", "ok", "0:0,300:250", "upright"])


def some(value):
    """The same shape of JSON, with other values and some of it missing."""
    if isinstance(value, dict):
        return st.fixed_dictionaries({}, optional={key: some(one) for key, one in value.items()}) | st.none()
    if isinstance(value, list):
        return st.lists(some(value[0]) if value else NUMBERS, max_size=4)
    if isinstance(value, bool):
        return st.booleans()
    if isinstance(value, int):
        return NUMBERS | st.just(value)
    return TEXTS | st.none() | st.just(value)


SHAPES = st.sampled_from(["upright", "tapered", "lying", "strapping"])


@settings(max_examples=12, deadline=None, suppress_health_check=[*HealthCheck])
@given(sheet=some(sheets.ALL["strapping"]), shape=SHAPES)
def test_any_sheet_makes_a_page(sheet, shape, tmp_path):
    sheet = sheet or {}
    if sheet.get("bin"):
        sheet["bin"]["shape"] = shape
    _, boxes = drawn(sheet, tmp_path)
    assert not collisions(boxes)


@settings(max_examples=100, deadline=None, suppress_health_check=[*HealthCheck])
@given(sheet=some(sheets.ALL["strapping"]))
def test_the_json_is_the_sheet(sheet, tmp_path, monkeypatch):
    monkeypatch.setattr(calibration_sheet, "draw_png", lambda sheet, path: None)
    as_json, as_png = calibration_sheet.write(sheet or {}, tmp_path)
    assert json.dumps(json.loads(as_json.read_text(encoding="utf-8"))) == json.dumps(sheet or {})
    assert as_json.parent == as_png.parent == tmp_path and as_json.stem == as_png.stem
    as_json.unlink()
