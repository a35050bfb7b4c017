"""A position is one that Kafka can have, from wherever it is read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.source_position import MAX_TOPIC_CHARACTERS, SourcePosition

positions = Decoder(SourcePosition)
NONE = [
    "",
    "t/1",
    "t/a/b",
    "t/-1/0",
    "t/0/-1",
    f"t/{2**31}/0",
    f"t/0/{2**63}",
    f"t/0/{'9' * 4_000}",
    f"t/0/{'9' * 5_000}",
    f"{'t' * (MAX_TOPIC_CHARACTERS + 1)}/0/0",
]


@pytest.mark.parametrize("text", NONE, ids=lambda text: text[:12])
def test_what_no_record_can_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        SourcePosition.parse(text)


@given(st.integers() | st.just(2**31 - 1), st.integers() | st.just(2**63 - 1))
def test_headers_and_bodies_agree(partition: int, offset: int) -> None:
    body = msgspec.json.encode(SourcePosition("t", partition, offset))
    try:
        parsed: SourcePosition | None = SourcePosition.parse(f"t/{partition}/{offset}")
    except ValueError:
        parsed = None

    assert positions.read(body) == parsed or (parsed is None and isinstance(positions.read(body), Unreadable))
