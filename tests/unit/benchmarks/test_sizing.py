"""What a deployment needs grows with its users, and the figures it rests on are those of the records."""

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sizing import (
    CORE_OF_A_WORKER,
    FEWEST_WORKERS,
    MEMORY_LIMIT_MIB,
    MILLION,
    PARTITIONS,
    PEAK_OF_A_WORKER,
    WIRE_BYTES,
    Sizing,
    busy_core,
    rows,
    sized,
)
from tests.recorded.lines import read_lines

USERS = st.floats(1_000, 300 * MILLION)


@given(USERS)
def test_there_are_spare_workers_and_more_partitions_than_workers(users: float) -> None:
    found = Sizing(users)

    assert FEWEST_WORKERS <= found.workers <= found.partitions
    assert found.partitions in PARTITIONS


@given(USERS)
def test_a_worker_fits_into_its_memory_also_when_one_has_died(users: float) -> None:
    found = Sizing(users)

    assert found.worker_mib <= MEMORY_LIMIT_MIB
    assert found.peak / (found.workers - 1) <= PEAK_OF_A_WORKER


@given(USERS, USERS)
def test_more_users_never_need_less(one: float, other: float) -> None:
    few, many = Sizing(min(one, other)), Sizing(max(one, other))

    assert few.workers <= many.workers
    assert few.redis_calls <= many.redis_calls
    assert few.kafka_bytes <= many.kafka_bytes


@pytest.mark.parametrize(("events", "core"), [*CORE_OF_A_WORKER, (0, CORE_OF_A_WORKER[0][1])])
def test_a_worker_is_as_busy_as_was_measured(events: float, core: float) -> None:
    assert busy_core(events) == pytest.approx(core)


@pytest.mark.parametrize(("workers", "events", "cores"), [(2, 500, 0.556), (2, 2_000, 0.82)])
def test_between_them_it_is_about_what_two_workers_were(workers: int, events: float, cores: float) -> None:
    """benchmarks/RESULTS.md, "2 whole workers"."""
    assert workers * busy_core(events / workers) == pytest.approx(cores, rel=0.05)


def test_ten_million_make_the_events_that_were_told() -> None:
    found = Sizing(10 * MILLION)

    assert (found.events, found.peak, found.coupon_api_calls) == (880, 5_000, 125)


@pytest.mark.parametrize("kind", WIRE_BYTES)
def test_a_record_is_about_as_long_as_those_on_record(kind: str) -> None:
    recorded = mean(
        len(line.key_bytes or b"")
        + len(line.value_bytes or b"")
        + sum(len(name) + len(value or b"") for name, value in line.header_bytes)
        for line in read_lines("0.1.0", kind)
    )

    assert recorded <= WIRE_BYTES[kind] <= 2 * recorded


def test_the_table_has_a_column_for_each_number_of_users() -> None:
    lines = sized(MILLION, 2_500_000).splitlines()

    assert lines[0] == "| monthly users | 1 million | 2.5 million |"
    assert len(lines) == 2 + len(rows([Sizing(MILLION)]))
