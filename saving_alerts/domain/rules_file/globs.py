"""What patterns for merchants have to do with each other, as far as it can be said without a directory."""

from collections.abc import Collection, Sequence

from saving_alerts.domain.rules.index import Globs, is_pattern


def covers(by: Sequence[str], globs: Sequence[str]) -> bool:
    """Whether every merchant of `globs` is one of `by`. False where that cannot be decided."""
    same, prefixes = set(by), {prefix for glob in by if (prefix := prefix_of(glob)) is not None}
    left = [glob for glob in globs if glob not in same and not has_prefix(glob, prefixes)]
    if any(map(is_pattern, left)):
        return False
    others = Globs([glob for glob in by if prefix_of(glob) is None])
    return all(map(others.match, left))


def overlaps(one: str, other: str) -> bool:
    """Whether a merchant can be of both. True where that cannot be decided."""
    if not is_pattern(one):
        return Globs([other]).match(one)
    if not is_pattern(other):
        return Globs([one]).match(other)
    first, second = prefix_of(one), prefix_of(other)
    return first is None or second is None or first.startswith(second) or second.startswith(first)


def prefix_of(glob: str) -> str | None:
    """The text before the `*` of a glob that ends in its only sign; None for any other glob."""
    prefix = glob.removesuffix("*")
    return prefix if prefix != glob and not is_pattern(prefix) else None


def has_prefix(glob: str, prefixes: Collection[str]) -> bool:
    return any(glob[:length] in prefixes for length in range(len(glob) + 1))
