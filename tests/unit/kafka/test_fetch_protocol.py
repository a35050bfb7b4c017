"""A fetch is written, and its answer read, as aiokafka does it."""

from contextlib import suppress
from io import BytesIO

import pytest
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11, FetchResponse_v11
from aiokafka.protocol.struct import Struct
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.kafka.fetch_protocol import FetchAnswer, encoded, use_for_aiokafka

INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
INT16 = st.integers(-(2**15), 2**15 - 1)
PARTITIONS = st.tuples(
    INT32,
    INT16,
    INT64,
    INT64,
    INT64,
    st.none() | st.lists(st.tuples(INT64, INT64), max_size=3),
    INT32,
    st.none() | st.binary(max_size=20),
)
TOPICS = st.none() | st.lists(st.tuples(st.text(max_size=10), st.lists(PARTITIONS, max_size=4)), max_size=4)


@given(INT32, INT16, INT32, TOPICS)
def test_it_is_read_as_aiokafka_reads_it(throttle_ms: int, code: int, session: int, topics: object) -> None:
    raw = FetchResponse_v11(throttle_ms, code, session, topics).encode()

    read, theirs = FetchAnswer.decode(BytesIO(raw)), FetchResponse_v11.decode(BytesIO(raw))

    assert read.__dict__ == theirs.__dict__
    assert FetchAnswer.decode(raw).__dict__ == theirs.__dict__


@given(TOPICS, st.data())
def test_what_is_cut_off_is_refused(topics: object, data: st.DataObject) -> None:
    raw = FetchResponse_v11(0, 0, 0, topics).encode()
    end = data.draw(st.integers(0, len(raw) - 1))

    with pytest.raises(ValueError, match="cut off"):
        FetchAnswer.decode(raw[:end])


@given(st.binary(max_size=100))
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    with suppress(ValueError):
        FetchAnswer.decode(raw)


def test_the_answer_is_read_from_where_its_header_ends() -> None:
    answer = FetchResponse_v11(0, 0, 0, [("t", [(0, 0, 1, 1, 0, [], -1, b"records")])])
    stream = BytesIO(b"head" + answer.encode())
    stream.read(4)

    assert FetchAnswer.decode(stream).topics == answer.topics


NUMBER = st.integers(0, 2**31 - 1)
ASKED = st.lists(
    st.tuples(st.text(max_size=10), st.lists(st.tuples(NUMBER, st.integers(0, 2**63 - 1), NUMBER), max_size=4)),
    max_size=4,
)


@given(NUMBER, NUMBER, NUMBER, st.sampled_from([0, 1]), ASKED, st.text(max_size=5))
def test_a_fetch_is_written_as_aiokafka_writes_it(
    wait_ms: int, least: int, most: int, isolation: int, asked: list[tuple[str, list[tuple[int, int, int]]]], rack: str
) -> None:
    ask = FetchRequest(wait_ms, least, most, isolation, asked, rack).build(FetchRequest_v11)

    assert encoded(ask) == Struct.encode(ask)


def test_consumers_of_this_process_read_so() -> None:
    use_for_aiokafka()

    assert FetchRequest_v11.RESPONSE_TYPE is FetchAnswer
    assert FetchRequest_v11.encode is encoded
    assert FetchAnswer.API_VERSION == FetchResponse_v11.API_VERSION
