"""An order to erase the user, which the partition's owner carries out step by step (docs/claims.md, rule 10)."""

from collections.abc import Iterator

from tests.claims_model import redis
from tests.claims_model.state import STRENGTH, Rules, State, Step, stronger

Steps = Iterator[Step]


def erasing(rules: Rules, state: State) -> Steps:
    """Beside the events of the user, at any time: nothing here relies on a dispatch that waits."""
    match state.order:
        case "" if state.left.erasures:
            left = state.left._replace(erasures=state.left.erasures - 1)
            yield "the user is to be ERASED", state._replace(order="waits", left=left)
        case "waits":
            erased = redis.erase(rules, state)
            if erased is not None:
                yield "erases the claims", erased._replace(order="claims erased")
        case "claims erased":
            first = _with_tokens if rules.tokens_before_tombstones else _with_tombstones
            yield "erases the rows, first half", first(rules, state)._replace(order="rows erased")
        case "rows erased":
            second = _with_tombstones if rules.tokens_before_tombstones else _with_tokens
            yield "erases the rows, second half", second(rules, state)._replace(order="done")


def _with_tokens(rules: Rules, state: State) -> State:
    """Durable at once: a token is written for all that the owner knows, also for what is not flushed yet."""
    if not rules.erased_row_stays:
        return state
    rows = zip(state.tokens, state.tables[state.owner], strict=True)
    return state._replace(tokens=tuple(stronger(token, row) for token, row in rows))


def _with_tombstones(rules: Rules, state: State) -> State:
    """A tombstone names one row, so what another worker has written since stays until the order is given again."""
    if not (rules.erased_row_stays and rules.tokens_before_tombstones):
        return state._replace(changelog=("", ""))
    rows = zip(state.changelog, state.tokens, strict=True)
    return state._replace(changelog=tuple("" if STRENGTH[token] >= STRENGTH[row] else row for row, token in rows))


def interrupted(rules: Rules, state: State) -> State:
    """The next owner reads the order as it stands: from the beginning, unless it was taken off before its work."""
    if state.order not in ("waits", "claims erased", "rows erased"):
        return state
    is_lost = state.order != "waits" and not rules.order_goes_last
    return state._replace(order="lost" if is_lost else "waits")
