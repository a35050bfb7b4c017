"""What a step can return. A step does not raise: each of its endings is one of these three values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import msgspec

from saving_alerts.domain.decisions import Subject, Versions
from saving_alerts.domain.reasons import Reason

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
NO_VERSIONS = Versions()


class Forward(msgspec.Struct, Generic[Value_co], frozen=True, gc=False):
    """The event goes on to the next stage as `value`."""

    value: Value_co


class Decided(msgspec.Struct, frozen=True, gc=False):
    """The event ends here. `keep_bytes`: its bytes go to the dead letters too, because no stage can read them.

    `subject` is given where the stage's input does not say whose event it is. `dated_ahead`: it ends by a comparison
    with our clock, and is as true as that. `gathered`: for so long it was waited for others on purpose.
    """

    reason: Reason
    details: Mapping[str, object] = {}
    versions: Versions = NO_VERSIONS
    keep_bytes: bool = False
    subject: Subject | None = None
    dated_ahead: bool = False
    gathered: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Failed:
    """The step could not handle the record in a way nobody foresaw; `error` says how, for a developer."""

    error: str


Outcome = Forward[Value] | Decided | Failed
