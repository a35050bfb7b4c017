"""Where a key belongs."""

import pytest

from saving_alerts.kafka.client import partition_of

# From the tests of Kafka's own Java client: what murmur2 gives for these keys.
JAVA_MURMUR2 = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}


@pytest.mark.parametrize("key", JAVA_MURMUR2, ids=bytes.decode)
def test_a_key_belongs_where_java_puts_it(key: bytes) -> None:
    assert partition_of(key, 12) == (JAVA_MURMUR2[key] & 0x7FFFFFFF) % 12
