"""What the rules cost: evaluation of a candidate with five coupons against 5, 50 and 500 rules.

python -m benchmarks.rules
"""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.events import App, EventType, PushConsent, SavingEvent
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.evaluation import Match, evaluate, refused_without_coupons
from saving_alerts.domain.rules.evaluation_context import EvaluationContext
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules_file.compiler import read_rules

SEED = 7
ROUNDS = 9
CANDIDATES = 5_000
MERCHANTS = 300
RULE_COUNTS = (5, 50, 500)
KINDS = (EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED, EventType.OFFER_VIEWED, EventType.MERCHANT_FAVOURITED)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)

Case = tuple[EvaluationContext, tuple[Coupon, ...]]


@click.command(help=__doc__)
def main() -> None:
    """Measure the rule sets in turn, several rounds, and print the medians of the processor's time."""
    cases = make_cases(Random(SEED))
    sets = {count: read_rules(make_rules(Random(SEED), count)) for count in RULE_COUNTS}
    full: dict[int, list[float]] = {count: [] for count in sets}
    early: dict[int, list[float]] = {count: [] for count in sets}
    for _ in range(ROUNDS):
        for count, rules in sets.items():
            full[count].append(microseconds(rules, cases))
            early[count].append(microseconds_early(rules, cases))
    table = Table("rules", "evaluate, µs", "early look, µs", "chosen", "refused most often by")
    for count, rules in sets.items():
        table.add_row(str(count), f"{median(full[count]):.1f}", f"{median(early[count]):.1f}", *outcomes(rules, cases))
    Console().print(table)


def microseconds(rules: RuleSet, cases: list[Case]) -> float:
    fresh = [
        (EvaluationContext(each.event, each.merchant, each.now, each.distance_m), coupons) for each, coupons in cases
    ]
    began = time.process_time()
    for context, coupons in fresh:
        evaluate(rules, context, coupons)
    return (time.process_time() - began) / len(fresh) * 1e6


def microseconds_early(rules: RuleSet, cases: list[Case]) -> float:
    fresh = [EvaluationContext(each.event, each.merchant, each.now, each.distance_m) for each, _ in cases]
    began = time.process_time()
    for context in fresh:
        refused_without_coupons(rules, context)
    return (time.process_time() - began) / len(fresh) * 1e6


def outcomes(rules: RuleSet, cases: list[Case]) -> tuple[str, str]:
    results = [evaluate(rules, *case) for case in cases]
    chosen = sum(isinstance(result, Match) for result in results)
    clauses = Counter(str(refusal.clause) for result in results for refusal in result.refusals)
    return f"{chosen / len(cases):.0%}", ", ".join(clause for clause, _ in clauses.most_common(3))


def make_rules(random: Random, count: int) -> bytes:
    """Five for all merchants, then campaigns: most for some merchants by id, some by a pattern. One in twenty has a
    `when`.
    """
    rules = [_rule(random, number) for number in range(count)]
    return json.dumps(
        {
            "caps": [{"per": "user", "pushes": 1, "hours": 24}],
            "quiet_hours": {"from": "22:00", "to": "08:00"},
            "rules": rules,
        }
    ).encode()


def _rule(random: Random, number: int) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "max_distance_m": random.choice((100, 250, 500)),
        "weekdays": random.sample(("monday", "tuesday", "friday", "saturday"), k=3),
        "min_app_version": random.choice(("9.0", "9.4", "10.0")),
        "rollout_percent": random.choice((20, 50, 90)),
        "min_discount_percent": random.choice((10, 20, 30)),
    }
    chosen = random.sample(sorted(fields), k=2)
    return {
        "id": f"rule-{number}",
        "priority": 1_000 - number,
        "event_types": [str(kind) for kind in random.sample(KINDS, k=2)],
        "merchants": {"allow": ["*"] if number < RULE_COUNTS[0] else _allowed(random)},
        **{name: fields[name] for name in chosen},
        **({"when": "coupon.hours_left < 48.0 && local.hour < 20"} if number % 20 == 19 else {}),  # noqa: PLR2004
        "message": {"fallback": "en", "texts": {"en": {"title": "$discount at $merchant", "body": "$coupon"}}},
    }


def _allowed(random: Random) -> list[str]:
    if random.random() < 0.1:  # noqa: PLR2004 - one in ten
        return [f"m-{random.randrange(10)}*"]
    return [f"m-{random.randrange(MERCHANTS)}" for _ in range(3)]


def make_cases(random: Random) -> list[Case]:
    return [_case(random, number) for number in range(CANDIDATES)]


def _case(random: Random, number: int) -> Case:
    merchant_id = f"m-{random.randrange(MERCHANTS)}"
    event = SavingEvent(
        event_id=f"e-{number}",
        schema=1,
        type=random.choice(KINDS),
        user_id=f"u-{number}",
        merchant_id=merchant_id,
        store_id="s-1",
        occurred_at=NOON,
        received_at=NOON,
        timezone=random.choice(("Europe/Berlin", "Europe/Paris", "America/Sao_Paulo")),
        locale="de-DE",
        app=App(random.choice(("8.9.0", "9.4.1", "10.2.0")), "ios"),
        push=PushConsent(consent=True),
    )
    merchant = Merchant(merchant_id=merchant_id, names={"en": "Shop"}, deep_link_hosts=("shop.example",))
    context = EvaluationContext(event, merchant, NOON, random.uniform(0, 600))
    return context, tuple(_coupon(random, merchant_id, number, each) for each in range(5))


def _coupon(random: Random, merchant_id: str, number: int, each: int) -> Coupon:
    kind = DiscountKind.AMOUNT if random.random() < 0.2 else DiscountKind.PERCENT  # noqa: PLR2004 - one in five
    return Coupon(
        coupon_id=f"c-{number}-{each}",
        merchant_id=merchant_id,
        title={"en": "20 % off"},
        discount=Discount(kind, random.choice((5, 10, 15, 20, 30))),
        valid_from=NOON,
        valid_until=NOON + timedelta(hours=random.randrange(1, 200)),
        channel=Channel.BOTH,
        deep_link=f"https://shop.example/coupons/{number}-{each}",
    )


if __name__ == "__main__":
    main()
