"""Typical mistakes of people who write rules, and rules that are hardly what was meant, with what `rules check` says.

python -m tests.support.doubtful_rules prints both tables.
"""

import json
from copy import deepcopy
from datetime import date
from typing import Any

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.doubts import doubts
from tests.support.broken_rules import GOOD, mistakes_in, rule, text, written

TODAY = date(2026, 11, 27)
LONG_NAME = "Gesellschaft für gepflegte Kaffeehauskultur am Rande der Stadt"  # 62 characters
MERCHANTS = {
    merchant_id: Merchant(merchant_id=merchant_id, names={"en": name})
    for merchant_id, name in (("m-1", "Shop"), ("m-123", LONG_NAME), ("x-1", "Other"))
}
CUT = {"title": "Only today at $merchant: $discount", "body": "$coupon"}
PLAIN: dict[str, Any] = {name: GOOD["rules"][0][name] for name in ("id", "event_types", "message")}


def when(expression: str) -> bytes:
    return rule(when=expression)


def rules(*changes: dict[str, Any]) -> bytes:
    """Rules that differ from a plain one in these fields."""
    made = [PLAIN | {"id": f"r-{number}"} | change for number, change in enumerate(changes)]
    return json.dumps({"caps": deepcopy(GOOD["caps"]), "rules": made}).encode()


TYPICAL: dict[str, tuple[bytes, str]] = {
    # what it is: the file, and what `rules check` says somewhere in its line
    "and": (when("event.app.os == 'ios' and local.hour > 11"), "write && for and"),
    "or": (when("event.app.os == 'ios' OR local.hour > 11"), "write || for or"),
    "not": (when("not has(coupon.remaining)"), "write ! for not"),
    "not in": (when("local.weekday not in ['monday']"), "write !(a in b) for a not in b"),
    "=": (when("event.app.os = 'ios'"), "write == to compare"),
    "===": (when("event.app.os === 'ios'"), "write == to compare"),
    "<>": (when("event.app.os <> 'ios'"), "write != for unequal"),
    "=>": (when("local.hour => 11"), "write >= and <="),
    "between": (when("local.hour between 11 and 14"), "write both ends, like local.hour >= 11 && local.hour < 14"),
    "a list in round brackets": (when("local.weekday in ('saturday', 'sunday')"), "lists stand in [ ]"),
    "a text without quotes": (when("local.weekday == saturday"), "texts stand in quotes: 'saturday'"),
    "a number in quotes": (when("local.hour >= '11'"), "numbers stand without quotes"),
    "curly quotes": (when("event.app.os == \u2018ios\u2019"), "write straight quotes, like 'ios'"),
    "a percent sign": (when("coupon.discount.amount >= 20%"), "write percentages as numbers"),
    "a comma in a number": (when("coupon.discount.amount > 12,5"), "write a point in a number, like 12.5"),
    "the discount as a number": (when("coupon.discount >= 20"), "compare coupon.discount.amount"),
    "a field without what it is in": (when("weekday == 'monday'"), "did you mean local.weekday?"),
    "a misspelt name": (
        when("event.app.os_version == '17'"),
        "there is no event.app.os_version; did you mean",
    ),
    "an optional field": (when("coupon.remaining < 10"), "ask first, like has(coupon.remaining) && coupon.remaining"),
    "small letters": (when("event.app.os.toLowerCase() == 'ios'"), "there is matches(), like"),
    "a misspelt field": (rule(min_discount=10), "there is no such field; did you mean min_discount_percent?"),
    "a budget by another name": (
        rule(budgets={"pushes_per_day": 10}),
        "there is no such field; did you mean budget?",
    ),
    "a field in capitals": (rule(maxDistanceM=100), "there is no such field; did you mean max_distance_m?"),
    "a placeholder of another program": (text("{merchant}"), "{merchant} would be sent as it stands"),
    "a day in capitals": (rule(weekdays=["Monday"]), "is none of 'monday'"),
    "a German date": (rule(active_from="24.12.2026"), 'a day in quotes like "2026-12-24" is expected'),
    "a time without quotes": (written('"22:00"', "22:00"), 'a time of day stands in quotes, like "22:00"'),
}

