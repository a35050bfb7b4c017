"""Consent changes on their way from upstream's topic to ours and into memory."""

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from demo.traffic.consent_changes import consent_change
from saving_alerts.adapters.consent_records import FROM_HEADER, apply_record, kind_of, moved, rekeyed
from saving_alerts.delivery.outputs import Output
from saving_alerts.domain.consent import EVERYONE, Change, OptOuts, Origin
from saving_alerts.kafka.client import partition_of
from saving_alerts.kafka.refused import RefusedBytes

TOPIC, AMONG, NOW_MS = "saving-alerts.consent", 12, 1_800_000_000_000
OUT, IN = consent_change(consent=False), consent_change(consent=True)
REFUSED = RefusedBytes(b"no gzip", "a batch that cannot be read", 9)


def changed(key: bytes | None, value: bytes | None, timestamp: int = NOW_MS - 1_000) -> ConsumerRecord:
    return ConsumerRecord("saving-consent", 3, 7, timestamp, 0, key, value, None, -1, -1, ())


def written(record: ConsumerRecord) -> list[Output]:
    return rekeyed(record, TOPIC, AMONG, NOW_MS)


def as_read(output: Output, offset: int = 0) -> ConsumerRecord:
    return ConsumerRecord(
        output.topic, output.partition, offset, 0, 0, output.key, output.value, None, -1, -1, tuple(output.headers)
    )


def known_after(*outputs: Output) -> OptOuts:
    known = OptOuts(AMONG, most=100)
    for output in outputs:
        apply_record(known, as_read(output))
    return known


def test_an_opt_out_stands_where_all_else_of_its_user_is_and_says_from_where_it_came() -> None:
    (output,) = written(changed(b"u-1", OUT))

    assert (output.partition, output.key, output.value) == (partition_of(b"u-1", AMONG), b"u-1", b"")
    assert output.headers == ((FROM_HEADER, b"3/7/1799999999000/12"),)


def test_an_opt_in_is_a_tombstone() -> None:
    (output,) = written(changed(b"u-1", IN))

    assert output.value is None


@pytest.mark.parametrize("value", [b"\xff", b"{}", None])
def test_what_cannot_be_read_is_an_opt_out_of_its_key(value: bytes | None) -> None:
    (output,) = written(changed(b"u-1", value))

    assert output.value
    assert "which cannot be read" in str(known_after(output).reason_against(b"u-1"))


@pytest.mark.parametrize("key", [None, b"", b"\xff", b"u" * 600])
def test_what_can_be_no_users_is_nobodys(key: bytes | None) -> None:
    assert written(changed(key, OUT)) == []
    assert kind_of(changed(key, OUT)) == "nobodys"


def test_refused_bytes_are_everybodys_opt_out() -> None:
    outputs = written(changed(None, REFUSED))

    assert [(output.partition, output.key) for output in outputs] == [(number, EVERYONE) for number in range(AMONG)]
    assert known_after(outputs[0]).reason_against(b"u-1") == (
        "saving-consent 3/7 cannot be read, and nobody knows who opted out in it: a batch that cannot be read. "
        "`saving-alerts consent lift` lifts it"
    )


def test_refused_bytes_on_our_own_topic_stop_their_partition() -> None:
    known = known_after()
    apply_record(known, changed(None, REFUSED))

    assert str(known.everyone).startswith("offset 7 of saving-consent cannot be read: a batch that cannot be read. ")


def test_a_time_ahead_of_our_clock_counts_as_now() -> None:
    """Else an opt-in from the year 3000 would outlive every opt-out in another partition."""
    (output,) = written(changed(b"u-1", IN, timestamp=32_503_680_000_000))

    assert output.headers[0][1] == b"3/7/%d/12" % NOW_MS


def test_a_record_without_a_time_is_the_oldest() -> None:
    (output,) = written(changed(b"u-1", OUT, timestamp=-1))

    assert output.headers[0][1] == b"3/7/0/12"


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [(b"u", OUT, "opt_out"), (b"u", IN, "opt_in"), (b"u", b"?", "unreadable"), (b"u", None, "unreadable")],
)
def test_kinds_are_told_apart(key: bytes, value: bytes | None, kind: str) -> None:
    assert kind_of(changed(key, value)) == kind


def test_what_was_placed_among_fewer_partitions_is_moved_and_taken_away_here() -> None:
    misplaced = Change(b"u-1", Origin(3, 7, 5, 4).written, "")

    (there,), (here,) = moved([misplaced], TOPIC, 2, AMONG)

    assert (there.partition, there.value) == (partition_of(b"u-1", AMONG), b"")
    assert (here.partition, here.value) == (2, None)
    assert known_after(there).reason_against(b"u-1") is not None
    assert known_after(there).take_misplaced() == known_after(here).take_misplaced() == []


@given(st.none() | st.binary(max_size=20), st.none() | st.binary(max_size=60), st.integers(-1, 2**62))
def test_whatever_upstream_writes_a_user_is_pushed_only_after_a_readable_opt_in(
    key: bytes | None, value: bytes | None, timestamp: int
) -> None:
    record = changed(key, value, timestamp)

    known = known_after(*written(record))

    is_opted_out = key is not None and known.reason_against(key) is not None
    assert is_opted_out is (kind_of(record) in ("opt_out", "unreadable"))
