"""What commands can be given beside a rules file: a merchant directory, and the result of a simulation."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.files import read_file
from saving_alerts.domain.canary.order import LEAST_RATE, MOST_RATE, Foretold
from saving_alerts.domain.decoding import Count, Decoder, Unreadable
from saving_alerts.domain.merchants import Merchant
from saving_alerts.reference_data.merchants_file import MAX_MERCHANTS_BYTES, MerchantsLimits
from saving_alerts.reference_data.merchants_store import read_directory

# Fewer pushes are as many as foretold, or half as many, by chance.
LEAST_WANTED = 100
MAX_RESULT_BYTES = 16 * 1024 * 1024  # a thousand rules with twelve clauses each have 2 MB


class _Wins(msgspec.Struct, frozen=True):
    after: dict[str, Count]


class _Evaluated(msgspec.Struct, frozen=True):
    events: Count
    wanted: Count
    when_errors: Count


class _After(msgspec.Struct, frozen=True):
    after: _Evaluated


class _Result(msgspec.Struct, frozen=True):
    """What is read of `simulate --json`. Older releases do not say what was evaluated."""

    after: str
    wins: _Wins
    evaluated: _After | None = None


_results = Decoder(_Result, MAX_RESULT_BYTES)


def merchants_in(file: Path) -> Mapping[str, Merchant]:
    """The merchants of the good lines; a file that workers would refuse ends the command."""
    reader = read_directory(read_file(file, MAX_MERCHANTS_BYTES), MerchantsLimits())
    if reader.refusal is not None:
        raise CommandRefusedError(f"{file} would be refused: {reader.refusal}; see `merchants check {file}`")
    return reader.merchants().by_id


def wins_in(file: Path, version: str) -> Mapping[str, int]:
    """How often each rule won in a simulation of this version; another result ends the command."""
    return _result_in(file, version).wins.after


def foretold_in(file: Path, version: str) -> Foretold:
    """What a simulation of this version foretells; ends the command where that is nothing."""
    result = _result_in(file, version)
    if result.evaluated is None:
        raise CommandRefusedError(f"{file} is of an older release, and does not say enough: simulate again")
    found = result.evaluated.after
    if found.wanted < LEAST_WANTED or found.when_errors > found.events or not _can_be_guarded(found):
        told = f"of {found.events:,} events with coupons {found.wanted:,} are to be pushed"
        raise CommandRefusedError(
            f"{file} foretells nothing: {told}, and at least {LEAST_WANTED} are needed, and fewer than nearly all; "
            "simulate more days, or say what you expect with --foretold"
        )
    foretold = Foretold(pushes=found.wanted / found.events)
    return msgspec.structs.replace(
        foretold, when_errors=foretold.when_errors.or_as_usual(found.when_errors / found.events)
    )


def _can_be_guarded(found: _Evaluated) -> bool:
    return LEAST_RATE * found.events <= found.wanted <= MOST_RATE * found.events


def _result_in(file: Path, version: str) -> _Result:
    result = _results.read(read_file(file, MAX_RESULT_BYTES))
    if isinstance(result, Unreadable):
        raise CommandRefusedError(f"{file} is no result of `simulate --json`: {result}")
    if result.after != version:
        raise CommandRefusedError(
            f"{file} is a simulation of {result.after}, and the file that is checked is {version}"
        )
    return result