DOUBTFUL: dict[str, tuple[bytes, str]] = {
    # what it is: the file, and the beginning of what `rules check --merchants` says, first of all
    "a pattern that matches nobody": (
        rules({"merchants": {"allow": ["m-1*", "food-*"]}}),
        '$.rules[0].merchants.allow[1]: "food-*" is none of the 3 merchants in the directory (rule "r-0")',
    ),
    "a merchant that is gone": (
        rules({"merchants": {"deny": ["m-9"]}}),
        '$.rules[0].merchants.deny[0]: "m-9" is none of the 3 merchants',
    ),
    "a rule behind one for all": (
        rules({"min_discount_percent": 10}, {"min_discount_percent": 20, "merchants": {"allow": ["m-1"]}}),
        "$.rules[1]: can never win: r-0 is tried before it and says yes wherever it would",
    ),
    "a campaign with too late a priority": (
        rules({"priority": 9, "active_from": "2026-12-01"}, {"priority": 1}),
        "$.rules[0]: can never win: r-1 is tried before it",
    ),
    "a weekday in capitals": (
        rules({"when": "local.weekday == 'Monday'"}),
        "$.rules[0].when: local.weekday is never 'Monday': did you mean monday",
    ),
    "weekdays in German": (
        rules({"when": "local.weekday in ['samstag', 'sunday']"}),
        "$.rules[0].when: local.weekday is never 'samstag': it is one of monday, ",
    ),
    "a German date": (
        rules({"when": "local.date >= '24.12.2026'"}),
        "$.rules[0].when: local.date is never '24.12.2026': days are written like '2026-12-24'",
    ),
    "a day that does not exist": (rules({"when": "'2026-11-31' > local.date"}), "$.rules[0].when: local.date is never"),
    "a campaign of last year": (
        rules({"when": "local.date >= '2025-11-30' && local.date <= '2025-12-24'"}),
        "$.rules[0].when: local.date <= '2025-12-24' never holds any more: today is 2026-11-27",
    ),
    "an hour that no clock shows": (
        rules({"when": "local.hour < 24"}),
        "$.rules[0].when: local.hour is from 0 to 23: < 24 is always the same",
    ),
    "a version as a text": (
        rules({"when": "event.app.version >= '9.4'"}),
        "$.rules[0].when: compares versions as texts, so 10.0 is less than 9.4: use min_app_version",
    ),
    "the discount as a text": (
        rules({"when": "coupon.discount == 'percent'"}),
        "$.rules[0].when: compares coupon.discount, which has fields",
    ),
    "an event that it does not listen to": (
        rules({"when": "event.type == 'offer_viewed'"}),
        "$.rules[0].when: event.type is never 'offer_viewed': it is one of geofence_dwelled, geofence_entered",
    ),
    "a currency in small letters": (
        rules({"when": "has(coupon.discount.currency) && coupon.discount.currency == 'eur'"}),
        "$.rules[0].when: coupon.discount.currency is never 'eur': currencies are written like 'EUR'",
    ),
    "a text that is cut": (
        rules(
            {
                "message": {
                    "fallback": "en",
                    "texts": {"en": CUT},
                }
            }
        ),
        "$.rules[0].message.texts.en.title: 85 characters at m-123, with its name",
    ),
    "a budget in a day of UTC": (
        rules({"budget": {"pushes_per_day": 500}}),
        '$.rules[0].budget: its day begins at midnight of UTC: say timezone (rule "r-0")',
    ),
    "a campaign that is over": (
        rules({"active_until": "2026-11-26"}),
        "$.rules[0].active_until: is over: today is 2026-11-27",
    ),
    "weekdays that do not come": (
        rules({"active_from": "2026-11-30", "active_until": "2026-12-01", "weekdays": ["sunday"]}),
        "$.rules[0].weekdays: none of them is between 2026-11-30 and 2026-12-01",
    ),
    "hours that nobody has": (
        rules({"open_for_minutes": 15}),
        "$.rules[0].open_for_minutes: the directory has no hours of any merchant that is allowed",
    ),
}


def doubts_in(raw: bytes) -> list[str]:
    return doubts(raw, TODAY, MERCHANTS)


if __name__ == "__main__":
    for name, (raw, _) in TYPICAL.items():
        print(f"| {name} | {'; '.join(mistakes_in(raw))[:200]} |")  # noqa: T201 - it talks to its reader
    for name, (raw, _) in DOUBTFUL.items():
        print(f"| {name} | {'; '.join(doubts_in(raw))[:200]} |")  # noqa: T201
