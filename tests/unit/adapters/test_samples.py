"""A part of many observations is evenly chosen, and its share makes it count as all of them."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.adapters.samples import Samples

MOST = 8
Batches = st.lists(st.lists(st.floats(0, 100), min_size=1, max_size=30), min_size=1, max_size=20)


@given(Batches)
def test_it_is_every_so_manyth_however_they_come(batches: list[list[float]]) -> None:
    samples = Samples[str](MOST)
    for values in batches:
        samples.add("a", values)

    sample, everything = samples.take()["a"], list(chain.from_iterable(batches))

    assert sample.kept == everything[:: sample.every]
    assert len(sample.kept) <= MOST
    assert round(len(sample.kept) / sample.share) == len(everything)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=MOST))
def test_few_are_all_kept(values: list[float]) -> None:
    samples = Samples[str](MOST)
    samples.add("a", values)

    assert samples.take()["a"].kept == values


def test_what_was_taken_is_not_there_again_and_series_are_kept_apart() -> None:
    samples = Samples[str](MOST)
    samples.add("a", [1])
    samples.add("b", [2])

    assert {series: sample.kept for series, sample in samples.take().items()} == {"a": [1], "b": [2]}
    assert samples.take() == {}
