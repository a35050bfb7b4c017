"""Rules files that somebody might put into S3 by mistake or by malice; each breaks one good file in one way.

python -m tests.support.broken_rules prints what `rules check` says to each.
"""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from saving_alerts.commands.rules.file import rules_in
from saving_alerts.domain.rules_file.compiler import MAX_RULES_BYTES
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError

Document = dict[str, Any]

GOOD: Document = {
    "caps": [{"per": "user", "pushes": 1, "hours": 24}, {"per": "user_and_merchant", "pushes": 2, "hours": 168}],
    "quiet_hours": {"from": "22:00", "to": "08:00"},
    "freshness_minutes": {"geofence_entered": 5},
    "rules": [
        {
            "id": "at-the-store",
            "enabled": True,
            "priority": 10,
            "event_types": ["geofence_entered", "geofence_dwelled"],
            "merchants": {"allow": ["m-*"], "deny": ["m-9*"]},
            "min_discount_percent": 10,
            "max_distance_m": 250,
            "weekdays": ["monday", "saturday"],
            "quiet_hours": {"from": "20:00", "to": "10:00"},
            "min_app_version": "9.4.0",
            "rollout_percent": 50,
            "rank_coupons_by": "highest_percent",
            "when": "event.app.os == 'ios'",
            "message": {
                "fallback": "en",
                "texts": {
                    "en": {"title": "$discount at $merchant", "body": "$coupon, from $$1"},
                    "de": {"title": "$discount bei $merchant", "body": "$coupon"},
                },
            },
        }
    ],
}
TEXT = json.dumps(GOOD, indent=2, ensure_ascii=False)


def changed(**fields: object) -> bytes:
    """The good file with other fields at the top."""
    return json.dumps(GOOD | fields).encode()


def rule(**fields: object) -> bytes:
    """The good file with other fields in its rule."""
    return changed(rules=[GOOD["rules"][0] | fields])


def text(title: str, body: str = "$coupon") -> bytes:
    return rule(message={"fallback": "en", "texts": {"en": {"title": title, "body": body}}})


def without(name: str) -> bytes:
    document = deepcopy(GOOD)
    del document["rules"][0][name]
    return json.dumps(document).encode()


def written(old: str, new: str) -> bytes:
    """The good file with one place written in another way."""
    if old not in TEXT:
        raise LookupError(old)
    return TEXT.replace(old, new, 1).encode()


LOOPS = "[1,2,3,4,5].all(a,[1,2,3,4,5].all(b,[1,2,3,4,5].all(c,[1,2,3,4,5].all(d,true))))"
MANY_RULES = [GOOD["rules"][0] | {"id": f"r-{number}"} for number in range(1_500)]

BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    # what it is: how to make it, and the beginning of the first message
    "empty": (lambda: b"", "$: the file is empty"),
    "only spaces": (lambda: b" \n\t ", "$: the file is empty"),
    "50 MB": (lambda: b" " * (50 * 1024 * 1024), f"$: more than {MAX_RULES_BYTES} bytes"),
    "UTF-16": (lambda: TEXT.encode("utf-16"), "line 1: saved as UTF-16"),
    "UTF-16 without a mark": (lambda: TEXT.encode("utf-16-le"), "line 1: saved as UTF-16"),
    "a byte order mark": (lambda: TEXT.encode("utf-8-sig"), "line 1, column 1: an invisible byte order mark"),
    "Latin-1": (lambda: TEXT.replace("bei", "für").encode("latin-1"), "line 60, column 34: a sign that is not UTF-8"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1, column 1: a sign that is not UTF-8"),
    "YAML": (lambda: b"caps:\n  - per: user\n", "line 1, column 1: this is not JSON (Expecting value)"),
    "cut in the middle": (TEXT[:400].encode, "line 26, column 7: a text whose closing quote is missing"),
    "a comma too many": (lambda: written('"m-9*"', '"m-9*",'), "line 36, column 9: a comma before a closing bracket"),
    "a comment": (lambda: written('"rules": [', '"rules": [ // ours'), "line 21, column 14: JSON has no comments"),
    "single quotes": (lambda: written('"at-the-store"', "'at-the-store'"), "line 23, column 13: text stands in double"),
    "22:00 without quotes": (lambda: written('"22:00"', "22:00"), "line 15, column 15: a time of day stands in quotes"),
    "22:00 as YAML reads it": (
        lambda: changed(quiet_hours={"from": 1320, "to": "08:00"}),
        '$.quiet_hours.from: a time of day in quotes like "22:00" is expected; if YAML made this number, write "22:00"',
    ),
    "two documents": ((TEXT + TEXT).encode, "line 67, column 2: something follows after the end"),
    "a list": (lambda: b"[]", "$: [] is not what belongs here: fields in { }"),
    "brackets, 100,000 deep": (lambda: b"[" * 100_000, "$: brackets within brackets"),
    "objects, 100,000 deep": (lambda: b'{"rules":' * 100_000, "$: brackets within brackets"),
    "a number with 100,000 digits": (
        lambda: written('"pushes": 1,', f'"pushes": {"9" * 100_000},'),
        "$: a number with",
    ),
    "not a number": (lambda: written('"hours": 24', '"hours": NaN'), "$.caps[0].hours: NaN "),
    "a cap per list": (
        lambda: changed(caps=[GOOD["caps"][0] | {"per": ["user"]}]),
        '$.caps[0].per: ["user"] is none of',
    ),
    "half a character in a when": (lambda: rule(when="\ud83d"), "$.rules[0].when: contains half a character"),
    "brackets, 40 deep": (lambda: changed(caps=json.loads("[" * 40 + "]" * 40)), "$: brackets within brackets, more"),
    "a list of 400,000": (lambda: rule(weekdays=[1] * 400_000), "$.rules[0].weekdays: 400000 entries, and nothing"),
    "a key 100,000 times": (
        lambda: written('"enabled": true', '"enabled": true, ' * 100_000 + '"enabled": true'),
        "$.rules[0].enabled: stands here twice",
    ),
    "60,000 keys twice": (
        lambda: written('"enabled": true', ", ".join(f'"{n}": 1, "{n}": 2' for n in range(60_000))),
        "$.rules[0]: 60013 entries, and nothing in a rules file has more than 1000",
    ),
    "a key twice": (lambda: written('"enabled": true', '"id": "other"'), "$.rules[0].id: stands here twice"),
    "an id twice": (lambda: changed(rules=GOOD["rules"] * 2), "$.rules[1].id: the same id as $.rules[0]"),
    "an unknown field": (
        lambda: rule(min_discont=10),
        "$.rules[0].min_discont: there is no such field; did you mean min_discount_percent? there are: id",
    ),
    "a number in quotes": (lambda: rule(priority="10"), '$.rules[0].priority: "10" is not what belongs here: a whole'),
    "yes in place of true": (
        lambda: rule(enabled="yes"),
        '$.rules[0].enabled: "yes" is not what belongs here: true or',
    ),
    "a list in place of one": (lambda: rule(id=["a"]), '$.rules[0].id: ["a"] is not what belongs here: text in quotes'),
    "no rules": (lambda: changed(rules=[]), "$.rules: must not be empty"),
    "1,500 rules": (lambda: changed(rules=MANY_RULES), "$.rules: 1500 rules, at most 1000 are allowed"),
    "no message": (lambda: without("message"), "$.rules[0].message: missing; write it like"),
    "a fallback without a text": (
        lambda: rule(message=GOOD["rules"][0]["message"] | {"fallback": "fr"}),
        "$.rules[0].message.fallback: there is no text for the fallback locale 'fr': add one, or name one of de, en",
    ),
    "a locale that is none": (
        lambda: written('"de": {', '"deutsch": {'),
        '$.rules[0].message.texts.deutsch: "deutsch" cannot stand here; write it like "de" or "de-AT"',
    ),
    "a placeholder that does not exist": (lambda: text("$name"), "$.rules[0].message.texts.en.title: unknown placeh"),
    "a price in dollars": (lambda: text("only $5"), "$.rules[0].message.texts.en.title: a `$` that starts no placeh"),
    "a format-string attack": (
        lambda: text("{coupon.__class__.__init__.__globals__}"),
        "$.rules[0].message.texts.en.title: {coupon.__class__.__init__.__globals__} would be sent as it stands",
    ),
    "a percent-format attack": (lambda: text("%(x)s"), "$.rules[0].message.texts.en.title: %(x)s would be sent as"),
    "a title without an end": (lambda: text("x" * 400), "$.rules[0].message.texts.en.title: 400 characters without"),
    "a message of a million signs": (lambda: text("x" * 1_000_000), '$.rules[0].message.texts.en.title: "xxxx'),
    "signs that turn the text around": (
        lambda: text("\u202e%05"),
        "$.rules[0].message.texts.en.title: contains the in",
    ),
    "a null sign": (lambda: text("a\u0000b"), "$.rules[0].message.texts.en.title: contains the invisible sign U+0000"),
    "half a character": (lambda: written('"en": {', '"en": {"x": "\\ud83d", '), "$.rules[0].message.texts.en.x: there"),
    "half a character in a text": (lambda: text("\ud83d"), "$.rules[0].message.texts.en.title: contains half a char"),
    "a when that does not compile": (lambda: rule(when="event.type =="), "$.rules[0].when: cannot be read at charac"),
    "a when with a misspelt name": (lambda: rule(when="event.tpye == 'x'"), "$.rules[0].when: there is no event.tpye"),
    "a when without has()": (lambda: rule(when="event.distance_m < 9"), "$.rules[0].when: fails for geofence_dwelled"),
    "a when that is no question": (lambda: rule(when="1 + 1"), "$.rules[0].when: gives int, not yes or no"),
    "a when that loops": (lambda: rule(when=LOOPS), "$.rules[0].when: there are no loops here, so no all()"),
    "a when of 10,000 signs": (lambda: rule(when="true ||" * 1_400 + "true"), '$.rules[0].when: "true'),
    "a when nested too deep": (lambda: rule(when="(" * 200 + "true" + ")" * 200), "$.rules[0].when: is nested too"),
    "a pattern bomb in a when": (
        lambda: rule(when="event.locale.matches('((a{1,1000}){1,1000}){1,1000}')"),
        "$.rules[0].when: fails for geofence_dwelled with everything in it: INVALID_ARGUMENT: invalid regular",
    ),
    "nobody is left": (
        lambda: rule(merchants={"allow": ["m-9*", "m-91"], "deny": ["m-9*"]}),
        "$.rules[0].merchants: every merchant that is allowed is denied too",
    ),
    "a cap that is never reached": (
        lambda: changed(caps=[*GOOD["caps"], {"per": "user", "pushes": 3, "hours": 12}]),
        "$.caps[2]: $.caps[0] is always reached first",
    ),
    "quiet hours without length": (
        lambda: rule(quiet_hours={"from": "08:00", "to": "08:00"}),
        '$.rules[0].quiet_hours: `from` and `to` are the same: write "none" for no quiet hours',
    ),
    "quiet hours that say nothing": (lambda: rule(quiet_hours=None), "$.rules[0].quiet_hours: null says nothing"),
    "a day that is none": (lambda: rule(weekdays=["sonntag"]), '$.rules[0].weekdays[0]: "sonntag" is none of'),
    "a version that is none": (lambda: rule(min_app_version="newest"), "$.rules[0].min_app_version: not a version"),
    "more control than half": (
        lambda: rule(control_percent=51),
        "$.rules[0].control_percent: 51 must be at most 50",
    ),
    "a salt that keeps nobody back": (
        lambda: changed(control_salt="spring"),
        "$.control_salt: nobody is kept back without a control_percent: give one, or leave out the salt",
    ),
    "a rollout to nobody": (lambda: rule(rollout_percent=0), "$.rules[0].rollout_percent: 0 must be more than 0"),
    "a ranking that ranks nothing": (
        lambda: rule(rank_coupons_by="highest_amount"),
        "$.rules[0].rank_coupons_by: min_discount_percent passes over every fixed amount",
    ),
    "an event without a merchant": (
        lambda: rule(event_types=["app_opened"]),
        "$.rules[0].event_types[0]: app_opened happens at no merchant",
    ),
    "a campaign that ends before it begins": (
        lambda: rule(active_from="2026-12-01", active_until="2026-11-30"),
        "$.rules[0].active_until: before active_from, so the rule can never match",
    ),
    "a day of another country": (
        lambda: rule(active_from="24.12.2026"),
        "$.rules[0].active_from: a day in quotes like",
    ),
    "a day that does not exist": (lambda: rule(active_until="2026-02-30"), "$.rules[0].active_until: there is no 2026"),
    "a day without quotes": (
        lambda: rule(active_until=20261224),
        '$.rules[0].active_until: a day in quotes like "2026',
    ),
    "more open minutes than there are": (
        lambda: rule(open_for_minutes=721),
        "$.rules[0].open_for_minutes: 721 must be",
    ),
    "unknown hours of nothing": (lambda: rule(unknown_hours="yes"), "$.rules[0].unknown_hours: says nothing without"),
    "unknown hours that are neither": (
        lambda: rule(open_for_minutes=1, unknown_hours="open"),
        "$.rules[0].unknown_hours: \"open\" is none of 'no' or 'yes'",
    ),
    "a budget of nothing": (
        lambda: rule(budget={"pushes_per_day": 0}),
        "$.rules[0].budget.pushes_per_day: 0 must be at least 1",
    ),
    "a dwell where nobody says it": (
        lambda: rule(min_dwell_seconds=60),
        "$.rules[0].min_dwell_seconds: geofence_entered does not say how long",
    ),
    "letters that move the cursor": (lambda: changed(**{"\x1b[2J\n": 1}), "$.\\x1b[2J\\n: there is no such field"),
}


def mistakes_in(raw: bytes) -> list[str]:
    """What `rules check` says; nothing for a good file."""
    try:
        rules_in(raw)
    except RulesRefusedError as refused:
        return refused.mistakes
    return []


if __name__ == "__main__":
    for name, (make, _) in BROKEN.items():
        print(f"| {name} | {'; '.join(mistakes_in(make()))[:200]} |")  # noqa: T201 - it talks to its reader
