"""The rules in force as a page: what each asks for, what shoppers read, since when it is live, and what it did."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.moments import in_utc
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.messages import Message, render
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.variants import shares
from saving_alerts.ledger.rule_counts import RuleCount, RuleCounts
from saving_alerts.reference_data.document_store import Publication
from saving_alerts.web.explain.rendering import rendered

SAMPLE_PERCENT = 20
SAMPLE_MERCHANT = Merchant(
    merchant_id="sample", names={"en": "Bakery Nord", "de": "Bäckerei Nord", "fr": "Boulangerie Nord"}
)
SAMPLE_TITLES = {"en": "All breads", "de": "Alle Brote", "fr": "Tous les pains"}
MAX_HISTORY = 20  # publications, the last ones
MAX_BUDGETS = 20


@dataclass(frozen=True, slots=True)
class InForce:
    """The rules in S3, the history of their file, and since when each rule is in it.

    `order`: the canary that has a say on them. Whether it is taken back S3 does not know.
    """

    rules: RuleSet
    history: Sequence[Publication]
    live_since: Mapping[str, datetime]
    order: CanaryOrder | None = None


@dataclass(frozen=True, slots=True)
class ShownRule:
    """`texts`: locale, which text it is, title and body.

    `did`: what it did in words; None where nobody has counted or can count.
    """

    id: str
    since: str
    asks: Sequence[tuple[str, str]]
    texts: Sequence[tuple[str, str, str, str]]
    did: Sequence[str] | None


def rules_html(
    in_force: InForce,
    counts: RuleCounts | None,
    now: datetime,
    results: Mapping[str, Sequence[str]] | None = None,
    *,
    has_results: bool = False,
) -> str:
    """`counts` and `results`, by rule, are None where nobody has asked for them: they take a while.

    `has_results`: whether there are any to ask for.
    """
    rules = in_force.rules
    return rendered(
        "rules.html",
        version=rules.version,
        canary=_canary(in_force.order, now),
        at=_moment(now),
        caps=[str(cap) for cap in rules.caps],
        freshness=[f"{kind}: {span.total_seconds() / 60:g} min" for kind, span in sorted(rules.freshness.items())],
        budgets=[f"{name} {budget}" for name, budget in islice(rules.budgets.items(), MAX_BUDGETS)],
        budgets_more=max(0, len(rules.budgets) - MAX_BUDGETS),
        rules=[_shown(rule, in_force, counts, now) for rule in rules.rules],
        results=results,
        has_results=has_results,
        history=[(_moment(each.at), each) for each in reversed(in_force.history[-MAX_HISTORY:])],
        counts=counts,
        counted_since=_moment(counts.since) if counts and counts.since else None,
    )


def _canary(order: CanaryOrder | None, now: datetime) -> str | None:
    if order is None:
        return None
    if order.is_for_everybody(now):
        since = order.ends if order.ended is None else order.ended.at
        return f"Canary {order.id}: everybody has version {order.version} instead, since {_moment(since)}"
    tried = f"Canary {order.id}: version {order.version} is tried on {order.percent:g} % of the users"
    return f"{tried}, until {_moment(order.ends)}, by {order.by}: {order.note}"


def _shown(rule: Rule, in_force: InForce, counts: RuleCounts | None, now: datetime) -> ShownRule:
    since = in_force.live_since.get(rule.id)
    return ShownRule(
        id=rule.id,
        since=_moment(since) if since else "the history does not say",
        asks=list(_asks(rule)),
        texts=list(_texts(rule.message, _sample(now))),
        did=None if counts is None or since is None else _did(counts.by_rule.get(rule.id, RuleCount())),
    )


def _texts(message: Message, coupon: Coupon) -> Iterator[tuple[str, str, str, str]]:
    """Of texts in turn those of every variant, with the share of the users who read it."""
    of_each = shares(message)
    named = [(f", {each.id} for {of_each[each.id]:.0%} of the users", each.message) for each in message.variants]
    for which, text in named or [("", message)]:
        for locale in text.texts:
            yield locale, f"{locale}{which}", *render(text, locale, SAMPLE_MERCHANT, coupon)


def _asks(rule: Rule) -> Iterator[tuple[str, str]]:
    """Each field that says something, as it stands in the file."""
    yield "event_types", ", ".join(sorted(rule.event_types))
    yield "merchants", ", ".join(rule.allow) + (f", but not {', '.join(rule.deny)}" if rule.deny else "")
    fields = {
        "max_distance_m": rule.max_distance_m,
        "min_discount_percent": rule.min_discount_percent,
        "min_app_version": rule.min_app_version,
        "weekdays": ", ".join(rule.weekdays) if rule.weekdays else None,
        "when": rule.when.text if rule.when else None,
    }
    yield from ((name, str(value)) for name, value in fields.items() if value is not None)
    if rule.rollout_percent < 100:  # noqa: PLR2004 - all of them
        yield "rollout_percent", f"{rule.rollout_percent:g}"
    if rule.control:
        yield "control_percent", f"{rule.control.percent:g}"
    yield "rank_coupons_by", str(rule.rank_coupons_by)
    if rule.quiet_hours:
        whose = "its own" if rule.has_own_quiet_hours else "the file's"
        yield "quiet_hours", f"{rule.quiet_hours.start:%H:%M} to {rule.quiet_hours.end:%H:%M}, {whose}"
    else:
        yield "quiet_hours", "none"


def _did(count: RuleCount) -> list[str]:
    ends = [(str(reason), count.ends[reason]) for reason in Reason if count.ends[reason]]
    told = [f"{number:,} {reason}" for reason, number in ends] or ["chosen for no event"]
    return told + [f"{number:,} refused by {clause}" for clause, number in count.refusals.most_common()]


def _sample(now: datetime) -> Coupon:
    return Coupon(
        coupon_id="sample",
        merchant_id=SAMPLE_MERCHANT.merchant_id,
        title=SAMPLE_TITLES,
        discount=Discount(DiscountKind.PERCENT, SAMPLE_PERCENT),
        valid_from=now,
        valid_until=now + timedelta(days=1),
        channel=Channel.BOTH,
        deep_link="https://example.test/sample",
    )


def _moment(moment: datetime) -> str:
    return f"{in_utc(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
