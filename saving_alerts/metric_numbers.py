"""Which values of metrics are numbers that every reader takes."""

import logging
import math
from collections.abc import Sequence

from saving_alerts.metrics import Metric

log = logging.getLogger(__name__)


def number_of(metric: Metric, value: object) -> int | float | None:
    """What every reader of numbers takes: finite, and no truth value, which would be written `False`.

    A truth value counts as 1 or 0; None is for everything else, and the log says which metric it was. One wrong line
    would make Prometheus refuse the whole page, and one that is not finite would stay in a sum for ever.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float) and _is_finite(value):
        return value
    log.warning("%s: %r is no number and was not counted", metric, value)
    return None


def are_numbers(values: Sequence[object]) -> bool:
    """Whether `number_of` takes all of these as they are. One look at the sum of many is less than many looks."""
    try:
        return math.isfinite(math.fsum(values))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False
