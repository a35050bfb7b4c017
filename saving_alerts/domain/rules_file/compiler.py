"""A rules file from its bytes to a RuleSet: checked as a whole, with all mistakes reported at once."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from string import Template

from saving_alerts.domain.budgets import Budget, of_merchant, of_rule
from saving_alerts.domain.caps import Cap
from saving_alerts.domain.events import GEOFENCE_TYPES, EventType
from saving_alerts.domain.rules.clauses import Weekday
from saving_alerts.domain.rules.control import Control
from saving_alerts.domain.rules.expressions import compile_when
from saving_alerts.domain.rules.messages import Message, Text, Variant
from saving_alerts.domain.rules.quiet_hours import QuietHours
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.budget_schema import BudgetDocument
from saving_alerts.domain.rules_file.contradictions import contradictions
from saving_alerts.domain.rules_file.document import read_document
from saving_alerts.domain.rules_file.field_checks import read_app_version
from saving_alerts.domain.rules_file.json_reader import keys_given_twice, read_json, refuse_crowds
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError, in_words, refusal
from saving_alerts.domain.rules_file.schema import (
    MAX_RULES,
    NO_QUIET_HOURS,
    TRIGGER_TYPES,
    MessageDocument,
    QuietHoursDocument,
    RuleDocument,
    RulesDocument,
    TextDocument,
    UnknownHours,
)

VERSION_DIGITS = 12  # 48 bits of the hash: enough to tell the versions of one file apart
MAX_RULES_BYTES = 2 * 1024 * 1024  # bounds what reading costs; workers take their limit from the setting of this name
SCHEMA_ID = "urn:saving-alerts:rules-file"  # a name, and no address: an editor must not ask anybody for it
EVERY_DAY = frozenset(Weekday)
# How long after an event a push makes sense if the file does not set it (docs/contracts.md).
DEFAULT_FRESHNESS = {
    event_type: timedelta(minutes=10 if event_type in GEOFENCE_TYPES else 30) for event_type in TRIGGER_TYPES
}


def version_of(raw: bytes) -> str:
    """The first 12 hex digits of the SHA-256 of the file: the same bytes are the same version."""
    return hashlib.sha256(raw).hexdigest()[:VERSION_DIGITS]


def _nothing() -> None: ...


def read_rules(raw: bytes, between_steps: Callable[[], None] = _nothing) -> RuleSet:
    """Check and compile a rules file. Raises RulesRefusedError with the mistakes in it, whatever it holds.

    `between_steps` is called often: at least once for each rule that is checked. To end the reading it raises a
    RulesRefusedError of its own.
    """
    try:
        return _read(raw, between_steps)
    except RulesRefusedError:
        raise
    except Exception as error:
        raise RulesRefusedError([f"$: {in_words(error)}"]) from error


def _read(raw: bytes, between_steps: Callable[[], None]) -> RuleSet:
    tree = read_json(raw)
    _refuse_too_many_rules(tree)
    refuse_crowds(tree)
    others = [*keys_given_twice(tree), *contradictions(tree, between_steps)]
    document, errors = read_document(tree, between_steps)
    if document is None or others:
        raise refusal(tree, errors, others)
    return _compile(document, version_of(raw), between_steps)


def _refuse_too_many_rules(tree: object) -> None:
    """Called before any check that costs time for each rule."""
    rules = tree.get("rules") if isinstance(tree, dict) else None
    if isinstance(rules, list) and len(rules) > MAX_RULES:
        raise RulesRefusedError([f"$.rules: {len(rules)} rules, at most {MAX_RULES} are allowed"])


def _compile(document: RulesDocument, version: str, between_steps: Callable[[], None]) -> RuleSet:
    by_priority = sorted((rule for rule in document.rules if rule.enabled), key=lambda rule: rule.priority)
    freshness: dict[EventType, timedelta] = {
        event_type: timedelta(minutes=minutes) for event_type, minutes in document.freshness_minutes.items()
    }
    quiet = _window(document.quiet_hours) if document.quiet_hours else None
    return RuleSet(
        version=version,
        caps=tuple(Cap(cap.per, cap.pushes, cap.hours) for cap in document.caps),
        freshness=DEFAULT_FRESHNESS | freshness,
        rules=tuple(_compile_rules(by_priority, quiet, between_steps)),
        choose_within=timedelta(seconds=document.choose_within_seconds),
        control=_control(document.control_percent, "file", document.control_salt or ""),
        budgets=_budgets(document),
    )


def _budgets(document: RulesDocument) -> dict[str, Budget]:
    of_merchants = {of_merchant(each): _budget(budget) for each, budget in document.merchant_budgets.items()}
    return of_merchants | {of_rule(rule.id): _budget(rule.budget) for rule in document.rules if rule.budget}


def _budget(budget: BudgetDocument) -> Budget:
    return Budget(budget.pushes_per_day, budget.timezone, budget.hours)


def _compile_rules(
    rules: list[RuleDocument], quiet: QuietHours | None, between_steps: Callable[[], None]
) -> Iterator[Rule]:
    for rule in rules:
        between_steps()
        yield _compile_rule(rule, quiet)


def _compile_rule(rule: RuleDocument, quiet: QuietHours | None) -> Rule:
    return Rule(
        id=rule.id,
        event_types=rule.event_types,
        allow=rule.merchants.allow,
        deny=rule.merchants.deny,
        min_discount_percent=rule.min_discount_percent,
        quiet_hours=_quiet_hours(rule, quiet),
        has_own_quiet_hours=isinstance(rule.quiet_hours, QuietHoursDocument),
        message=_message(rule.message, rule.id),
        max_distance_m=rule.max_distance_m,
        weekdays=None if rule.weekdays == EVERY_DAY else rule.weekdays,
        min_app_version=read_app_version(rule.min_app_version) if rule.min_app_version else None,
        rollout_percent=rule.rollout_percent,
        rank_coupons_by=rule.rank_coupons_by,
        when=compile_when(rule.when, rule.event_types) if rule.when else None,
        active_from=rule.active_from,
        active_until=rule.active_until,
        min_dwell_seconds=rule.min_dwell_seconds,
        open_for_minutes=rule.open_for_minutes,
        unknown_hours_pass=rule.unknown_hours is UnknownHours.YES,
        priority=rule.priority,
        control=_control(rule.control_percent, "rule", rule.control_salt or rule.id),
    )


def _control(percent: float, whose: str, salt: str) -> Control | None:
    """A rule keeps back others than the file does, also where both have the same salt."""
    return Control(percent, f"{whose}\n{salt}") if percent else None


def _quiet_hours(rule: RuleDocument, of_the_file: QuietHours | None) -> QuietHours | None:
    if rule.quiet_hours == NO_QUIET_HOURS:
        return None
    return _window(rule.quiet_hours) if isinstance(rule.quiet_hours, QuietHoursDocument) else of_the_file


def _window(quiet: QuietHoursDocument) -> QuietHours:
    return QuietHours(quiet.start, quiet.end)


def _message(message: MessageDocument, rule_id: str) -> Message:
    if not message.variants:
        return Message(_texts(message.texts), message.fallback)
    variants = tuple(
        Variant(each.id, each.weight, Message(_texts(each.texts), message.fallback)) for each in message.variants
    )
    return Message(variants[0].message.texts, message.fallback, variants, message.salt or rule_id)


def _texts(texts: Mapping[str, TextDocument]) -> dict[str, Text]:
    return {locale: Text(Template(text.title), Template(text.body)) for locale, text in texts.items()}


def json_schema() -> str:
    """The JSON Schema for editors: fields, types and limits. It cannot express the checks of `contradictions`."""
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID}
    schema = {**named, **RulesDocument.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False)
