"""Channel plans under whatever a network may ask and however often a node sends."""

import random

from binnode.lorawan.plan import flow
from binnode.lorawan.regions import region
from binnode.lorawan.session import unpack
from binnode.lorawan.tx import airtime_us
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.plan_kit import DYNAMIC, FIXED, Entropy, enabled, new

names = st.sampled_from(DYNAMIC + FIXED)
blocks = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 0xFFFF) | st.sampled_from((0, 1, 3, 0xFF))), min_size=1)
SHARE = {"K": 1, "L": 10, "M": 10, "N": 1, "P": 100, "R": 10}
BAND_HZ = {"K": 864000000, "L": 867100000, "M": 868100000, "N": 868900000, "P": 869525000, "R": 869800000}


def mask_by_rule(name, session, asked):
    """The set of channels that a block asks for, from the text of RP002; None: refused whatever the data rate."""
    on = set(enabled(session.mask))
    there = {index for index, channel in enumerate(session.channels) if channel[0]}
    for control, bits in asked:
        ones = {index for index in range(16) if bits >> index & 1}
        low = {64 + index for index in ones if index < 8}
        if name in DYNAMIC:
            if control == 6:
                on = set(there)
            elif control == 0 and ones <= there:
                on = ones
            else:
                return None
        elif control < 4:
            span = range(16 * control, 16 * control + 16)
            on = on - set(span) | {span[index] for index in ones}
        elif control == 4:
            on = {channel for channel in on if channel < 64} | low
        elif control == 5:
            on = {8 * bank + index for bank in ones if bank < 8 for index in range(8)} | low
        else:
            on = (set(range(64)) if control == 6 else set()) | low
    return on or None


@settings(max_examples=500, deadline=None)
@given(names, st.lists(st.integers(0, 15), max_size=5), st.lists(blocks, min_size=1, max_size=4), st.integers(0, 6))
def test_no_block_of_masks_leaves_an_empty_plan(name, indices, many, dr):
    plan, session = new(name)
    for index in indices if name in DYNAMIC else ():
        plan.new_channel(session, index, plan.DEFAULT_HZ[0] + 200000 * (index % 2), 0x50)
    for asked in many:
        expected, before = mask_by_rule(name, session, asked), bytes(session.mask)
        mask = plan.mask(session, asked, dr)
        assert session.mask == before
        if name == "US915" and expected and dr < 4 and len([c for c in expected if c < 64]) < 2:
            expected = None
        assert (mask and set(enabled(mask))) == expected
        if mask:
            session.mask = mask
            assert len(mask) == 9 and any(mask)
        plan.settle(session)
        assert plan.dr_ok(session, session.mask, session.dr)
        assert plan.rate(session.dr) and plan.room(session, session.dr) >= 11


@settings(max_examples=400, deadline=None)
@given(
    names,
    st.lists(st.tuples(st.sampled_from("ndcrom"), st.integers(0, 17), st.integers(0, 2**24), st.integers(0, 255))),
    st.integers(),
)
def test_whatever_the_network_does_there_is_a_channel(name, requests, seed):
    """NewChannelReq, DlChannelReq, CFList, back-off, RXParamSetup, TXParamSetup in any order: the plan can send."""
    plan, session = new(name)
    rng = random.Random(seed)
    for kind, index, number, byte in requests:
        hz = rng.choice((0, number * 100, 867100000, 922100000, 923600000, 917000000, 866000000))
        if kind == "n" and plan.has_new_channel:
            plan.new_channel(session, index, hz, rng.choice((byte, 0x50, 0x55, 0x20)))
        elif kind == "d" and plan.has_new_channel:
            plan.dl_channel(session, index, hz)
        elif kind == "c":
            plan.cf_list(session, rng.randbytes(15) + bytes([byte % 3]))
        elif kind == "r":
            plan.rescue(session)
        elif kind == "o" and plan.rx1_offset_ok(byte & 7):
            session.rx1_offset = byte & 7
            plan.settle(session)
        elif kind == "m":
            if plan.has_tx_param:
                session.uplink_dwell, session.downlink_dwell = byte & 1, byte >> 1 & 1
                plan.settle(session)
            mask = plan.mask(session, [(index & 7, number & 0xFFFF)], session.dr)
            if mask and plan.dr_ok(session, mask, session.dr):
                session.mask = mask
        assert plan.dr_ok(session, session.mask, session.dr)
        channel, hz = plan.pick(session, session.dr, 1, 10**6, rng.randbytes)
        assert hz == plan.hz(session, channel, session.dr) > 860000000 and channel in enabled(session.mask)
        rx1_hz, rx1_dr = plan.rx1(session, channel, session.dr)
        assert rx1_hz and plan.rate(rx1_dr) and plan.longest(rx1_dr) > 13
        session = unpack(session.pack())
        assert session is not None
    if name in DYNAMIC:
        assert [c[0] for c in session.channels[: len(plan.DEFAULT_HZ)]] == list(plan.DEFAULT_HZ)


