"""What `rules check` can be given beside the file: a merchant directory, and the result of a simulation."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.files import read_file
from saving_alerts.domain.decoding import Count, Decoder, Unreadable
from saving_alerts.domain.merchants import Merchant
from saving_alerts.reference_data.merchants_file import MAX_MERCHANTS_BYTES, MerchantsLimits
from saving_alerts.reference_data.merchants_store import read_directory

MAX_RESULT_BYTES = 16 * 1024 * 1024  # a thousand rules with twelve clauses each have 2 MB


class _Wins(msgspec.Struct, frozen=True):
    after: dict[str, Count]


class _Result(msgspec.Struct, frozen=True):
    """What is read of `simulate --json`."""

    after: str
    wins: _Wins


_results = Decoder(_Result, MAX_RESULT_BYTES)


def merchants_in(file: Path) -> Mapping[str, Merchant]:
    """The merchants of the good lines; a file that workers would refuse ends the command."""
    reader = read_directory(read_file(file, MAX_MERCHANTS_BYTES), MerchantsLimits())
    if reader.refusal is not None:
        raise CommandRefusedError(f"{file} would be refused: {reader.refusal}; see `merchants check {file}`")
    return reader.merchants().by_id


def wins_in(file: Path, version: str) -> Mapping[str, int]:
    """How often each rule won in a simulation of this version; another result ends the command."""
    result = _results.read(read_file(file, MAX_RESULT_BYTES))
    if isinstance(result, Unreadable):
        raise CommandRefusedError(f"{file} is no result of `simulate --json`: {result}")
    if result.after != version:
        raise CommandRefusedError(
            f"{file} is a simulation of {result.after}, and the file that is checked is {version}"
        )
    return result.wins.after
