"""The Table of sends with whatever its changelog brought for a user."""

from functools import cache
from typing import Any, cast

import faust

from saving_alerts.domain.caps import Cap, CapPer, blocking_cap
from saving_alerts.domain.push_sends import PushSend, of_event, of_position, with_send
from saving_alerts.kafka.codecs import encode
from saving_alerts.worker.push_sends_table import PushSendsTable, UnreadableSendsError
from tests.fuzzing.outcome import Outcome, Refused, Value
from tests.support.fakes.clock import START, FakeClock
from tests.support.sample_events import POSITION

USER = "u-1"
CAPS = (Cap(CapPer.USER, 1, 24), Cap(CapPer.USER_AND_MERCHANT, 2, 168))
SEND = PushSend(merchant_id="m-1", sent_at=START, position=POSITION, event_id="event-7")


def of_table(raw: bytes) -> Outcome:
    """What the Table knows of the user, as caps, dispatch and the next send use it."""
    app, table = _table()
    cast("Any", app.tables["push_sends"]).data[USER.encode()] = raw
    try:
        sends = table.of(USER)
    except UnreadableSendsError as error:
        return Refused(str(error))
    blocked = blocking_cap(CAPS, sends, "m-1", START)
    known = of_position(sends, POSITION, "event-7"), of_event(sends, "event-7")
    return Value(
        (encode(with_send(sends, SEND)), encode(with_send(sends, sends[0] if sends else SEND)), blocked, known)
    )


@cache
def _table() -> tuple[faust.App, PushSendsTable]:
    app = faust.App("fuzzing", broker="kafka://127.0.0.1:1", store="memory://")
    return app, PushSendsTable(app, "fuzzing.push-sends", FakeClock())
