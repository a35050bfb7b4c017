"""Tags as a DogStatsD agent reads them."""

from collections.abc import Mapping

Tagged = tuple[str, tuple[tuple[str, str], ...]]  # a metric and its tags


def as_text(tags: Mapping[str, str]) -> list[str]:
    return [f"{name}:{value}" for name, value in tags.items()]
