"""OpenAPI 3.1 of both HTTP APIs, as we use them: what we send, and what each answer means to us."""

from collections.abc import Iterator
from datetime import UTC, datetime

from saving_alerts import __version__
from saving_alerts.adapters.coupon_answers import MAX_COUPONS
from saving_alerts.adapters.http_answer import Answer
from saving_alerts.adapters.http_client import HEADERS
from saving_alerts.adapters.push_api import meaning
from tests.generated.schemas import FOLDER, Schema, as_text

_MEANINGS = {
    "Accepted": "Accepted, or accepted before with the same key.",
    "TooLate": "It came after Request-Not-After, and did nothing.",
    "Throttled": "It did nothing. Nobody else is started before Retry-After is over.",
    "Refused": "Refused for good. With `reason`, and with 410, the device is gone.",
    "Unclear": "It may have been accepted: sent again with the same key.",
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)  # no answer here has a date
PUSH_STATUSES = (200, 202, 301, 400, 401, 404, 409, 410, 412, 422, 429, 500, 503)
_COUPON_ANSWERS = {
    "401": "As 503: our token is not taken, or not yet.",
    "404": "No coupons.",
    "408": "A failed attempt, tried again.",
    "429": "Nobody asks before Retry-After is over.",
    "503": "As 429; it counts for the breaker.",
    "5XX": "A failed attempt, tried again.",
    "default": "Refused for good.",
}


def files() -> Iterator[tuple[str, str]]:
    yield f"{FOLDER}/push-api.openapi.json", as_text(push_api())
    yield f"{FOLDER}/coupon-api.openapi.json", as_text(coupon_api())


def push_api() -> Schema:
    body = {"required": True, "content": {"application/json": {"schema": {"$ref": "./push.schema.json"}}}}
    responses = {str(status): {"description": _of_push(status)} for status in PUSH_STATUSES}
    operation = {
        "operationId": "sendPush",
        "summary": "Accept one push, once for each key, and not after the time that is given.",
        "parameters": [
            _header("Idempotency-Key", "32 hex digits, the same for every attempt", {"pattern": "^[0-9a-f]{32}$"}),
            _header("Request-Not-After", "UTC with milliseconds", {"format": "date-time"}),
            *_common(),
        ],
        "requestBody": body,
        "responses": responses,
    }
    return _document("The push API, as saving alerts uses it", {"/push-notifications": {"post": operation}})


def coupon_api() -> Schema:
    coupons = {"type": "array", "maxItems": MAX_COUPONS, "items": {"$ref": "./coupon.schema.json"}}
    found = {"description": "The coupons, perhaps none.", "content": {"application/json": {"schema": coupons}}}
    operation = {
        "operationId": "couponsOfUserAtMerchant",
        "summary": "What this user could save at this merchant.",
        "parameters": [_in_path("user_id"), _in_path("merchant_id"), *_common()],
        "responses": {"200": found} | {status: {"description": text} for status, text in _COUPON_ANSWERS.items()},
    }
    path = "/users/{user_id}/merchants/{merchant_id}/coupons"
    return _document("The Coupon API, as saving alerts uses it", {path: {"get": operation}})


def _of_push(status: int) -> str:
    return _MEANINGS[type(meaning(Answer(status, [], b""), NOW)).__name__]


def _document(title: str, paths: Schema) -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": "docs/contracts.md says more."},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"token": []}],
    }


def _common() -> list[Schema]:
    """What stands in every request of ours."""
    texts = {"User-Agent": "saving-alerts/VERSION", "Accept-Encoding": HEADERS["Accept-Encoding"]}
    return [_header(name, texts[name], {}) for name in HEADERS]


def _header(name: str, text: str, more: Schema) -> Schema:
    return {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string", **more}}


def _in_path(name: str) -> Schema:
    schema = {"type": "string", "minLength": 1, "maxLength": 128}
    return {"name": name, "in": "path", "required": True, "description": "Percent-encoded.", "schema": schema}
