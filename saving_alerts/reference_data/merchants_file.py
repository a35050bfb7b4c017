"""Reads the merchant directory line by line: a million lines take no more memory than the merchants in them."""

import hashlib

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules_file.compiler import VERSION_DIGITS
from saving_alerts.ports.object_store import MAX_LINE_BYTES
from saving_alerts.reference_data.snapshot import Merchants

MAX_NAMED_LINES = 10  # bounds the log line and the refusal on the page

_merchants = Decoder(Merchant, MAX_LINE_BYTES + 1)  # with the end of the line


class MerchantsFileReader:
    """Takes the lines of `merchants.jsonl` in order. A bad line is left out and counted; the first ten are named.

    Of two lines with one merchant id the last one is used, and is counted as bad. Blank lines are ignored.
    """

    def __init__(self, max_bad_lines: int) -> None:
        self.lines = 0
        self._max_bad_lines = max_bad_lines
        self._by_id: dict[str, Merchant] = {}
        self._bad_lines = 0
        self._named: list[str] = []
        self._hash = hashlib.sha256()

    def take(self, line: bytes) -> None:
        r"""Take the next line, with its `\n`."""
        self.lines += 1
        self._hash.update(line)
        if not line.isspace():
            problem = self._add(line)
            if problem is not None:
                self._note_bad_line(problem)

    @property
    def has_too_many_bad_lines(self) -> bool:
        return self._bad_lines > self._max_bad_lines

    @property
    def refusal(self) -> str | None:
        """Why the file is refused; None if it is not."""
        if self.has_too_many_bad_lines:
            return f"more than {self._max_bad_lines} bad lines: {'; '.join(self._named)}"
        if not self._by_id:
            return "; ".join(["no line has a merchant", *self._named])
        return None

    def merchants(self) -> Merchants:
        """The merchants of all good lines. The version is the first 12 hex digits of the SHA-256 of all lines."""
        return Merchants(self._hash.hexdigest()[:VERSION_DIGITS], self._by_id, self._bad_lines)

    def summary(self) -> str:
        found = f"{len(self._by_id)} merchants"
        return f"{found}, {self._bad_lines} bad lines: {'; '.join(self._named)}" if self._named else found

    def _add(self, line: bytes) -> str | None:
        """Add the line's merchant. Returns what is wrong with the line, or None."""
        if len(line.removesuffix(b"\n")) > MAX_LINE_BYTES:
            return f"longer than {MAX_LINE_BYTES} bytes"
        merchant = _merchants.read(line)
        if isinstance(merchant, Unreadable):
            return str(merchant)
        known = merchant.merchant_id in self._by_id
        self._by_id[merchant.merchant_id] = merchant
        return f"{merchant.merchant_id} again, the last one counts" if known else None

    def _note_bad_line(self, problem: str) -> None:
        self._bad_lines += 1
        if len(self._named) < MAX_NAMED_LINES:
            self._named.append(f"line {self.lines}: {problem}")
