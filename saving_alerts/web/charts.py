"""Small charts as SVG paths: a bar for each value, with its height by the largest. Pure."""

from collections.abc import Sequence

WIDTH, HEIGHT = 120, 24  # of the view box
GAP = 0.4  # between two bars, as a share of one
# What is not nothing can be seen.
LOWEST = 1.0


def bars(values: Sequence[int]) -> str:
    """The `d` of a path in a view box of WIDTH by HEIGHT; empty where nothing is to be drawn."""
    most = max(values, default=0)
    if most <= 0:
        return ""
    step = WIDTH / len(values)
    width = step * (1 - GAP)
    return "".join(
        f"M{number * step:.4g} {HEIGHT}v-{_height(value, most):.3g}h{width:.3g}v{_height(value, most):.3g}z"
        for number, value in enumerate(values)
        if value > 0
    )


def _height(value: int, most: int) -> float:
    return max(HEIGHT * value / most, LOWEST)


def in_words(values: Sequence[int]) -> str:
    """For whoever does not see it."""
    return (
        f"by minute in the last hour: {values[-1]:,} in this minute, at most {max(values):,}" if values else "nothing"
    )
