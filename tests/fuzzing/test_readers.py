"""Whatever bytes others write: every reader gives a value or a refusal in words, and raises nothing."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing.mutations import MUTATIONS, Mutation, mutated
from tests.fuzzing.outcome import Refused, Value
from tests.fuzzing.readers import READERS, Reader

MAX_WORDS = 3_000
readers = pytest.mark.parametrize("reader", READERS.values(), ids=READERS)


def answers(reader: Reader, raw: bytes) -> None:
    outcome = reader.read(raw)

    if isinstance(outcome, Refused):
        assert 0 < len(outcome.words) <= MAX_WORDS


@readers
def test_what_is_as_it_should_be_is_read(reader: Reader) -> None:
    outcomes = [reader.read(seed) for seed in reader.seeds]

    assert [outcome for outcome in outcomes if not isinstance(outcome, Value)] == []


@readers
@given(raw=st.binary(max_size=2_000))
def test_any_bytes_are_read_or_refused(reader: Reader, raw: bytes) -> None:
    answers(reader, raw)


@readers
@given(data=st.data(), random=st.randoms())
def test_what_is_valid_but_for_some_mutations_is_read_or_refused(
    reader: Reader, data: st.DataObject, random: Random
) -> None:
    answers(reader, mutated(data.draw(st.sampled_from(reader.seeds)), random))


@readers
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_is_read_or_refused(reader: Reader, mutation: Mutation) -> None:
    random = Random(7)
    for seed in reader.seeds:
        for _ in range(30):
            answers(reader, mutation(seed, random))
