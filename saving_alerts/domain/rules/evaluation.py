"""Whether an event may become a push: the first rule without a refusal wins, with the best coupon that fits it.

Pure: everything comes in as arguments, and the same arguments give the same result, live and in a replay.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.decoding import printable
from saving_alerts.domain.events import MAX_TIME_ZONE_CHARACTERS, SavingEvent
from saving_alerts.domain.passed_over import PassedOver
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause, is_rolled_out
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.expression_variables import variables_of, with_coupon
from saving_alerts.domain.rules.expressions import When
from saving_alerts.domain.rules.quiet_hours import is_quiet
from saving_alerts.domain.rules.ranking import best_first
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.sound_coupons import Examined, examine
from saving_alerts.domain.rules.store_hours import in_words

_NEED_ZONE = frozenset({Clause.WEEKDAYS, Clause.ACTIVE_FROM, Clause.ACTIVE_UNTIL})


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first clause of one rule that did not hold.

    `error`: why nobody can say whether it holds, which is a no: of a `when` its failure, of a time zone its name.
    """

    rule_id: str
    clause: Clause
    error: str | None = None
    alone: bool = field(default=False, compare=False)
    """Whether the rule failed on nothing else. Set for rollout and quiet hours only."""


@dataclass(frozen=True, slots=True)
class Match:
    """The winning rule and its coupon, the first of `fitting` coupons in the rule's ranking.

    `refusals`: of the rules that were tried before it. `passed_over`: the coupons that no rule could promise.
    `ends`: when a clause of the rule ceases to hold, and which one; None if none does.
    """

    rule: Rule
    coupon: Coupon
    refusals: tuple[Refusal, ...]
    fitting: int = field(default=1, compare=False)
    passed_over: tuple[PassedOver, ...] = field(default=(), compare=False)
    ends: tuple[datetime, Clause] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No rule matched. `refusals`: one of each rule that listens to this event type at this merchant.

    `passed_over`: the coupons that no rule could promise, if any rule came as far as to look at them.
    """

    reason: Reason
    refusals: tuple[Refusal, ...]
    passed_over: tuple[PassedOver, ...] = field(default=(), compare=False)


def refused_without_coupons(rules: RuleSet, context: EvaluationContext) -> NoMatch | None:
    """NoMatch if no rule can match whatever the coupons are, so that the Coupon API need not be asked; else None."""
    refusals: list[Refusal] = []
    for rule in rules.listening_to(context.event).rules:
        refusal = _first_refusal_without_coupons(rule, context) or _final_refusal(rule, context)
        if refusal is None:
            return None
        refusals.append(refusal)
    return _no_match(refusals)


def evaluate(rules: RuleSet, context: EvaluationContext, coupons: tuple[Coupon, ...]) -> Match | NoMatch:
    """The first rule that matches, with its best coupon, or why none does. It checks all clauses again."""
    refusals: list[Refusal] = []
    examined: Examined | None = None
    for rule in rules.listening_to(context.event).rules:
        refusal = _first_refusal_without_coupons(rule, context)
        if refusal is None and not (discounted := _with_discount(rule, coupons)):
            refusal = Refusal(rule.id, Clause.MIN_DISCOUNT_PERCENT)
        if refusal is None and context.merchant is not None:
            examined = examined or examine(coupons, context.merchant, context.link_schemes)
            result = _with_coupons(rule, context, examined, discounted, refusals)
            if isinstance(result, Match):
                return result
            refusal = result
        if refusal is not None:
            refusals.append(refusal)
    return _no_match(refusals, examined.passed_over if examined else ())


def every_refusal(rules: RuleSet, event: SavingEvent, refusals: Sequence[Refusal]) -> list[Refusal]:
    """One refusal of every rule, in order, those that do not listen to this event included.

    Its time grows with the number of rules, which `evaluate` avoids: for what people read only.
    """
    known = {refusal.rule_id: refusal for refusal in refusals}
    return [known.get(rule.id) or Refusal(rule.id, _not_listening(rule, event)) for rule in rules.rules]


def _not_listening(rule: Rule, event: SavingEvent) -> Clause:
    return Clause.MERCHANTS if event.type in rule.event_types else Clause.EVENT_TYPES


def _no_match(refusals: list[Refusal], passed_over: tuple[PassedOver, ...] = ()) -> NoMatch:
    """The reason is quiet hours if a rule failed on them alone, else rollout if a rule failed on it alone."""
    alone = {refusal.clause for refusal in refusals if refusal.alone}
    if Clause.QUIET_HOURS in alone:
        return NoMatch(Reason.QUIET_HOURS, tuple(refusals), passed_over)
    reason = Reason.HELD_OUT if Clause.ROLLOUT_PERCENT in alone else Reason.RULE_REFUSED
    return NoMatch(reason, tuple(refusals), passed_over)


def _with_coupons(
    rule: Rule, context: EvaluationContext, examined: Examined, discounted: Sequence[Coupon], before: list[Refusal]
) -> Match | Refusal:
    """Check the other clauses that need a coupon, then rollout and quiet hours.

    `discounted` are all coupons, odd ones too, with the rule's minimum discount.
    """
    fitting = _with_discount(rule, examined.sound) if examined.passed_over else discounted
    if not fitting:
        return Refusal(rule.id, _what_no_coupon_has(rule, examined))
    ranked = best_first(fitting, rule.rank_coupons_by) if len(fitting) > 1 else fitting
    best = ranked[0] if rule.when is None else _first_when(rule, rule.when, ranked, context)
    if isinstance(best, Refusal):
        return best
    if refusal := _final_refusal(rule, context):
        return refusal
    ends = rule.ends(context) if rule.endings else None
    return Match(rule, best, tuple(before), len(fitting), examined.passed_over, ends)


def _what_no_coupon_has(rule: Rule, examined: Examined) -> Clause:
    if _with_discount(rule, examined.astray):
        return Clause.DEEP_LINK_HOSTS
    only_odd_ones = not examined.astray and not examined.sound
    return Clause.DISCOUNT if only_odd_ones else Clause.MIN_DISCOUNT_PERCENT


def _with_discount(rule: Rule, coupons: Sequence[Coupon]) -> Sequence[Coupon]:
    """The coupons with the rule's minimum discount. A fixed amount has no percentage, so it passes without one only."""
    minimum = rule.min_discount_percent
    if minimum is None:
        return coupons
    return [each for each in coupons if (percent := each.discount.percent) is not None and percent >= minimum]


