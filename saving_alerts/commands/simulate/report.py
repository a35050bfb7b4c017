"""What a simulation found: figures side by side, and in sentences what they do not say."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from saving_alerts.domain.reasons import Reason
from saving_alerts.simulation.partition_replay import Question, Simulation
from saving_alerts.simulation.recorded_decisions import Agreement
from saving_alerts.simulation.totals import Totals

BUSIEST_HOURS = 3


class Figure(NamedTuple):
    """One row: what it is, and the number with either rule set."""

    name: str
    before: int
    after: int


def figures(question: Question, result: Simulation) -> list[Figure]:
    """Pushes and users first, then why not, then by rule, clause and cap."""
    before, after = result.before, result.after
    rules = [rule.id for rules in (question.before, question.after) for rule in rules.rules]
    caps = [str(cap) for rules in (question.before, question.after) for cap in rules.caps]
    return [
        Figure("pushes", before.pushes, after.pushes),
        Figure("users with a push", before.users, after.users),
        *(Figure(f"not pushed: {reason}", before.reasons[reason], after.reasons[reason]) for reason in _not_pushed()),
        *(Figure(f"rule {rule}: pushes", before.rules[rule], after.rules[rule]) for rule in dict.fromkeys(rules)),
        *_controls(before, after),
        *_variants(before, after),
        *_clauses(before, after),
        *(Figure(f"cap {cap}: stopped", before.caps[cap], after.caps[cap]) for cap in dict.fromkeys(caps)),
        *_budgets(question, before, after),
    ]


def _not_pushed() -> list[Reason]:
    """What `simulate` can find instead of a push, `capped` last."""
    found = (reason for reason in Reason if reason.row.simulated and reason is not Reason.PUSHED)
    return sorted(found, key=lambda reason: reason is Reason.CAPPED)


def _controls(before: Totals, after: Totals) -> Iterator[Figure]:
    for rule in sorted(before.controls.keys() | after.controls.keys()):
        yield Figure(f"rule {rule}: kept back as control", before.controls[rule], after.controls[rule])


def _budgets(question: Question, before: Totals, after: Totals) -> Iterator[Figure]:
    for name in dict.fromkeys((*question.before.budgets, *question.after.budgets)):
        yield Figure(f"budget {name}: stopped", before.budgets[name], after.budgets[name])


def _variants(before: Totals, after: Totals) -> Iterator[Figure]:
    for rule, variant in sorted(before.variants.keys() | after.variants.keys()):
        name = f"rule {rule}, text {variant}: pushes"
        yield Figure(name, before.variants[rule, variant], after.variants[rule, variant])


def _clauses(before: Totals, after: Totals) -> Iterator[Figure]:
    for rule, clause in sorted(before.clauses.keys() | after.clauses.keys()):
        yield Figure(f"rule {rule}: {clause} said no", before.clauses[rule, clause], after.clauses[rule, clause])


def remarks(question: Question, result: Simulation) -> list[str]:
    """Who gains and loses, the busiest hours, whether the record agrees, and what nobody can know."""
    users = result.users
    return [
        f"{result.candidates:,} recorded events with coupons since {result.since:%Y-%m-%d %H:%M} UTC",
        f"{users.gain:,} users get more pushes{_such_as(users.gaining)}",
        f"{users.lose:,} users get fewer pushes{_such_as(users.losing)}",
        *_of_each(question, result),
        *_record(result),
        *_not_known(result),
    ]


def _such_as(names: list[str]) -> str:
    return f", such as {', '.join(names)}" if names else ""


def _of_each(question: Question, result: Simulation) -> Iterator[str]:
    for rules, totals in ((question.before, result.before), (question.after, result.after)):
        busiest = ", ".join(f"{hour} h UTC ({number:,})" for hour, number in totals.hours.most_common(BUSIEST_HOURS))
        share = totals.reasons[Reason.CAPPED] / totals.wanted if totals.wanted else 0
        yield f"{rules.version}: caps stop {share:.1%} of what the rules want; busiest: {busiest or 'no hour'}"


def _record(result: Simulation) -> Iterator[str]:
    for agreement in result.agreements:
        yield from _agreement(agreement)
    others = result.recorded_versions.copy()
    for agreement in result.agreements:
        others.pop(agreement.version, None)
    if others:
        yield f"{others.total():,} events were decided by other versions then: {', '.join(sorted(others))}"


def _agreement(agreement: Agreement) -> Iterator[str]:
    if agreement.total:
        yield (
            f"{agreement.total:,} of them were decided with {agreement.version} then: "
            f"{agreement.same:,} the same now, {agreement.different:,} different"
        )
    if agreement.different_with_other_merchants:
        yield f"  {agreement.different_with_other_merchants:,} of these with another merchant directory than today's"
    yield from (f"  {example}" for example in agreement.examples)


def _not_known(result: Simulation) -> Iterator[str]:
    unknown = result.unknown
    yield "not simulated, because no coupons are on record; looser rules may push some of them:"
    yield f"  {unknown.unasked.total():,} events decided without asking for coupons{_by_reason(unknown.unasked)}"
    yield f"  {unknown.without_coupons.total():,} events without a coupon{_by_reason(unknown.without_coupons)}"
    yield f"  {unknown.no_triggers:,} events that no rule listened to"
    if result.newly_heard:
        yield f"  only the new rules listen to {', '.join(result.newly_heard)}"
    if result.repeated or result.unreadable:
        yield f"left out: {result.repeated:,} events written twice, {result.unreadable:,} unreadable records"


def _by_reason(reasons: Counter[str]) -> str:
    told = ", ".join(f"{reason} {number:,}" for reason, number in reasons.most_common())
    return f" ({told})" if told else ""


def as_json(question: Question, result: Simulation) -> str:
    document = {
        "since": result.since,
        "before": question.before.version,
        "after": question.after.version,
        "merchants": question.merchants.version,
        "candidates": result.candidates,
        "figures": [figure._asdict() for figure in figures(question, result)],
        "evaluated": {"before": result.before.evaluated, "after": result.after.evaluated},
        "wins": {"before": result.before.wins, "after": result.after.wins},
        "hours": {"before": result.before.hours, "after": result.after.hours},
        "users": result.users,
        "recorded": [_agreement_told(agreement) for agreement in result.agreements],
        "recorded_versions": result.recorded_versions,
        "unknown": result.unknown,
        "newly_heard": result.newly_heard,
        "repeated": result.repeated,
        "unreadable": result.unreadable,
    }
    return msgspec.json.encode(document).decode() + "\n"


def _agreement_told(agreement: Agreement) -> dict[str, object]:
    return {
        "version": agreement.version,
        "same": agreement.same,
        "different": agreement.different,
        "different_with_other_merchants": agreement.different_with_other_merchants,
        "examples": agreement.examples,
    }


def as_csv(question: Question, result: Simulation) -> str:
    """One figure a line, the pushes of each hour too."""
    hours = sorted(result.before.hours.keys() | result.after.hours.keys())
    by_hour = (Figure(f"pushes at {hour} h UTC", result.before.hours[hour], result.after.hours[hour]) for hour in hours)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(["figure", question.before.version, question.after.version])
    writer.writerows([*figures(question, result), *by_hour])
    return written.getvalue()
