"""What is no mistake in a rules file, and hardly what its author meant: workers take it all the same."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.clauses import WEEKDAYS
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules_file.budget_doubts import budget_doubts
from saving_alerts.domain.rules_file.compiler import read_rules
from saving_alerts.domain.rules_file.directory_doubts import Directory
from saving_alerts.domain.rules_file.doubtful_whens import doubts_of
from saving_alerts.domain.rules_file.hidden_rules import hidden_by
from saving_alerts.domain.rules_file.json_reader import read_json
from saving_alerts.domain.rules_file.mistakes import Mistake, Place, line
from saving_alerts.domain.rules_file.schema import RulesDocument

MAX_DOUBTS = 1_000  # nobody reads more


def doubts(
    raw: bytes,
    today: date,
    merchants: Mapping[str, Merchant] | None = None,
    wins: Mapping[str, int] | None = None,
) -> list[str]:
    """Of a file without mistakes: a line for each, with its place. Only enabled rules are looked at.

    `merchants`: the directory, by id. `wins`: how often each rule won in a simulation, by its id. Without them nothing
    is said of what they would show.
    """
    tree = read_json(raw)
    document = RulesDocument.model_validate(tree)
    places: dict[str, Place] = {rule.id: ("rules", number) for number, rule in enumerate(document.rules)}
    rules = read_rules(raw).rules
    known = merchants or {}
    found = [*_in_rules(rules, places, today), *Directory(known).doubts(rules, places), *budget_doubts(document, known)]
    if wins is not None:
        found += _never_won(rules, places, wins)
    return [line(tree, *doubt) for doubt in found[:MAX_DOUBTS]]


def _in_rules(rules: tuple[Rule, ...], places: dict[str, Place], today: date) -> Iterator[Mistake]:
    for number, rule in enumerate(rules):
        place = places[rule.id]
        if (other := hidden_by(rule, rules[:number])) is not None:
            why = f"{other.id} is tried before it and says yes wherever it would"
            yield place, f"can never win: {why}"
        if rule.when is not None:
            for doubt in doubts_of(rule.when.text, rule.event_types, today):
                yield (*place, "when"), doubt
        yield from _in_days(rule, place, today)


def _in_days(rule: Rule, place: Place, today: date) -> Iterator[Mistake]:
    if rule.active_until is not None and rule.active_until < today:
        yield (*place, "active_until"), f"is over: today is {today}"
    if rule.weekdays is None or rule.active_from is None or rule.active_until is None:
        return
    days = min((rule.active_until - rule.active_from).days + 1, len(WEEKDAYS))
    begins = {WEEKDAYS[(rule.active_from + timedelta(days=number)).weekday()] for number in range(days)}
    if not begins & rule.weekdays:
        yield (*place, "weekdays"), f"none of them is between {rule.active_from} and {rule.active_until}"


def _never_won(rules: tuple[Rule, ...], places: dict[str, Place], wins: Mapping[str, int]) -> Iterator[Mistake]:
    for rule in rules:
        if not wins.get(rule.id):
            yield places[rule.id], "won none of the simulated events"
