"""Who turned which kill switch on or off, when and why: what stands beside a switch's record, and a line for people."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable, printable
from saving_alerts.domain.kill_switches import (
    MAX_SWITCH_BYTES,
    MAX_TEXT_CHARACTERS,
    KillSwitch,
    StandingSwitch,
    UnreadableSwitch,
    name_of,
)

ACTION_HEADER = "action"


class Turned(StrEnum):
    ON = "on"
    OFF = "off"


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A header of the record: `of` are those whose switch was lifted."""

    turned: Turned
    by: str
    reason: str
    until: Instant | None = None
    of: tuple[str, ...] = ()

    def headers(self) -> list[tuple[str, bytes]]:
        return [(ACTION_HEADER, msgspec.json.encode(self))]


class Entry(msgspec.Struct, frozen=True):
    """One line of the history. `action` is None where the record does not say who did what."""

    at: datetime
    name: str
    action: Action | None
    before: StandingSwitch | None
    after: StandingSwitch | None

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}  {self.name}  {self._what}"

    @property
    def _what(self) -> str:
        if self.action is not None:
            return _in_words(self.action)
        if isinstance(self.after, UnreadableSwitch):
            return f"on  cannot be read: {self.after.problem}"
        if self.after is not None:
            return f"on  {self.after.turned_on[-1]}"
        lifted = f" (it was on {self.before.turned_on[0]})" if isinstance(self.before, KillSwitch) else ""
        return f"off  nobody noted by whom and why{lifted}"


_actions = Decoder(Action, MAX_SWITCH_BYTES)


def entry_of(
    key: bytes,
    headers: Sequence[tuple[str, bytes | None]],
    at: datetime,
    before: StandingSwitch | None,
    after: StandingSwitch | None,
) -> Entry:
    """Of one record on the topic, with what stood under its key before and after it. Never raises."""
    found = _actions.read(next((value for name, value in headers if name == ACTION_HEADER), None))
    action = None if isinstance(found, Unreadable) else found
    return Entry(at, name_of(key), action, before, after)


def _in_words(action: Action) -> str:
    by, reason = printable(action.by, MAX_TEXT_CHARACTERS), printable(action.reason, MAX_TEXT_CHARACTERS)
    until = f" until {action.until:%Y-%m-%d %H:%M:%S}" if action.until else ""
    names = printable(", ".join(action.of), MAX_TEXT_CHARACTERS)
    of = f" (it was {names}'s)" if action.of else ""
    return f"{action.turned}{until} by {by}: {reason}{of}"