def _first_when(rule: Rule, when: When, ranked: Sequence[Coupon], context: EvaluationContext) -> Coupon | Refusal:
    """The best coupon for which the expression is true, or a refusal with the first error."""
    variables, error = variables_of(context), None
    for coupon in ranked:
        result = when.evaluate(with_coupon(variables, coupon, context.now))
        if result is True:  # an error is a text, which is true in Python
            return coupon
        error = error or (result if isinstance(result, str) else None)
    return Refusal(rule.id, Clause.WHEN, error)


def _first_refusal_without_coupons(rule: Rule, context: EvaluationContext) -> Refusal | None:
    """The refusal of the first clause that needs no coupon and does not hold, without rollout and quiet hours."""
    if context.merchant is None:
        return Refusal(rule.id, Clause.MERCHANT_KNOWN)
    for clause, holds in rule.checks:
        if not holds(context):
            return _refusal(rule, clause, context)
    return None


def _refusal(rule: Rule, clause: Clause, context: EvaluationContext) -> Refusal:
    if clause in _NEED_ZONE and context.local is None:
        return _unknown_zone(rule, context)
    if clause is Clause.OPEN_FOR_MINUTES:
        return Refusal(rule.id, clause, in_words(context.opening, context.open_until, context.now))
    return Refusal(rule.id, clause)


def _unknown_zone(rule: Rule, context: EvaluationContext) -> Refusal:
    zone = printable(context.event.timezone, MAX_TIME_ZONE_CHARACTERS)
    return Refusal(rule.id, Clause.TIME_ZONE, f"unknown time zone {zone}")


def _final_refusal(rule: Rule, context: EvaluationContext) -> Refusal | None:
    """The refusal of rollout or quiet hours, the last two clauses. Where nobody knows the zone it counts as quiet."""
    quiet = rule.quiet_hours is not None and is_quiet(rule.quiet_hours, context.local)
    if not is_rolled_out(rule.rollout_percent, rule.id, context.event.user_id):
        return Refusal(rule.id, Clause.ROLLOUT_PERCENT, alone=not quiet)
    if not quiet:
        return None
    return _unknown_zone(rule, context) if context.local is None else Refusal(rule.id, Clause.QUIET_HOURS, alone=True)
