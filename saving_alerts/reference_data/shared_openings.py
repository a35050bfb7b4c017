"""Opening hours that many stores have are kept once: a directory may have a million merchants."""

from collections.abc import Hashable
from typing import TypeVar

import msgspec

from saving_alerts.domain.merchants import Merchant, Store
from saving_alerts.domain.opening_hours import Opening

MAX_KEPT = 100_000  # of each kind: bounds what is remembered while a file is read; the others are not shared
Value = TypeVar("Value", bound=Hashable)


class SharedOpenings:
    """Of one file, while it is read."""

    def __init__(self) -> None:
        self._openings: dict[Opening, Opening] = {}
        self._parts: dict[Hashable, Hashable] = {}

    def share(self, merchant: Merchant) -> None:
        """Equal openings of all merchants that were given become one object. Nobody else may have seen it yet."""
        self._share(merchant)
        for store in merchant.stores:
            self._share(store)

    def _share(self, holder: Merchant | Store) -> None:
        opening = holder.opening
        if opening is None:
            return
        known = self._openings.get(opening)
        if known is None:
            known = self._of_parts(opening)
            if len(self._openings) < MAX_KEPT:
                self._openings[known] = known
        msgspec.structs.force_setattr(holder, "opening", known)

    def _of_parts(self, opening: Opening) -> Opening:
        """Zones, weeks and days come again where the whole does not."""
        days = tuple(map(self._known, opening.closed_days))
        hours = None if opening.hours is None else self._known(opening.hours)
        timezone = None if opening.timezone is None else self._known(opening.timezone)
        return Opening(timezone=timezone, hours=hours, closed_days=self._known(days))

    def _known(self, part: Value) -> Value:
        if len(self._parts) >= MAX_KEPT:
            return self._parts.get(part, part)  # type: ignore[return-value] # equal ones have one type
        return self._parts.setdefault(part, part)  # type: ignore[return-value]
