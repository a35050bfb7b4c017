"""What is doubtful in budgets: merchants that nobody knows, days that nobody has named, hours of the night."""

from collections.abc import Iterator, Mapping

from saving_alerts.domain.budgets import Budget, openings_of, zone_name
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.budget_schema import BudgetDocument
from saving_alerts.domain.rules_file.mistakes import Mistake, Place
from saving_alerts.domain.rules_file.schema import NO_QUIET_HOURS, RulesDocument

_OF_UTC = "its day begins at midnight of UTC: say timezone"


def budget_doubts(document: RulesDocument, merchants: Mapping[str, Merchant]) -> Iterator[Mistake]:
    """`merchants`: the directory, by id; empty: not known."""
    for merchant_id, budget in document.merchant_budgets.items():
        if merchants:
            yield from _of_merchant(
                ("merchant_budgets", merchant_id), budget, merchants.get(merchant_id), len(merchants)
            )
    for number, rule in enumerate(document.rules):
        if rule.enabled and rule.budget is not None:
            quiet = rule.quiet_hours if rule.quiet_hours is not None else document.quiet_hours
            yield from _of_rule(("rules", number, "budget"), rule.budget, is_quiet=quiet not in {None, NO_QUIET_HOURS})


def _of_merchant(place: Place, budget: BudgetDocument, merchant: Merchant | None, known: int) -> Iterator[Mistake]:
    if merchant is None:
        yield place, f"is none of the {known:,} merchants in the directory"
        return
    openings = openings_of(merchant)
    if zone_name(Budget(budget.pushes_per_day, budget.timezone), openings) is None:
        why = "its stores are in several zones" if openings else "the directory has no hours of its stores"
        yield place, f"{why}, so {_OF_UTC}"
    if budget.hours is None and not openings:
        yield place, "the directory has no hours of its stores, so it is spread over all 24: say hours"


def _of_rule(place: Place, budget: BudgetDocument, *, is_quiet: bool) -> Iterator[Mistake]:
    if budget.timezone is None:
        yield place, _OF_UTC
    if budget.hours is None and is_quiet:
        yield place, "it is spread over all 24 hours, the quiet ones too: say hours"
