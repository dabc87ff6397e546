"""Whatever is in config.json, the node has a complete and sound configuration, on CPython and on MicroPython."""

import json

from binnode import config, config_rules
from binnode.sensing.modules import profile
from hypothesis import given, settings
from hypothesis import strategies as st

MODULES = ("hcsr04", "hcsr04p", "jsn_sr04t", "aj_sr04m")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.integers(0, 7000),
    WORDS,
    st.sampled_from(["ds18b20", "tapered", "none", "10.0.0.7/255.0.0.0/10.0.0.1/10.0.0.1", *MODULES]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(WORDS, SCALARS, max_size=3))
NAMES = st.one_of(st.sampled_from([*config.DEFAULTS, "period_min", "depth_mm", "wifi_key"]), WORDS)
JUNK = st.dictionaries(NAMES, VALUES, max_size=12)


def value_for(name):
    """Values of the right type, in and around the limits."""
    low, high = config.LIMITS[name][0], config.LIMITS[name][-1]
    if name == "module":
        return st.sampled_from(MODULES)
    if name == "wifi_address":
        return st.sampled_from(["", "10.0.0.7/255.0.0.0/10.0.0.1/10.0.0.1", "10.0.0.7/8/10.0.0.1/10.0.0.1"])
    if name == "strapping":
        return st.sampled_from(["", "0:0,300:250,800:1000", "0:0,6000:10000", "0:0,100:9,100:10", "0:0"])
    if isinstance(low, str):
        return st.sampled_from(config.LIMITS[name])
    if isinstance(config.DEFAULTS[name], int):
        return st.integers(low, high)
    return st.sampled_from(["", "bin-7", "x" * high, "x" * (high + 1)])


PLAUSIBLE = st.fixed_dictionaries({}, optional={name: value_for(name) for name in config.DEFAULTS})


def check_result(text):
    mended, problem = config.load(text)
    assert set(mended) == set(config.DEFAULTS)
    assert config_rules.check(mended) == []
    assert problem is None or (isinstance(problem, str) and problem)
    # A second start with what was mended finds nothing to mend.
    assert config.load(json.dumps(mended)) == (mended, None)
    return mended, problem


def test_any_object_gives_a_sound_config(replay_on_vm):
    cases = []

    @settings(max_examples=200, deadline=None)
    @given(st.one_of(JUNK, PLAUSIBLE))
    def holds(fields):
        text = json.dumps(fields)
        mended, _ = check_result(text)
        cases.append(((text,), (sorted(mended.items()), [])))

    holds()
    replay_on_vm("test_config", "outcome", cases)


def test_any_text_gives_a_sound_config(replay_on_vm):
    cases = []
    cut = st.builds(
        lambda fields, share: json.dumps(fields)[: int(share * len(json.dumps(fields)))], JUNK, st.floats(0, 1)
    )

    @settings(max_examples=200, deadline=None)
    @given(st.one_of(cut, WORDS, st.text(st.sampled_from('{}[]:,"0129.-e \\ntrue'), max_size=40)))
    def holds(text):
        check_result(text)
        cases.append(((text,), []))

    holds()
    replay_on_vm("test_config", "complaints", cases)


def test_good_fields_are_kept():
    @settings(max_examples=200, deadline=None)
    @given(JUNK)
    def holds(fields):
        fields.pop("version", None)
        # Names that contradict no other: what fits is in the result, what doesn't has its default.
        mended, _ = config.load(json.dumps(fields))
        for name in (
            "name",
            "thermometer",
            "bottom_permille",
            "mqtt_host",
            "mqtt_port",
            "mqtt_topic",
            "low_battery_mv",
        ):
            good = name in fields and config.fits(name, fields[name])
            assert mended[name] == (fields[name] if good else config.DEFAULTS[name])

    holds()


def test_quick_check_and_rules_agree():
    verdicts = set()

    @settings(max_examples=300, deadline=None)
    @given(PLAUSIBLE)
    def holds(fields):
        whole = {**config.DEFAULTS, **fields}
        verdicts.add(config.sound(whole))
        assert config.sound(whole) == (config_rules.check(whole) == [])

    holds()
    assert verdicts == {True, False}


def test_contradictions_independently():
    """The same rules, written down a second time."""

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(MODULES),
        st.integers(100, 6000),
        st.integers(21, 5900),
        st.integers(0, 990),
        st.integers(100, 1000),
    )
    def holds(module, empty_mm, full_mm, release_permille, full_permille):
        whole = {**config.DEFAULTS, "module": module, "empty_mm": empty_mm, "full_mm": full_mm}
        whole.update(release_permille=release_permille, full_permille=full_permille)
        blamed = {message.split(" ")[0] for message in config_rules.check(whole)}
        expected = set()
        if full_mm >= empty_mm - 50 or full_mm <= profile(module).blind_mm:
            expected.add("full_mm")
        if empty_mm > profile(module).range_mm:
            expected.add("empty_mm")
        if release_permille >= full_permille:
            expected.add("release_permille")
        assert blamed == expected

    holds()
