"""What a fixed share for each partition would leave unused, beside one count for all of them (docs/adr/0056)."""

from random import Random

PARTITIONS = 12
DAYS = 1_000
BUDGETS = (24, 120, 500, 2_000)


def used(budget: int, demand: int, random: Random, *, shares: bool) -> float:
    """Of a day on which so many users, spread by chance, would get a push."""
    if not shares:
        return min(budget, demand) / budget
    whole, more = divmod(budget, PARTITIONS)
    asked = [0] * PARTITIONS
    for _ in range(demand):
        asked[random.randrange(PARTITIONS)] += 1
    return sum(min(each, whole + (number < more)) for number, each in enumerate(asked)) / budget


def rows(random: Random, days: int = DAYS) -> list[str]:
    """As Markdown: what is used of each budget on average, in percent."""
    told = []
    for name, shares in (("a fixed share for each partition", True), ("one count in Redis", False)):
        for times in (1.0, 1.2):
            means = [
                sum(used(budget, round(budget * times), random, shares=shares) for _ in range(days)) / days
                for budget in BUDGETS
            ]
            whose = f"{name}, demand of {times:g} times the budget"
            told.append(f"| {whose} | {' | '.join(f'{100 * mean:.1f} %' for mean in means)} |")
    return told
