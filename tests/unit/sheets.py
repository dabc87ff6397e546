"""Sheets as binnode_tools.calibration_record makes them: each shape of a bin, and what strains a page."""

import random

IGLOO = "0:0,200:320,600:1250,1000:2050,1300:2450,1500:2600"
SENTENCE = "the beam is 1534 mm wide at the bottom, and the bin 400 mm: what is heard first may be the wall, no waste"
REMEDY = (
    "Hang the module in the middle, farther from the wall; or take one with a narrower beam (binnode modules lists "
    "them), such as the A02YYUW; then calibrate again and compare with a tape measure before the bin is closed"
)


def reading(distance_mm, seed, fill_permille=None):
    """15 pings with 3 mm of noise, 4 % lost, 3 % from something else."""
    chance = random.Random(seed)
    heard = [
        None
        if chance.random() < 0.04
        else (chance.randint(150, 400) if chance.random() < 0.03 else round(chance.gauss(distance_mm, 3)))
        for _ in range(15)
    ]
    return {
        "kind": "ok",
        "distance_mm": distance_mm,
        "valid": 13,
        "pings": 15,
        "spread_mm": 6,
        "heard_mm": heard,
        "fill_permille": fill_permille,
        "temperature_c10": 123,
        "battery_mv": 3987,
    }


def warnings(count):
    levels = ("error", "warning", "warning")
    return [
        {"code": "beam", "level": levels[at % 3], "text": f"{at}: {SENTENCE}", "remedy": REMEDY} for at in range(count)
    ]


def sheet(shape="upright", empty_mm=1012, full_mm=205, module=None, **bin_):
    own = {"bottom_permille": None, "diameter_mm": None, "strapping": None}
    place = {"width_mm": None, "to_wall_mm": None, "depth_mm": None}
    before = {"module": "hcsr04p", "shape": "upright", "empty_mm": 1000, "full_mm": 200}
    before |= {"bottom_permille": 800, "diameter_mm": 0, "strapping": ""}
    after = {**before, "shape": shape, "empty_mm": empty_mm, "full_mm": full_mm}
    after |= {name: value for name, value in bin_.items() if name in own}
    fine = ("185 mm below the blind zone (20 mm)", "the bottom is at 25 % of the range (4000 mm)", "3.99 V")
    return {
        "format": "binnode-calibration",
        "version": 1,
        "made": "2026-11-23T09:15:00+01:00",
        "by": "J. Smith",
        "place": "Station Road 4, behind the kiosk",
        "node": {
            "name": "Gate 7",
            "device_id": "240ac4000102",
            "dev_eui": "240ac4fffe000102",
            "board": "heltec_v3",
            "firmware": "0.1.0",
            "commit": "23ce332",
            "micropython": "1.29.0",
        },
        "module": module or {"name": "hcsr04p", "title": "HC-SR04P", "blind_mm": 20, "range_mm": 4000, "beam_deg": 15},
        "bin": {"shape": shape, "empty_mm": empty_mm, "full_mm": full_mm, **own, **place, **bin_},
        "measured": {
            "empty": {
                "how": "measured",
                "distance_mm": empty_mm,
                "readings": [reading(empty_mm, seed) for seed in range(5)],
            },
            "full": {
                "how": "measured",
                "distance_mm": full_mm,
                "rim_to_full_mm": None,
                "readings": [reading(full_mm, seed) for seed in range(5, 10)],
            },
        },
        "checks": [{"code": "some", "level": "ok", "text": text, "remedy": ""} for text in fine],
        "before": {"settings": before, "reading": reading(full_mm, 10, 994)},
        "after": {"settings": after, "reading": reading(full_mm, 11, 1000)},
        "saved": True,
    }


def over_the_rim():
    made = sheet("strapping", 1800, 400, strapping=IGLOO, width_mm=350, depth_mm=1795)
    made["measured"]["full"] = {
        "how": "measured",
        "distance_mm": 280,
        "rim_to_full_mm": 120,
        "readings": [reading(280, seed) for seed in range(5)],
    }
    made["after"]["reading"] = reading(900, 11, 612)
    return made


def strained():
    """Long words, letters of other scripts, a bin with its own ideas, ten warnings."""
    module = {"name": "aj_sr04m", "title": "AJ-SR04M, pulse mode, with the long cable of another make"}
    module |= {"blind_mm": 250, "range_mm": 2200, "beam_deg": 75}
    made = sheet("tapered", 2480, 290, module, bottom_permille=1300, width_mm=500, to_wall_mm=90, depth_mm=2500)
    made["node"] |= {
        "name": "Müllbehälter Łódź Fabryczna południe 東京駅 السوق \U0001f5d1 " + "1234567890" * 9,
        "commit": "23ce332-dirty, and then some more that nobody needs to read here",
        "board": "a_board_of_our_own_with_a_name_for_a_whole_line_of_the_page",
        "dev_eui": "",
    }
    made["by"] = "Extraordinarily-Long-Double-Barrelled Name-Without-Any-Spaces-Whatsoever-In-It" * 3
    made["place"] = "Carrer de l'Església Nova 123, cantonada amb el passeig marítim, davant de la guingueta " * 3
    made["checks"] = warnings(10)
    return made


def unsaved():
    """Typed distances, and a module that heard nothing since."""
    made = sheet()
    for name, distance_mm in (("empty", 1012), ("full", 205)):
        made["measured"][name] |= {"how": "typed", "distance_mm": distance_mm, "readings": []}
    nothing = {**reading(1, 1), "kind": "no_echo", "valid": 0, "heard_mm": [None] * 15}
    nothing |= dict.fromkeys(("distance_mm", "spread_mm", "temperature_c10", "battery_mv"))
    made |= {"by": "", "place": "", "checks": [], "saved": False}
    made["before"]["reading"], made["after"]["reading"] = nothing, None
    return made


ALL = {
    "upright": sheet(),
    "tapered": sheet("tapered", 1100, 150, bottom_permille=700, width_mm=480, to_wall_mm=200),
    "lying": sheet(
        "lying",
        1880,
        280,
        {"name": "jsn_sr04t", "title": "JSN-SR04T, pulse mode", "blind_mm": 250, "range_mm": 6000, "beam_deg": 75},
        diameter_mm=1700,
    ),
    "lying to its top": sheet("lying", 1300, 300, diameter_mm=0),
    "strapping": over_the_rim(),
    "sixteen pairs": sheet(
        "strapping", 3900, 250, strapping=",".join(f"{at * 250}:{at * at * 100 + at * 120}" for at in range(16))
    ),
    "wide and shallow": sheet(width_mm=6000, empty_mm=400, full_mm=350),
    "narrow and deep": sheet(width_mm=90, empty_mm=5900, full_mm=60),
    "ten warnings": {**sheet(), "checks": warnings(10)},
    "strained": strained(),
    "unsaved": unsaved(),
    "nothing": {},
}
