"""What commands can be given beside a rules file: a merchant directory, and the result of a simulation."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.files import read_file
from saving_alerts.domain.decoding import Count, Decoder, Unreadable
from saving_alerts.domain.merchants import Merchant
from saving_alerts.reference_data.merchants_file import MAX_MERCHANTS_BYTES, MerchantsLimits
from saving_alerts.reference_data.merchants_store import read_directory

# Fewer pushes are as many as foretold, or half as many, by chance.
LEAST_WANTED = 100
MAX_RESULT_BYTES = 16 * 1024 * 1024  # a thousand rules with twelve clauses each have 2 MB


class _Wins(msgspec.Struct, frozen=True):
    after: dict[str, Count]


class _Result(msgspec.Struct, frozen=True):
    """What is read of `simulate --json`."""

    after: str
    wins: _Wins
    candidates: Count = 0


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


def wanted_in(file: Path, version: str) -> float:
    """Of the events with coupons in a simulation of this version, for how many a rule wanted a push.

    Ends the command where that foretells nothing.
    """
    result = _result_in(file, version)
    wanted = sum(result.wins.after.values())
    if wanted < LEAST_WANTED or wanted >= result.candidates:
        told = f"of {result.candidates:,} events with coupons {wanted:,} are to be pushed"
        raise CommandRefusedError(
            f"{file} foretells nothing: {told}, and at least {LEAST_WANTED} are needed, and less than all of them; "
            "simulate more days, or say what you expect with --foretold"
        )
    return wanted / result.candidates


def _result_in(file: Path, version: str) -> _Result:
    result = _results.read(read_file(file, MAX_RESULT_BYTES))
    if isinstance(result, Unreadable):
        raise CommandRefusedError(f"{file} is no result of `simulate --json`: {result}")
    if result.after != version:
        raise CommandRefusedError(
            f"{file} is a simulation of {result.after}, and the file that is checked is {version}"
        )
    return result
