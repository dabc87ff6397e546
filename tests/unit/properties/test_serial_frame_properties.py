"""The frames of the distance modules: no stream crashes a parser or yields what no frame in it carried."""

import re

from binnode.sensing import frame_ff, maxbotix, rcwl9600, us100
from hypothesis import given, settings
from hypothesis import strategies as st

NO_OBJECT, INTERFERENCE = 0xFFFD, 0xFFFE
distances = st.integers(1, 10000)
values = distances | st.sampled_from([0, NO_OBJECT, INTERFERENCE])


def frame(value: int, with_head: bool) -> bytes:
    return bytes([255, value >> 8, value & 255, (255 * with_head + (value >> 8) + (value & 255)) & 255])


frames = st.builds(frame, values, st.booleans())
text_frames = st.integers(0, 9999).map(lambda mm: b"R%04d\r" % mm)
# Bytes that look like parts of frames more often than chance.
noise = st.binary(max_size=12) | st.lists(st.sampled_from(b"\xff\x00\x01\x07R1\r"), max_size=12).map(bytes)
streams = st.lists(noise | frames | text_frames, max_size=8).map(b"".join)


def carried_ff(stream: bytes) -> set[int]:
    """Values of all that is a frame, wherever it begins: 0 for what says that nothing was heard."""
    found = set()
    for match in re.finditer(rb"(?s)(?=\xff(..)(.))", stream):
        value, total = int.from_bytes(match[1], "big"), match[2][0]
        if total in (sum(match[1]) % 256, (255 + sum(match[1])) % 256):
            found.add(value if value <= 10000 else 0 if value in (NO_OBJECT, INTERFERENCE, 0xFFFF) else None)
    return found - {None}


def test_any_stream_of_ff_frames(replay_on_vm):
    cases = []

    @settings(max_examples=500)
    @given(streams)
    def check(stream):
        found = frame_ff.decode(stream)
        carried = carried_ff(stream)
        assert found in carried if carried else found is None
        cases.append(((stream,), found))

    check()
    replay_on_vm("binnode.sensing.frame_ff", "decode", cases)


def test_a_stream_that_is_joined_anywhere_gives_only_what_was_sent():
    """Exhaustive: every distance, both sums, from every byte of a frame on; the frames before and after are alike."""
    for value in (*range(10001), NO_OBJECT, INTERFERENCE):
        for with_head in (True, False):
            stream = frame(value, with_head) * 3
            for cut in (1, 2, 3):
                assert frame_ff.decode(stream[cut:]) == (value if value <= 10000 else 0), (value, with_head, cut)


@given(distances, distances, st.booleans(), st.integers(1, 3))
def test_two_frames_never_make_a_third(first, second, with_head, cut):
    stream = frame(first, with_head) + frame(second, with_head)
    assert frame_ff.decode(stream[cut:]) in (second, None)


def test_any_stream_of_maxbotix_frames(replay_on_vm):
    cases = []

    @settings(max_examples=500)
    @given(streams)
    def check(stream):
        found = maxbotix.decode(stream)
        match = re.search(rb"R([0-9]{4})\r", stream)
        assert found == (int(match[1]) if match else None)
        cases.append(((stream,), found))

    check()
    replay_on_vm("binnode.sensing.maxbotix", "decode", cases)


def test_answers_without_a_frame(replay_on_vm):
    cases = {"us100.decode": [], "us100.decode_c10": [], "rcwl9600.decode": []}

    @settings(max_examples=300)
    @given(st.binary(max_size=5))
    def check(stream):
        mm, c10, um = us100.decode(stream), us100.decode_c10(stream), rcwl9600.decode(stream)
        assert mm == (int.from_bytes(stream, "big") if len(stream) == 2 else None)
        assert c10 is None or (len(stream) == 1 and c10 == (stream[0] - 45) * 10 and -400 <= c10 <= 850)
        if len(stream) == 3:
            assert abs(um * 1000 - int.from_bytes(stream, "big")) <= 500
        else:
            assert um is None
        for name, result in zip(cases, (mm, c10, um), strict=True):
            cases[name].append(((stream,), result))

    check()
    for name, seen in cases.items():
        module, function = name.split(".")
        replay_on_vm(f"binnode.sensing.{module}", function, seen)
