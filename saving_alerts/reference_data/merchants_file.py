"""Reads the merchant directory line by line: a million lines take no more memory than the merchants in them."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.compiler import VERSION_DIGITS
from saving_alerts.domain.rules_file.json_reader import refuse_encoding
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError, printable
from saving_alerts.ports.object_store import MAX_LINE_BYTES
from saving_alerts.reference_data.merchant_line import read_line
from saving_alerts.reference_data.shared_openings import SharedOpenings
from saving_alerts.reference_data.snapshot import Merchants

MAX_NAMED_LINES = 10  # bounds the log line and the refusal on the page
MAX_BAD_LINES = 100  # these defaults are those of the settings, for `merchants check`, which needs none
MAX_LINES = 1_000_000
MAX_MERCHANTS_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class MerchantsLimits:
    """Of one file. `max_named_lines` bounds what is said about it."""

    max_bad_lines: int = MAX_BAD_LINES
    max_lines: int = MAX_LINES
    max_named_lines: int = MAX_NAMED_LINES


class MerchantsFileReader:
    """Takes the lines of `merchants.jsonl` in order. A bad line is left out and counted; the first ones are named.

    Of two lines with one merchant id the last one is used, and is counted as bad. Blank lines are ignored.
    """

    def __init__(self, limits: MerchantsLimits) -> None:
        self.lines = 0
        self.bad_lines = 0
        self.named: list[str] = []
        self._limits = limits
        self._by_id: dict[str, Merchant] = {}
        self._openings = SharedOpenings()
        self._hash = hashlib.sha256()
        self._encoding: str | None = None
        self._last_line_has_end = True

    def take(self, line: bytes) -> None:
        r"""Take the next line, with its `\n`."""
        self.lines += 1
        self._hash.update(line)
        self._last_line_has_end = line.endswith(b"\n") or len(line) > MAX_LINE_BYTES  # longer ones come without it
        if self.lines == 1:
            self._encoding = _wrong_encoding(line)
        if not line.isspace():
            problem = self._add(line)
            if problem is not None:
                self._note_bad_line(problem)

    @property
    def is_refused_already(self) -> bool:
        """Whether no further line can change that."""
        too_many = self._has_too_many_bad_lines or self.lines > self._limits.max_lines
        return too_many or self._encoding is not None

    @property
    def refusal(self) -> str | None:
        """Why the file is refused, with the first bad lines if it is because of them; None if it is not."""
        reason, is_for_lines = self._why()
        return f"{reason}: {'; '.join(self.named)}" if is_for_lines and self.named else reason

    @property
    def reason(self) -> str | None:
        """The same without the lines."""
        return self._why()[0]

    def merchants(self) -> Merchants:
        """The merchants of all good lines. The version is the first 12 hex digits of the SHA-256 of all lines."""
        return Merchants(self.version, self._by_id, self.bad_lines)

    @property
    def version(self) -> str:
        """Of the lines that were taken."""
        return self._hash.hexdigest()[:VERSION_DIGITS]

    @property
    def merchant_count(self) -> int:
        return len(self._by_id)

    @property
    def has_wrong_encoding(self) -> bool:
        """Then no line is what it seems to be."""
        return self._encoding is not None

    @property
    def left_out(self) -> str | None:
        """How many lines were left out, and why the first ones; None if all are in."""
        lines = "1 line was" if self.bad_lines == 1 else f"{self.bad_lines} lines were"
        return f"{lines} left out: {'; '.join(self.named)}" if self.named else None

    def summary(self) -> str:
        return "; ".join([f"{len(self._by_id)} merchants", *([self.left_out] if self.left_out else [])])

    def _why(self) -> tuple[str | None, bool]:
        """The reason, and whether it is for its lines."""
        if self._encoding is not None:
            return self._encoding, False
        if self.lines > self._limits.max_lines:
            return f"more than {self._limits.max_lines} lines", False
        if self._has_too_many_bad_lines:
            return f"more than {self._limits.max_bad_lines} bad lines", True
        if not self._last_line_has_end:
            cut = "the last line has no line break at its end, so the file may have been cut there"
            return f"line {self.lines}: {cut}", False
        return (None, False) if self._by_id else ("no line has a merchant", True)

    @property
    def _has_too_many_bad_lines(self) -> bool:
        return self.bad_lines > self._limits.max_bad_lines

    def _add(self, line: bytes) -> str | None:
        """Add the line's merchant. Returns what is wrong with the line, or None."""
        merchant = read_line(line)
        if isinstance(merchant, str):
            return merchant
        self._openings.share(merchant)
        known = merchant.merchant_id in self._by_id
        self._by_id[merchant.merchant_id] = merchant
        return f"{printable(merchant.merchant_id)} again, the last one counts" if known else None

    def _note_bad_line(self, problem: str) -> None:
        self.bad_lines += 1
        if len(self.named) < self._limits.max_named_lines:
            self.named.append(f"line {self.lines}: {problem}")


def version_of_lines(lines: Iterable[bytes]) -> str:
    """The version of a file with these lines: see `MerchantsFileReader.merchants`."""
    found = hashlib.sha256()
    for line in lines:
        found.update(line)
    return found.hexdigest()[:VERSION_DIGITS]


def _wrong_encoding(first_line: bytes) -> str | None:
    try:
        refuse_encoding(first_line)
    except RulesRefusedError as error:
        return error.mistakes[0]
    return None
