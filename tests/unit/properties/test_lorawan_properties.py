"""The MAC against whatever arrives: no exception leaves it, and nothing changes without a valid MIC.

LORAWAN_DOWNLINKS=100000 in the environment makes it as many downlinks; without it there are 10,000.
"""

import os
import random

from binnode.lorawan.restart import clear
from binnode.lorawan.session import Session, unpack
from hypothesis import given, settings
from hypothesis import strategies as st
from lorawan_network import Network
from lorawan_node import Node, fuzz, trace

DOWNLINKS = int(os.environ.get("LORAWAN_DOWNLINKS", "10000"))
CHUNK = 500
REGIONS = ("EU868", "US915", "AS923-1", "KR920")
CIDS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 13)
LENGTHS = {2: 2, 3: 4, 4: 1, 5: 4, 6: 0, 7: 5, 8: 1, 9: 1, 10: 4, 13: 5}


def commands(chance: random.Random) -> bytes:
    """Mostly whole commands with any content, at times garbage."""
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(40))
    found = b""
    for _ in range(chance.randrange(1, 6)):
        cid = chance.choice(CIDS)
        found += bytes([cid]) + chance.randbytes(LENGTHS[cid])
    return found


def downlink(chance: random.Random, network: Network) -> tuple[bytes, bool]:
    """(frame, whether it is good)."""
    some = commands(chance)
    where = chance.randrange(4)
    if where == 0:
        good = network.down(fopts=some[:15], ack=chance.getrandbits(1))
    elif where == 1:
        good = network.down(some or b"\6", 0, confirmed=chance.getrandbits(1))
    else:
        good = network.down(chance.randbytes(chance.randrange(40)), chance.randrange(1, 256), fopts=some[:15])
    # Never longer than the lowest data rate takes: those are a rule, and a test, of their own.
    kind = chance.randrange(8)
    if kind == 0 and len(good) <= 64:
        return good, True
    network.down_fcnt -= 1
    if kind == 1:
        return chance.randbytes(chance.randrange(256)), False
    if kind == 2:
        return good[:8] + chance.randbytes(chance.randrange(60)), False
    if kind == 3:
        return good[: chance.randrange(len(good))], False
    if kind == 4:
        return good + chance.randbytes(chance.randrange(1, 20)), False
    if kind == 5:  # one that was heard before, or the like of it
        return network.down(some[:15], 5, fcnt=max(0, network.down_fcnt - chance.randrange(3))), False
    wrong = bytearray(good)
    for at in chance.sample(range(len(wrong)), chance.randrange(1, 5)):
        wrong[at] ^= 1 << chance.randrange(8)
    return bytes(wrong), False


def test_no_exception_and_no_change_without_a_valid_mic(replay_on_vm):
    """Random and mutated downlinks, and good ones with random commands."""
    cases, taken = [], 0
    for chunk in range(DOWNLINKS // CHUNK):
        name = REGIONS[chunk % len(REGIONS)]
        chance = random.Random(chunk)
        network = Node(name).joined().network  # as fuzz() makes it
        frames, good = [network.down(b"", 1)], [True]
        for _ in range(CHUNK - 1):
            frame, is_good = downlink(chance, network)
            frames.append(frame)
            good.append(is_good)
        outcomes = fuzz(name, frames)
        for (heard, changed), is_good, frame in zip(outcomes, good, frames, strict=True):
            assert (heard is not None) == is_good == changed, (name, frame.hex())
        taken += sum(good)
        if chunk < len(REGIONS):
            cases.append(((name, frames[:150]), outcomes[:150]))
    assert taken > DOWNLINKS // 20
    assert replay_on_vm("lorawan_node", "fuzz", cases) == len(REGIONS)


def test_no_join_without_a_valid_accept():
    chance = random.Random(1)
    node = Node()
    request = node.asks()
    good = node.network.join_accept(request.frame, cf_list=bytes(16))
    before = node.session.pack()
    for _ in range(DOWNLINKS // 10):
        frame = bytearray(good)
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
        wrong = chance.choice((bytes(frame), chance.randbytes(17), chance.randbytes(33), good[: chance.randrange(33)]))
        # RFU bits and Major of MHDR are under the MIC, its type is looked at
        assert not node.accepts(wrong) and node.session.pack() == before
    assert node.accepts(good)


ACTS = st.one_of(
    st.tuples(st.just("up"), st.integers(0, 300)),
    st.tuples(st.just("down"), st.integers(0, 2**120 - 1)),
    st.tuples(st.sampled_from(["up", "again", "wake", "power"]), st.integers(0, 10**5)),
    st.tuples(
        st.just("down"), st.sampled_from([(3 << 32 | rest) << 80 for rest in (0x50070001, 0x53060002, 0x23030000)])
    ),
)


def test_no_life_uses_a_counter_or_a_nonce_twice(replay_on_vm):
    cases, sent = [], [0]

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(st.sampled_from(REGIONS), st.lists(ACTS, min_size=10, max_size=60))
    def lives(name, acts):
        found = trace(name, acts)  # its network asserts
        sent[0] += len(found)
        cases.append(((name, acts), found))

    lives()
    assert sent[0] > 300
    replay_on_vm("lorawan_node", "trace", cases)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.binary(max_size=700))
def test_no_image_raises(memory):
    assert unpack(memory) is None
    assert unpack(clear(Session()).pack()[:5] + memory) is None
