"""Where a key belongs."""

import pytest

from saving_alerts.kafka.client import differences, partition_of

# From the tests of Kafka's own Java client: what murmur2 gives for these keys.
JAVA_MURMUR2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}


@pytest.mark.parametrize("key", JAVA_MURMUR2, ids=bytes.decode)
def test_a_key_belongs_where_java_puts_it(key: bytes) -> None:
    assert partition_of(key, 12) == (JAVA_MURMUR2[key] & 0x7FFFFFFF) % 12


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        pytest.param({"a": 12, "b": 12}, None, id="equal"),
        pytest.param({"a": 13, "b": 12, "c": 12}, "a has 13; the others have 12 partitions", id="one has more"),
        pytest.param({"a": None, "b": 12, "c": 12}, "a is missing; the others have 12 partitions", id="one is missing"),
        pytest.param({"a": None}, "no topic is there", id="all are"),
    ],
)
def test_which_topics_are_not_like_the_others(counts: dict[str, int | None], words: str | None) -> None:
    assert differences(counts) == words
