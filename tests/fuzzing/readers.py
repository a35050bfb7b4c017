"""The readers of what others write, each as one function of bytes; and what each of them reads on good days.

A reader is called as the product calls it, and its value is used as the product uses it: nothing of that may raise.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import ConsumerRecord

from saving_alerts.adapters.consent_records import FROM_HEADER, apply_record, kind_of, moved, rekeyed
from saving_alerts.adapters.redis_heartbeats import RedisHeartbeats
from saving_alerts.adapters.redis_histories import read_row as read_history_row
from saving_alerts.adapters.standing_switches import StandingSwitches
from saving_alerts.delivery.addressing import Internal, address_by_headers, address_of, reader, to_next_stage
from saving_alerts.delivery.poison_pills.commit_metadata import PartitionMemo
from saving_alerts.domain.consent import OptOuts
from saving_alerts.domain.deadlines import deadline_of
from saving_alerts.domain.decisions import Decision
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.domain.events import Problem, event_id_in, read_event, subject_of_event
from saving_alerts.domain.history import Deployment
from saving_alerts.domain.holds import HeldBy, read_holds, together
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.domain.sentences.language import Language
from saving_alerts.domain.sentences.telling import sentence
from saving_alerts.domain.stopped_pushes import Stoppable, active_switch
from saving_alerts.kafka.codecs import (
    UnreadableError,
    candidate_codec,
    decode_dead_letter,
    decode_ledger,
    dispatch_codec,
    encode,
    own_headers,
    summary_of,
    validated_codec,
)
from saving_alerts.kafka.topics import Topics
from saving_alerts.ledger.accounting import Account, SourceRecordMark, SourceSpan, summary
from saving_alerts.ledger.dead_letters import DeadLetter, DeadLetterPlace, why_not_among_many
from saving_alerts.ledger.decision_texts import in_words
from saving_alerts.ledger.explaining import explanations
from saving_alerts.ledger.source_marks import PAGE_OFFSETS
from saving_alerts.ports.object_store import MAX_LINE_BYTES
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits
from saving_alerts.web.flows import flows, totals_of
from tests.fuzzing import seeds
from tests.fuzzing.api_answers import of_coupon_api, of_push_api
from tests.fuzzing.canary import SEEDS as SEEDS_OF_ORDERS
from tests.fuzzing.canary import of_orders
from tests.fuzzing.heartbeat_redis import PREFIX, HeartbeatRedis, result_of
from tests.fuzzing.outcome import Outcome, Refused, Value
from tests.fuzzing.packing import unpacked
from tests.fuzzing.push_sends import of_table
from tests.fuzzing.results import SEEDS as SEEDS_OF_RESULTS
from tests.fuzzing.results import of_results
from tests.support.fakes.clock import START

FRESHNESS = timedelta(minutes=10)
TOPICS = Topics.named("saving-events", "saving-alerts")
SOURCE_PARTITION = 3
PARTITIONS = 12
SPAN = SourceSpan(0, 4 * PAGE_OFFSETS)
INTERNAL = tuple(reader(codec, lambda _: FRESHNESS) for codec in (validated_codec, candidate_codec, dispatch_codec))


@dataclass(frozen=True, slots=True)
class Reader:
    """`read` never raises, and says whether it took the bytes or refused them. `seeds` are bytes that it takes."""

    read: Callable[[bytes], Outcome]
    seeds: tuple[bytes, ...]


def _event(raw: bytes) -> Outcome:
    """The value of a record on the source."""
    found, event_id = read_event(raw), event_id_in(raw)
    if isinstance(found, Problem):
        return Refused(f"{found.problem} at {found.path}")
    return Value((deadline_of(found, FRESHNESS, START), subject_of_event(found, START), event_id, encode(found)))


def _record(raw: bytes) -> Outcome:
    """A record on an internal topic: its key with its body, then its headers."""
    (key, body), *headers = unpacked(raw)
    named = tuple((name.decode(errors="replace"), value) for name, value in headers)
    record = ConsumerRecord("saving-alerts.alerts", 0, 0, 0, 0, key, body, None, -1, -1, named)
    encode((address_by_headers(record), own_headers(named)))
    outcomes = [_internal(read, record) for read in INTERNAL]
    return next((outcome for outcome in outcomes if isinstance(outcome, Value)), outcomes[0])


def _internal(read: Callable[[ConsumerRecord, datetime], Internal], record: ConsumerRecord) -> Outcome:
    try:
        value = read(record, START)
    except UnreadableError as error:
        return Refused(str(error))
    user_id, envelope = to_next_stage(value)
    return Value((record, value, address_of(value), user_id.encode(), envelope.headers(), encode(value)))


def _rules(raw: bytes) -> Outcome:
    try:
        return Value(read_rules(raw))
    except RulesRefusedError as refused:
        return Refused(refused.lines[0])


def _merchants(raw: bytes) -> Outcome:
    """The whole directory, by the lines that the port gives."""
    file = MerchantsFileReader(MerchantsLimits())
    for line in _lines(raw):
        file.take(line)
        if file.is_refused_already:
            break
    return Refused(file.refusal) if file.refusal is not None else Value((file.merchants(), file.summary()))


def _lines(raw: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(raw):
        end = raw.find(b"\n", begin) + 1 or len(raw)
        yield raw[begin : min(end, begin + MAX_LINE_BYTES + 1)]
        begin = end


def _kill_switches(raw: bytes) -> Outcome:
    """The topic, record by record."""
    read = StandingSwitches()
    for offset, (key, value) in enumerate(unpacked(raw)):
        read.apply(ConsumerRecord("kill-switches", 0, offset, 0, 0, key, value, None, -1, -1, ()))
    active_switch(read.stopping, Stoppable("m-1", "r-1", "v-1"), START)
    listed = read.listed
    return Value(([str(switch) for switch in listed], [read.key_of(switch.name) for switch in listed[-1:]]))


def _consent(raw: bytes) -> Outcome:
    """Both topics, record by record: upstream's, and ours with the same bytes in the header that says from where."""
    known, kinds = OptOuts(among=PARTITIONS, most=10), list[str]()
    for offset, (key, value) in enumerate(unpacked(raw)):
        changed = ConsumerRecord("changes", 3, offset, 5, 0, key, value, None, -1, -1, ())
        kinds.append(kind_of(changed))
        for output in rekeyed(changed, "consent", PARTITIONS, 10):
            headers = tuple(output.headers)
            apply_record(known, ConsumerRecord("consent", 0, 0, 0, 0, output.key, output.value, None, -1, -1, headers))
        apply_record(known, ConsumerRecord("consent", 0, 0, 0, 0, key, b"", None, -1, -1, ((FROM_HEADER, value),)))
        known.reason_against(key or b"")
    again = moved([*known.overwritten(), *known.take_misplaced()], "consent", 0, PARTITIONS)
    if "unreadable" in kinds or "nobodys" in kinds:
        return Refused(known.everyone or ", ".join(sorted(set(kinds))))
    return Value((kinds, len(known), again))


