"""Whatever a broker sends: the client ends by its deadline, with success or an MqttError, and so on the VM."""

from hypothesis import example, given, settings
from hypothesis import strategies as st
from mqtt_peer import BUDGET_MS, CONNACK, ENDS, outcome_of

PUBACKS = b"\x40\x02\x00\x01", b"\x40\x02\x00\x02"

# Near to what a broker sends, so that the random bytes get deep: whole packets, cut ones, lengths that lie.
packets = st.one_of(
    st.binary(max_size=12),
    st.sampled_from((CONNACK, b"\xd0\x00", b"\x30\x03\x00\x01t", b"\x32\x05\x00\x01t\x00\x09")),
    st.builds(
        lambda kind, body, lie: bytes((kind, (len(body) + lie) % 256)) + body,
        st.integers(0, 255),
        st.binary(max_size=8),
        st.sampled_from((0, 0, 0, 1, -1, 130)),
    ),
)
delays = st.sampled_from((0, 0, 0, 1, 700, 3999, 4000, 9000))
# Anything at all, or the right answers with something in between.
streams = st.one_of(
    st.lists(packets, max_size=8),
    st.builds(lambda *parts: [CONNACK, *parts], packets, st.just(PUBACKS[1]), packets, st.just(PUBACKS[0])),
)
chunks = streams.flatmap(lambda stream: st.tuples(*(st.tuples(delays, st.just(data)) for data in stream)).map(list))


def test_any_broker_ends_in_time(replay_on_vm):
    cases = {}

    @settings(max_examples=300, deadline=None, database=None)
    @given(chunks, st.sampled_from(ENDS), st.booleans())
    @example([(0, CONNACK), (2000, PUBACKS[1]), (1999, PUBACKS[0])], "silence", False)
    @example([(0, CONNACK), (2000, PUBACKS[1]), (2001, PUBACKS[0])], "silence", False)
    def run(sent, end, one_by_one):
        result = outcome_of(sent, end, one_by_one)
        ended, took_ms, asked = result
        assert took_ms <= BUDGET_MS and asked <= 512
        assert ended == "done" or not any(secret in ended for secret in ("crew", "secret"))
        # Done without being told so is the worst that can happen: a report would be lost.
        if ended == "done":
            stream = b"".join(data for _, data in sent)
            assert stream.startswith(b"\x20\x02") and all(puback in stream for puback in PUBACKS)
        cases[repr((sent, end, one_by_one))] = ((sent, end, one_by_one), result)

    run()
    assert {result[0] == "done" for _, result in cases.values()} == {True, False}
    replay_on_vm("mqtt_peer", "outcome_of", list(cases.values()))
