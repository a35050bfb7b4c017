"""A push as it goes to the push API."""

from datetime import timedelta

from saving_alerts.domain.alerts import Push, PushTrace, rfc3339
from tests.support.fakes.clock import START

PUSH = Push(
    user_id="u-1",
    title="Zehn Prozent",
    body="Bei dir um die Ecke",
    deep_link="https://app.example/c-1",
    locale="de-DE",
    category="saving_alert",
    collapse_key="m-1",
    ttl_seconds=600,
    not_after=rfc3339(START + timedelta(minutes=10)),
    trace=PushTrace("e-1", "d-1", "r-1", "abc"),
)
