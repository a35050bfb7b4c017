"""What a tally says in words: of each rule what came of its pushes, and how it does against control."""

from collections.abc import Iterator

from saving_alerts.domain.results.tally import By, Compared, Counts, Tally
from saving_alerts.domain.uplift.intervals import Arm

LEAST = 0.02  # the smallest difference against control that matters, unless somebody says another


def against_control(found: Tally, days: float, least: float = LEAST) -> Iterator[tuple[str, str]]:
    """Each sentence with the rule that it is about, rule by rule. `days`: how far the tally looks back."""
    for compared in in_order(found):
        rule_id, comparison = compared.rule_id, found.comparison(compared, days, least)
        if comparison is None:
            yield rule_id, f"rule {rule_id}: nobody was kept back as control, so nobody knows whether it helps"
            continue
        arms = f"{_redeemed(comparison.treated)}, of control {_redeemed(comparison.control)}"
        yield rule_id, f"rule {rule_id}, {compared.control_percent:g} % control: of the users redeemed {arms}"
        yield rule_id, f"  {comparison.sentence}"


def in_order(found: Tally) -> list[Compared]:
    return sorted(found.arms, key=lambda each: (each.rule_id, each.control_percent or 0))


def lines_by_rule(found: Tally, days: float) -> dict[str, list[str]]:
    """Of each rule its pushes, those of each text in turn, and the sentences against control."""
    lines: dict[str, list[str]] = {}
    for row, counts in sorted(found.rows.items()):
        if row.by in (By.RULE, By.TEXT):
            of_which = f"text {row.value}: " if row.by is By.TEXT else ""
            lines.setdefault(row.rule_id, []).append(of_which + _counted(counts))
    for rule_id, told in against_control(found, days):
        lines.setdefault(rule_id, []).append(told.strip())
    return lines


def _counted(counts: Counts) -> str:
    opened, redeemed = (f"{part:,} ({part / counts.pushes:.1%})" for part in (counts.opened, counts.redeemed))
    return f"{counts.pushes:,} pushes, opened {opened}, redeemed {redeemed}"


def _redeemed(arm: Arm) -> str:
    return f"{arm.successes:,} of {arm.users:,} ({arm.rate:.1%})"
