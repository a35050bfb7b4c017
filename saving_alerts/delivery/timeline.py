"""How long an event waited before each stage and was in work there: it travels with the event, in a header.

A release that does not know the header ignores it, and what is in it is never needed: one that cannot be read is none.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from saving_alerts.domain.decisions import Stage, StageTimes, Timeline
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.kafka.codecs import Headers, encode

HEADER = "timeline"
MAX_HEADER_BYTES = 512  # ours have about 40 for each stage
_MILLISECOND = timedelta(milliseconds=1)

_timelines = Decoder(Timeline, MAX_HEADER_BYTES)


def timeline_of(headers: Headers) -> Timeline:
    """What the stages before have noted; empty where they did not, or where it is none."""
    raw = next((value for name, value in headers if name == HEADER), None)
    found = () if raw is None else _timelines.read(raw)
    return () if isinstance(found, Unreadable) or len(found) >= len(Stage) else found


def continued(before: Timeline, stage: Stage, read_at: datetime, begun: datetime, ended: datetime) -> Timeline:
    """With this stage as the last one. A stage that has the event again notes it anew."""
    others = tuple(each for each in before if each.stage != stage)
    return (*others, StageTimes(stage, _after(read_at, begun), _after(read_at, ended)))


def header_of(timeline: Iterable[StageTimes]) -> tuple[str, bytes]:
    return HEADER, encode(timeline)


def _after(read_at: datetime, moment: datetime) -> int:
    return (moment - read_at) // _MILLISECOND
