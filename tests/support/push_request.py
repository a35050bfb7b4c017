"""A request to the stub push API that it accepts, for tests that only need any push."""

import urllib.error
import urllib.request

import msgspec

BODY = {
    "user_id": "u-1",
    "title": "Ten percent",
    "body": "Only today",
    "deep_link": "https://app.example/coupons/c-1",
    "locale": "en-GB",
    "category": "saving_alert",
    "collapse_key": "m-1",
    "ttl_seconds": 60,
    "not_after": "2099-01-01T00:01:00.000Z",
    "trace": {"event_id": "e-1", "decision_id": "d-1", "rule_id": "r-1", "rules_version": "0123456789ab"},
}


def post_push(url: str, key: str = "k-1") -> int:
    """Send it with this idempotency key; returns the status of the response."""
    headers = {
        "Idempotency-Key": key,
        "Request-Not-After": "2099-01-01T00:00:00.000Z",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(f"{url}/push-notifications", msgspec.json.encode(BODY), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
