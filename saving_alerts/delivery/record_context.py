"""What goes on with an event from stage to stage beside its value, in headers."""

import msgspec

from saving_alerts.delivery.timeline import header_of
from saving_alerts.domain.decisions import Timeline
from saving_alerts.domain.holds import Holds
from saving_alerts.kafka.codecs import HELD_BY_HEADER, encode
from saving_alerts.ports.trace_context import TRACEPARENT


class RecordContext(msgspec.Struct, frozen=True, gc=False):
    """The stages' times so far, the trace of the event, if it has one, and what has held the event up so far."""

    timeline: Timeline = ()
    traceparent: str | None = None
    holds: Holds = ()

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        timeline = (header_of(self.timeline),) if self.timeline else ()
        trace = ((TRACEPARENT, self.traceparent.encode()),) if self.traceparent else ()
        held_by = ((HELD_BY_HEADER, encode(self.holds)),) if self.holds else ()
        return (*timeline, *trace, *held_by)


NO_CONTEXT = RecordContext()