@settings(max_examples=300, deadline=None)
@given(names, st.integers(), st.integers(0, 5))
def test_each_channel_is_used_once_in_a_round(name, seed, extra):
    """With bands that fall silent and come back: a channel is used again only when no free one is left."""
    plan, session = new(name)
    rng = random.Random(seed)
    if name == "EU868":
        for index in range(3, 3 + extra):
            plan.new_channel(session, index, rng.choice((867100000, 867300000, 869525000)), 0x50)
    now_s = 1000
    done = set()
    for _ in range(100):
        if rng.random() < 0.1:
            session.credits = [rng.choice((0, 10**4)) for _ in session.credits]
        picked = plan.pick(session, session.dr, 50, now_s, rng.randbytes)
        candidates = {c for c in enabled(session.mask) if plan.hz(session, c, session.dr)}
        free = {c for c in candidates if not plan.wait_s(session, plan.hz(session, c, session.dr), 50, now_s)}
        if isinstance(picked, int):
            assert not free and picked > 0
        else:
            channel = picked[0]
            assert channel in free
            if channel in done:
                assert free <= done  # all that are free were used
            done.add(channel)
            if free <= done:  # the next round has had this one
                done = done - free | {channel}
        now_s += rng.randrange(30)


def worst_hour_ms(sent):
    """The most air time of any sliding hour of true time; `sent`: (start, milliseconds), both in ms."""
    worst = 0
    for first in range(len(sent)):
        # An hour that begins with a frame or ends with one is the worst
        for start in (sent[first][0], sent[first][0] + sent[first][1] - 3_600_000):
            inside = (min(at + ms, start + 3_600_000) - max(at, start) for at, ms in sent)
            worst = max(worst, sum(part for part in inside if part > 0))
    return worst


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from("KLMNPR"),
    st.sampled_from((1.0, 0.95, 1.05)),
    st.lists(
        st.tuples(st.sampled_from((0, 0, 1, 7, 19, 20, 60, 300, 900, 3600)), st.integers(1, 255), st.integers(7, 12)),
        min_size=20,
        max_size=120,
    ),
    st.booleans(),
)
def test_credits_never_break_any_sliding_hour(band, speed, pattern, greedy):
    """The node's clock runs up to 5 % fast; it sends whenever it may; no hour of true time exceeds the band's share."""
    plan, session = new("EU868")
    hz, sent, true_ms = BAND_HZ[band], [], 0
    for pause_s, size, sf in pattern:
        true_ms += pause_s * 1000
        airtime_ms = airtime_us(sf, 125, size) // 1000 + 1
        for _ in range(6 if greedy else 1):
            now_s = 700_000_000 + int(true_ms * speed) // 1000
            wait_s = plan.wait_s(session, hz, airtime_ms, now_s)
            if wait_s:
                if not greedy or airtime_ms > flow(SHARE[band])[1]:
                    break
                true_ms += -(-wait_s * 1000 * 1000 // int(speed * 1000))
                continue
            sent.append((true_ms, airtime_ms))
            true_ms += airtime_ms
            plan.spend(session, hz, airtime_ms, 700_000_000 + int(true_ms * speed) // 1000)
    assert worst_hour_ms(sent) <= 3600 * SHARE[band]


def test_a_busy_node_gets_most_of_the_share():
    """The rule is not too strict either: for ever sending, a node has 0.45 of the law's time on the air."""
    plan, session = new("EU868")
    now_s, total_ms = 10**6, 0
    while now_s < 10**6 + 86400:
        wait_s = plan.wait_s(session, 868100000, 300, now_s)
        if not wait_s:
            plan.spend(session, 868100000, 300, now_s)
            total_ms += 300
        now_s += wait_s or 1
    assert 0.44 * 864000 < total_ms < 0.46 * 864000 + 18000


def test_a_plan_survives_a_change_of_region():
    for name in DYNAMIC + FIXED:
        for other in DYNAMIC + FIXED:
            session = new(name)[1]
            other_plan = region(other)
            other_plan.reset(session, 0)
            assert other_plan.pick(session, session.dr, 1, 10**6, Entropy()) != 0
            assert len(session.credits) == len(other_plan.BANDS)