def _heartbeats(raw: bytes) -> Outcome:
    """All keys that stand there, with what they hold."""
    heartbeats = RedisHeartbeats(HeartbeatRedis(unpacked(raw)), PREFIX)  # type: ignore[arg-type]
    heard = result_of(heartbeats.heard())
    if not heard.rows:
        return Refused("; ".join(heard.unreadable) or "no rows")
    return Value((heard, [row.link for row in heard.rows]))


def _held_by(raw: bytes) -> Outcome:
    """The header of a record on an internal topic."""
    found = read_holds(raw)
    if not found:
        return Refused("nothing held it")
    holds = together((*found, HeldBy("Kafka", 1, START)))
    return Value(([str(each) for each in holds], read_holds(encode(holds))))


def _history(raw: bytes) -> Outcome:
    """A row beside the heartbeats."""
    found = read_history_row(raw)
    if isinstance(found, Unreadable):
        return Refused(str(found))
    deployment = Deployment((found,), START)
    return Value((flows(deployment), totals_of(deployment), deployment.since))


def _commit_metadata(raw: bytes) -> Outcome:
    memo = PartitionMemo.read(raw.decode(errors="surrogateescape"))
    used = memo.with_new_owner().with_trial(7).with_new_owner().without_death().beyond(3)
    if PartitionMemo.read(used.text()) != used:
        raise AssertionError(used)
    return Value(memo) if memo != PartitionMemo() else Refused("no memo")


def _dead_letter(raw: bytes) -> Outcome:
    try:
        dead_letter = DeadLetter(DeadLetterPlace(0, 0), decode_dead_letter(raw))
    except UnreadableError as error:
        return Refused(str(error))
    replay = why_not_among_many(dead_letter, TOPICS)
    return Value((dead_letter, replay, dead_letter.deadline, summary_of(dead_letter.record.error)))


def _ledger(raw: bytes) -> Outcome:
    """Decisions and receipts, as `audit` and `explain` read them."""
    account, decisions, refused = _account(), list[Decision](), list[str]()
    for entry, _ in unpacked(raw):
        try:
            read = decode_ledger(entry)
        except UnreadableError as error:
            refused.append(str(error))
            continue
        account.recorded(read)
        decisions += [read] if isinstance(read, Decision) else []
    audits = account.audit()
    if min(audits[0].answered, audits[0].of_former_topic, audits[0].echoes) < 0:
        raise AssertionError(audits)
    explained = [(in_words(each.answer), each.last_decided_at) for each in explanations(decisions)]
    if not all(words.isprintable() for words, _ in explained):
        raise AssertionError(explained)
    told = [sentence(each.answer, language, START) for each in explanations(decisions) for language in Language]
    if any(set(each) & set("\n\r\x1b\u202e") for each in told):
        raise AssertionError(told)
    return Refused(refused[0]) if refused else Value((summary(audits), explained))


def _account() -> Account:
    account = Account("saving-events", {SOURCE_PARTITION: SPAN})
    for offset in range(SPAN.start, SPAN.end, 100):
        account.present(SOURCE_PARTITION, offset, SourceRecordMark(f"event-{offset}", 1))
    return account


READERS = {
    "events": Reader(_event, seeds.EVENTS),
    "records": Reader(_record, seeds.RECORDS),
    "rules": Reader(_rules, seeds.RULES),
    "merchants": Reader(_merchants, seeds.MERCHANTS),
    "canary": Reader(of_orders, SEEDS_OF_ORDERS),
    "kill-switches": Reader(_kill_switches, seeds.KILL_SWITCHES),
    "consent": Reader(_consent, seeds.CONSENT),
    "heartbeats": Reader(_heartbeats, seeds.HEARTBEATS),
    "held-by": Reader(_held_by, seeds.HELD_BY),
    "histories": Reader(_history, seeds.HISTORIES),
    "commit-metadata": Reader(_commit_metadata, seeds.COMMIT_METADATA),
    "dead-letters": Reader(_dead_letter, seeds.DEAD_LETTERS),
    "push-sends": Reader(of_table, seeds.PUSH_SENDS),
    "coupon-answers": Reader(of_coupon_api, seeds.COUPON_ANSWERS),
    "push-answers": Reader(of_push_api, seeds.PUSH_ANSWERS),
    "results": Reader(of_results, SEEDS_OF_RESULTS),
    "ledger": Reader(_ledger, seeds.LEDGER),
}
