"""Whether an event may become a push: the first rule that nobody refuses wins, with the best coupon that fits it.

Pure: everything comes in as arguments, and the same arguments give the same verdict, now or when it is replayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from saving_alerts.domain.coupons import Coupon
from saving_alerts.domain.events import SavingEvent
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause, is_rolled_out
from saving_alerts.domain.rules.deep_links import is_safe
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.expression_variables import variables_of, with_coupon
from saving_alerts.domain.rules.expressions import When
from saving_alerts.domain.rules.quiet_hours import is_quiet
from saving_alerts.domain.rules.ranking import best_first
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first clause of one rule that said no. `error`: a `when` could not be answered, which is a no."""

    rule_id: str
    clause: Clause
    error: str | None = None
    alone: bool = field(default=False, compare=False)
    """Whether the rule failed on nothing else; said of rollout and quiet hours only."""


@dataclass(frozen=True, slots=True)
class Match:
    """The winning rule, its coupon, and why this one: the first in the rule's ranking of so many that fit."""

    rule: Rule
    coupon: Coupon
    refusals: tuple[Refusal, ...]
    fitting: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class NoMatch:
    """`refusals` name the rules that listen to this event type at this merchant; all others do not listen."""

    reason: Reason
    refusals: tuple[Refusal, ...]


def refused_without_coupons(rules: RuleSet, context: EvaluationContext) -> NoMatch | None:
    """NoMatch when no rule can say yes whatever the coupons are, else None. It can only skip, never permit."""
    refusals: list[Refusal] = []
    for rule in rules.listening_to(context.event).rules:
        refusal = _first_refusal_without_coupons(rule, context) or _final_refusal(rule, context)
        if refusal is None:
            return None
        refusals.append(refusal)
    return _no_match(refusals)


def evaluate(rules: RuleSet, context: EvaluationContext, coupons: tuple[Coupon, ...]) -> Match | NoMatch:
    """The first rule that says yes with its best coupon, or why none did. All clauses, nothing skipped."""
    refusals: list[Refusal] = []
    for rule in rules.listening_to(context.event).rules:
        answer = _first_refusal_without_coupons(rule, context) or _judged(rule, context, coupons, refusals)
        if isinstance(answer, Match):
            return answer
        refusals.append(answer)
    return _no_match(refusals)


def every_refusal(rules: RuleSet, event: SavingEvent, refusals: Sequence[Refusal]) -> list[Refusal]:
    """All rules in their order, those too that do not listen to this event. It asks each of them: for people."""
    known = {refusal.rule_id: refusal for refusal in refusals}
    return [known.get(rule.id) or Refusal(rule.id, _not_listening(rule, event)) for rule in rules.rules]


def _not_listening(rule: Rule, event: SavingEvent) -> Clause:
    return Clause.MERCHANTS if event.type in rule.event_types else Clause.EVENT_TYPES


def _no_match(refusals: list[Refusal]) -> NoMatch:
    """Quiet hours before rollout, where one rule failed only on this and another only on that."""
    alone = {refusal.clause for refusal in refusals if refusal.alone}
    if Clause.QUIET_HOURS in alone:
        return NoMatch(Reason.QUIET_HOURS, tuple(refusals))
    reason = Reason.HELD_OUT if Clause.ROLLOUT_PERCENT in alone else Reason.RULE_REFUSED
    return NoMatch(reason, tuple(refusals))


def _judged(
    rule: Rule, context: EvaluationContext, coupons: tuple[Coupon, ...], before: list[Refusal]
) -> Match | Refusal:
    """The clauses that need a coupon, then rollout and quiet hours."""
    enough = _with_discount(rule, coupons)
    if not enough:
        return Refusal(rule.id, Clause.MIN_DISCOUNT_PERCENT)
    fitting = [coupon for coupon in enough if context.merchant is not None and is_safe(context.merchant, coupon)]
    if not fitting:
        return Refusal(rule.id, Clause.DEEP_LINK_HOSTS)
    ranked = best_first(fitting, rule.rank_coupons_by) if len(fitting) > 1 else fitting
    best = ranked[0] if rule.when is None else _first_when(rule, rule.when, ranked, context)
    if isinstance(best, Refusal):
        return best
    return _final_refusal(rule, context) or Match(rule, best, tuple(before), len(fitting))


def _with_discount(rule: Rule, coupons: Sequence[Coupon]) -> Sequence[Coupon]:
    """A fixed amount has no percentage, so it passes only where no percentage is asked for."""
    minimum = rule.min_discount_percent
    if minimum is None:
        return coupons
    return [each for each in coupons if (percent := each.discount.percent) is not None and percent >= minimum]


def _first_when(rule: Rule, when: When, ranked: list[Coupon], context: EvaluationContext) -> Coupon | Refusal:
    """The best coupon that the expression says yes to. Only a plain yes is one."""
    variables, error = variables_of(context), None
    for coupon in ranked:
        answer = when.says(with_coupon(variables, coupon, context.now))
        if answer is True:
            return coupon
        error = error or (answer if isinstance(answer, str) else None)
    return Refusal(rule.id, Clause.WHEN, error)


def _first_refusal_without_coupons(rule: Rule, context: EvaluationContext) -> Refusal | None:
    """The first clause that says no of those that need no coupon, but for the last two."""
    if context.merchant is None:
        return Refusal(rule.id, Clause.MERCHANT_KNOWN)
    for clause, says_yes in rule.checks:
        if not says_yes(context):
            return Refusal(rule.id, clause)
    return None


def _final_refusal(rule: Rule, context: EvaluationContext) -> Refusal | None:
    quiet = rule.quiet_hours is not None and is_quiet(rule.quiet_hours, context.local)
    if not is_rolled_out(rule.rollout_percent, rule.id, context.event.user_id):
        return Refusal(rule.id, Clause.ROLLOUT_PERCENT, alone=not quiet)
    return Refusal(rule.id, Clause.QUIET_HOURS, alone=True) if quiet else None
