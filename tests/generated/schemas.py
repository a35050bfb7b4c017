"""The JSON Schema of every record and body, from the types that they are decoded into or encoded from.

A schema has a number. It is raised when a reader of the former one could not read what is written now. A field that
may be missing leaves it as it is.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from saving_alerts.domain.alerts import Alert, Departure, Push
from saving_alerts.domain.consent import ConsentChange
from saving_alerts.domain.coupons import Candidate, Coupon
from saving_alerts.domain.decisions import Decision, Receipt
from saving_alerts.domain.erasures import ErasureOrder
from saving_alerts.domain.events import SavingEvent, ValidatedEvent
from saving_alerts.domain.kill_switches import KillSwitch
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.results.responses import Response
from saving_alerts.domain.results.result import Result
from saving_alerts.kafka.codecs import DEAD_LETTER_SCHEMA, LEDGER_SCHEMA, SCHEMA, DeadLetterRecord
from saving_alerts.kafka.push_send_rows import SendRow

FOLDER = "docs/contracts"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


class Contract(NamedTuple):
    """What one kind of record or body is."""

    kind: type[msgspec.Struct]
    number: int
    title: str


CONTRACTS = {
    "event": Contract(SavingEvent, 1, "An event, as the tracking API puts it on the source"),
    "consent-change": Contract(ConsentChange, 1, "A change of consent, as upstream tells it"),
    "validated": Contract(ValidatedEvent, SCHEMA, "Between the stages: a valid event that some rule listens to"),
    "candidate": Contract(Candidate, SCHEMA, "Between the stages: an event with the coupons that its user can use"),
    "alert": Contract(Alert, SCHEMA, "Between the stages: the push that a matching rule asks for"),
    "departure": Contract(Departure, SCHEMA, "Among the alerts while they are gathered: a shopper left a store"),
    "decision": Contract(Decision, LEDGER_SCHEMA, "How one event ended"),
    "receipt": Contract(Receipt, LEDGER_SCHEMA, "In place of decisions: events of a batch that no rule listens to"),
    "dead-letter": Contract(DeadLetterRecord, DEAD_LETTER_SCHEMA, "A record that a stage could not handle, and why"),
    "push-send": Contract(SendRow, 1, "The key of a row of the Table of sends, behind the user id and a byte FF"),
    "kill-switch": Contract(KillSwitch, 1, "A kill switch that is on"),
    "erasure-order": Contract(ErasureOrder, 1, "An order to erase a user, under their token"),
    "response": Contract(Response, 1, "What a shopper did that may be the result of an alert"),
    "result": Contract(Result, 1, "A response that belongs to an alert"),
    "coupon": Contract(Coupon, 1, "One coupon of an answer of the Coupon API"),
    "push": Contract(Push, 1, "The body of a request to the push API"),
    "merchant": Contract(Merchant, 1, "A line of the merchants file"),
}


def files() -> Iterator[tuple[str, str]]:
    for name, contract in CONTRACTS.items():
        yield f"{FOLDER}/{name}.schema.json", as_text(schema_of(name, contract))


def schema_of(name: str, contract: Contract) -> Schema:
    """The types say what is JSON of the right shape. What else makes a value invalid stands in docs/contracts.md."""
    (_,), definitions = msgspec.json.schema_components(
        [contract.kind], schema_hook=_hook, ref_template="#/$defs/{name}"
    )
    own = definitions.pop(contract.kind.__name__)
    schema: Schema = {
        "$schema": DIALECT,
        "$id": f"urn:saving-alerts:{name}:{contract.number}",
        **own,
        "title": contract.title,
        "x-schema-number": contract.number,
    }
    if definitions:
        schema["$defs"] = dict(sorted(definitions.items()))
    found: Schema = _in_one_line(schema)
    return found


def _in_one_line(node: Any) -> Any:  # noqa: ANN401 - JSON
    """Descriptions come from docstrings, with their line breaks."""
    if isinstance(node, dict):
        return {
            key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _in_one_line(value)
            for key, value in node.items()
        }
    return [_in_one_line(each) for each in node] if isinstance(node, list) else node


def as_text(document: Schema) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _hook(kind: type) -> Schema:
    """Details of a decision are whatever the reason brings with it."""
    if kind is object:
        return {"description": "Any JSON."}
    raise NotImplementedError
