"""The settings of a bin's shape: what goes together, and what the messages say."""

import json

from binnode import config, config_rules


def problem(**fields):
    """(shape, diameter_mm, strapping) in force, and what was wrong."""
    mended, text = config.load(json.dumps(fields))
    assert config_rules.check(mended) == []
    return (mended["shape"], mended["diameter_mm"], mended["strapping"]), text


TABLE = "0:0,300:250,800:1000"


def test_shapes_that_are_in_order():
    assert problem(shape="tapered") == (("tapered", 0, ""), None)
    assert problem(shape="lying") == (("lying", 0, ""), None)
    for diameter in (800, 801, 1600):
        assert problem(shape="lying", diameter_mm=diameter) == (("lying", diameter, ""), None)
    assert problem(shape="strapping", strapping=TABLE) == (("strapping", 0, TABLE), None)
    assert problem(strapping=TABLE, diameter_mm=5) == (("upright", 5, TABLE), None), "kept for later"


def test_a_diameter_that_does_not_go_with_the_full_line():
    text = "must be 0 or 800..1600, at least empty_mm - full_mm and at most twice that; using diameter_mm = 0"
    for diameter in (1, 799, 1601, 12000):
        assert problem(shape="lying", diameter_mm=diameter) == (("lying", 0, ""), f"diameter_mm = {diameter}: {text}")
    assert problem(shape="lying", diameter_mm=12001)[1].startswith("diameter_mm = 12001: must be 0..12000 mm, lying: ")


def test_a_table_that_is_none():
    for table in ("0:0", "0:0,800", "800:1000,0:0", "0:0,300:250,300:1000", "0:0,800:1000;", "x"):
        found, text = problem(shape="upright", strapping=table)
        assert found == ("upright", 0, "")
        assert text == (
            f'strapping = "{table}": must be empty or 2 to 16 pairs mm:volume from 0:0 on, both rising, up to 6000 mm '
            "and 10000, strapping: height of the content and its volume, as in 0:0,300:250,800:1000"
        )
    assert not config.fits("strapping", ",".join(["0:0"] * 60)) and not config.fits("strapping", 5)


def test_a_table_that_is_too_short_or_missing():
    found, text = problem(shape="strapping", strapping="0:0,300:250,759:1000")
    assert found[0] == "upright"
    assert text == (
        'strapping = "0:0,300:250,759:1000": must reach the full line, 800 mm (empty_mm - full_mm), '
        'for shape = strapping; using shape = "upright"'
    )
    found, text = problem(shape="strapping")
    assert found[0] == "upright" and text.startswith('strapping = "": must reach the full line, 800 mm')
    assert problem(shape="strapping", strapping="0:0,300:250,760:1000")[1] is None, "measured, a bin may be deeper"


def test_a_broken_table_costs_the_shape_too():
    found, text = problem(shape="strapping", strapping="0:0,800")
    assert found == ("upright", 0, "")
    assert text.startswith('strapping = "0:0,800": must be empty or') and text.endswith('; using shape = "upright"')


def test_unknown_shape():
    assert problem(shape="oval")[1] == (
        'shape = "oval": must be upright, tapered, lying or strapping, of the bin: upright or tapered walls, '
        "a cylinder lying on its side, or as the strapping table says"
    )


def test_the_quick_check_agrees():
    for fields in ({"shape": "lying", "diameter_mm": 799}, {"shape": "strapping"}, {"strapping": "0:0"}):
        assert not config.sound(dict(config.DEFAULTS, **fields)), fields
    for fields in ({"shape": "lying", "diameter_mm": 800}, {"shape": "strapping", "strapping": TABLE}):
        assert config.sound(dict(config.DEFAULTS, **fields)), fields
