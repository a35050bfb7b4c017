"""What the readers read on good days."""

import json

import msgspec

from saving_alerts.delivery.addressing import to_next_stage
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.domain.alerts import Alert
from saving_alerts.domain.coupons import Candidate
from saving_alerts.domain.decisions import Decision, Receipt, Stage, Versions
from saving_alerts.domain.events import EventType, Location, ValidatedEvent
from saving_alerts.domain.history import Bucket, WorkerHistory
from saving_alerts.domain.holds import HeldBy
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening
from saving_alerts.domain.push_sends import PushSend
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import DeadLetterRecord, encode
from saving_alerts.ports.heartbeats import WorkerRow
from tests.fuzzing.packing import END_OF_RECORD, packed
from tests.support import broken_rules, sample_events
from tests.support.fakes.clock import START

_EVENT = msgspec.structs.replace(sample_events.event(), location=Location(52.52, 13.405, 35))
_CANDIDATE = Candidate(
    validated=sample_events.validated(_EVENT),
    coupons=(sample_events.coupon(), sample_events.coupon(5)),
    looked_at=START,
    distance_m=12.5,
    merchants_version="0123456789ab",
)
_ALERT = sample_events.alert()
_DECISION = Decision(
    decision_id="d-1",
    position=sample_events.POSITION,
    stage=Stage.EVALUATE_RULES,
    reason=Reason.RULE_REFUSED,
    decided_at=START,
    worker="w-1",
    read_at=START,
    occurred_at=START,
    event_id="event-7",
    user_id="u-1",
    details={"refusals": [{"rule_id": "r-1", "clause": "merchants", "share": 0.5, "first": True}]},
    versions=Versions(rules="0123456789ab"),
    held_by=(HeldBy("the Coupon API", 580.5, START, "HTTP 500"),),
)
_PUSHED = msgspec.structs.replace(_DECISION, reason=Reason.PUSHED, details={"attempts": 1, "answer": "\x1b[2J"})
_RECEIPT = Receipt(
    topic="saving-events", partition=3, ranges=((1, 7), (9, 9)), decided_at=START, worker="w-1", written_ms=(1, 2)
)
_DEAD_LETTER = DeadLetterRecord(
    stage="validate",
    error="Traceback\nValueError: no",
    topic="saving-events",
    partition=3,
    offset=41,
    position=sample_events.POSITION,
    key=b"u-1",
    body=b"{}",
    body_bytes=2,
    sha256="0" * 64,
    worker="w-1",
    failed_at=START,
    headers=to_next_stage(_ALERT)[1].headers(),
)
_SEND = PushSend(merchant_id="m-1", sent_at=START, position=sample_events.POSITION, event_id="event-7")
_PAUSES = (b"7", b"Mon, 23 Nov 2026 10:00:30 GMT", b"soon")
_SWITCH = KillSwitch(scope=KillScope.MERCHANT, id="m-1", reason="wrong prices", by="ines", since=START)
_SWITCHES = (_SWITCH, msgspec.structs.replace(_SWITCH, scope=KillScope.ALL, id=""))
_ROW = WorkerRow(
    name="worker-1",
    incarnation="i-1",
    started_at=START,
    beaten_at=START,
    page="http://worker-1:6066",
    version="0.2.0",
    rules_version="0123456789ab",
    merchants_version=None,
    partitions=(0, 1, 2),
    in_flight=3,
    ready=True,
    decisions={"pushed": 1, "capped": 2},
    events_read=10,
    kill_switches=2,
    member="faust-1",
)
_MERCHANT = Merchant(
    merchant_id="m-1",
    names={"de": "Laden", "en": "Shop"},
    stores=(Store("s-1", 52.52, 13.405),),
    deep_link_hosts=("shop.example",),
    opening=Opening(
        timezone="Europe/Berlin", hours="Mo-Fr 09:00-12:30,14:00-02:00; Su off", closed_days=("2026-12-25",)
    ),
)


def _record(value: ValidatedEvent | Candidate | Alert) -> bytes:
    user_id, envelope = to_next_stage(value)
    return packed((user_id.encode(), encode(value)), *((name.encode(), text) for name, text in envelope.headers()))


EVENTS = (encode(_EVENT), encode(sample_events.event(EventType.APP_OPENED)))
RECORDS = tuple(_record(value) for value in (_CANDIDATE.validated, _CANDIDATE, _ALERT))
RULES = (broken_rules.TEXT.encode(), json.dumps(broken_rules.GOOD).encode())
MERCHANTS = (encode(_MERCHANT) + b"\n" + encode(msgspec.structs.replace(_MERCHANT, merchant_id="m-2")) + b"\n",)
KILL_SWITCHES = (
    packed(*((switch.key.encode(), encode(switch)) for switch in _SWITCHES)),
    packed((b"all", encode(_SWITCHES[1])), (b"all", None), (b"country:DE", b'{"scope":"country"}')),
)
CONSENT = (
    packed((b"u-1", b'{"schema":1,"push":{"consent":false}}'), (b"u-1", b'{"schema":1,"push":{"consent":true}}')),
    packed((b"u-2", b'{"schema":1,"push":{"consent":false},"by":"app"}')),
)
HELD_BY = (
    encode((HeldBy("the Coupon API", 580.5, START, "HTTP 500"), HeldBy("Redis", 2, START))),
    encode((HeldBy("Kafka", 1, START),)),
)
_BUCKETS = (Bucket(int(START.timestamp()) // 60, {"read": 7, "pushed": 1}), Bucket(7, {}))
HISTORIES = (encode(WorkerHistory(incarnation="i-1", fine=_BUCKETS, minutes=_BUCKETS, coarse=_BUCKETS)),)
HEARTBEATS = (packed((b"i-1", encode(_ROW)), (b"last:i-2", encode(_ROW)), (b"other", None), (b"gone", b"")),)
COMMIT_METADATA = (
    PartitionMemo(deaths=3, trial=7, suspect=7, skip=(9, 11)).text().encode(),
    PartitionMemo(deaths=1).text().encode(),
)
DEAD_LETTERS = (encode(_DEAD_LETTER),)
PUSH_SENDS = (
    encode((_SEND, msgspec.structs.replace(_SEND, uncertain=True, event_id="event-8"))),
    b"[]",
)
COUPON_ANSWERS = (
    packed((b"200", None)) + END_OF_RECORD + encode(_CANDIDATE.coupons),
    packed((b"404", None), (b"not found", None)),
    *(packed((b"429", pause), (b"", None)) for pause in _PAUSES),
)
PUSH_ANSWERS = (
    packed((b"202", None), (b'{"id":"p-1"}', None)),
    packed((b"400", None), (b'{"error":\n"no such user"}', None)),
    packed((b"500", None), (b"\x1b[2J\xff", None)),
    *(packed((b"503", pause), (b"", None)) for pause in _PAUSES),
)
LEDGER = (packed((encode(_DECISION), None), (encode(_PUSHED), None), (encode(_RECEIPT), None)), encode(_RECEIPT))
