"""What goes on with an event from stage to stage beside its value, in headers."""

from dataclasses import dataclass

from saving_alerts.delivery.timeline import header_of
from saving_alerts.domain.decisions import Timeline
from saving_alerts.ports.trace_context import TRACEPARENT


@dataclass(frozen=True, slots=True)
class RecordContext:
    """The stages' times so far, and the trace of the event, if it has one."""

    timeline: Timeline = ()
    traceparent: str | None = None

    def headers(self) -> tuple[tuple[str, bytes], ...]:
        timeline = (header_of(self.timeline),) if self.timeline else ()
        return (*timeline, (TRACEPARENT, self.traceparent.encode())) if self.traceparent else timeline


NO_CONTEXT = RecordContext()
