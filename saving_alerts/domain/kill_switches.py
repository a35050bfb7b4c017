"""A kill switch stops pushes at once: all, those of a merchant, of a rule, of a version of the rules, or of a canary.

A switch is a record on a topic that others may write to, and releases differ. So whatever stands there and is no
switch of this release stops pushes all the same, until somebody lifts it by its name: silence beats a push that
somebody wanted to stop (docs/adr/0026).
"""

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable, printable

# A reason is a sentence. It stands in every decision that it causes, and on the page.
MAX_SWITCH_BYTES = 16 * 1024
MAX_NAME_CHARACTERS = 160
MAX_TEXT_CHARACTERS = 300
MAX_OTHERS_SHOWN = 3


class KillScope(StrEnum):
    ALL = "all"
    MERCHANT = "merchant"
    RULE = "rule"
    VERSION = "version"  # of the rules that made the alert; releases before 0.2.0 stop everything for it
    CANARY = "canary"  # taken back: its rules are nobody's now, and what they made is not sent; as for a version


class TurnedOn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's: who turned the switch on, when and why. It ends by itself at `until`; never where that is None."""

    reason: str
    by: str
    since: Instant
    until: Instant | None = None

    def stands_at(self, now: datetime) -> bool:
        return self.until is None or now < self.until

    def __str__(self) -> str:
        by, reason = printable(self.by, MAX_TEXT_CHARACTERS), printable(self.reason, MAX_TEXT_CHARACTERS)
        end = "" if self.until is None else f" until {self.until:%Y-%m-%d %H:%M:%S}"
        return f"since {self.since:%Y-%m-%d %H:%M:%S}{end} by {by}: {reason}"


class KillSwitch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One switch that is on: who turned it on, when and why. `id` is of what its scope names, empty for all.

    `others` have turned the same one on, each by a name of its own: it is on while any of them stands. Releases before
    0.2.0 read the first only, and obey it until the record is gone.
    """

    scope: KillScope
    id: str = ""
    reason: str
    by: str
    since: Instant
    until: Instant | None = None
    others: tuple[TurnedOn, ...] = ()

    @property
    def turned_on(self) -> tuple[TurnedOn, ...]:
        first = TurnedOn(reason=self.reason, by=self.by, since=self.since, until=self.until)
        return (first, *self.others)

    @property
    def lasts(self) -> bool:
        """Whether it stays on until somebody lifts it."""
        return any(each.until is None for each in self.turned_on)

    def at(self, now: datetime) -> "KillSwitch | None":
        """Those of it that stand then; None if all have ended."""
        return switch_of(self.scope, self.id, [each for each in self.turned_on if each.stands_at(now)])

    @property
    def key(self) -> str:
        return key_of(self.scope, self.id)

    @property
    def name(self) -> str:
        return name_of(self.key.encode())

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.key,)

    def __str__(self) -> str:
        first, *others = self.turned_on
        also = "".join(f"; also {each}" for each in others[:MAX_OTHERS_SHOWN])
        more = len(others) - MAX_OTHERS_SHOWN
        return f"{self.name} {first}{also}{f'; and {more} more' if more > 0 else ''}"


class UnreadableSwitch(msgspec.Struct, frozen=True, kw_only=True):
    """A record that stands where switches stand, and is none of this release.

    `stops` are the switches that it counts as, by their keys. `before` says which switch of this key was on before it,
    `mend` what to do where lifting it by its name is not it.
    """

    name: str
    problem: str
    stops: tuple[str, ...]
    before: str = ""
    mend: str = ""

    def __str__(self) -> str:
        pushes = "all pushes are" if KEY_OF_ALL in self.stops else f"the pushes of {', '.join(self.stops)} are"
        before = f" Before it: {self.before}." if self.before else ""
        mend = self.mend or f"`saving-alerts kill off {shlex.quote(self.name)}` lifts it"
        return f"{self.name} cannot be read, so {pushes} stopped: {self.problem}.{before} {mend}"


StandingSwitch = KillSwitch | UnreadableSwitch


class _OfAnyScope(msgspec.Struct):
    """The least that tells a switch of a newer release from garbage."""

    scope: str


def switch_of(scope: KillScope, identifier: str, turned_on: Sequence[TurnedOn]) -> KillSwitch | None:
    """The switch that all of them have turned on; None for nobody."""
    if not turned_on:
        return None
    first, *others = turned_on
    return KillSwitch(
        scope=scope,
        id=identifier,
        reason=first.reason,
        by=first.by,
        since=first.since,
        until=first.until,
        others=tuple(others),
    )


def standing_at(switches: Iterable[StandingSwitch], now: datetime) -> list[StandingSwitch]:
    """Those that have not ended, in the same order."""
    found = (each if isinstance(each, UnreadableSwitch) else each.at(now) for each in switches)
    return [each for each in found if each is not None]


_switches = Decoder(KillSwitch, MAX_SWITCH_BYTES)
_of_any_scope = Decoder(_OfAnyScope, MAX_SWITCH_BYTES)


def key_of(scope: KillScope, identifier: str) -> str:
    """The key of the switch's record on its topic, which people read too: `all`, `merchant:m-123`, `rule:coffee`."""
    return str(scope) if scope is KillScope.ALL else f"{scope}:{identifier}"


KEY_OF_ALL = key_of(KillScope.ALL, "")


def names_a_scope(key: str) -> bool:
    """Whether a switch of this release can have the key: `all`, or a scope and an id, like `merchant:m-123`."""
    scope, _, identifier = key.partition(":")
    return key == KEY_OF_ALL or (scope in set(KillScope) - {KillScope.ALL} and bool(identifier))


def name_of(key: bytes | None) -> str:
    """How a person reads and types a key: as it is, or by the hash of its bytes where that cannot be done."""
    text = _text_of(key)
    taken = text in set(KillScope) - {KillScope.ALL} or text.startswith(("key-", "-"))
    if text.isprintable() and 0 < len(text) <= MAX_NAME_CHARACTERS and not taken:
        return text
    return f"key-{hashlib.sha256(key or b'').hexdigest()[:12]}"


def _text_of(key: bytes | None) -> str:
    """Empty for a key that is no text, which therefore names nothing."""
    try:
        return (key or b"").decode()
    except UnicodeDecodeError:
        return ""


def read_switch(key: bytes | None, value: bytes, before: StandingSwitch | None = None) -> StandingSwitch:
    """What a record with a value stands for. Never raises; `before` is what stood under its key.

    A record that fits its key is a switch. One that names another than its key stops both. One of a scope that this
    release does not know, or under a key that names none and with a value that says nothing, stops everything.
    """
    text, found = _text_of(key), _switches.read(value)
    of_key = (text,) if names_a_scope(text) else ()
    if isinstance(found, Unreadable):
        problem, stops = _unknown_scope(value) or (str(found), of_key)
    elif found.key == text and of_key:
        return found
    else:
        problem = f"its key and what it names, {name_of(found.key.encode())}, do not fit"
        stops = (*of_key, found.key) if names_a_scope(found.key) else ()
    return unreadable_switch(key, problem, stops, before)


def unreadable_switch(
    key: bytes | None, problem: str, stops: tuple[str, ...] = (), before: StandingSwitch | None = None
) -> UnreadableSwitch:
    """What stands under the key and is no switch. It stops everything if `stops` is empty."""
    return UnreadableSwitch(name=name_of(key), problem=problem, stops=stops or (KEY_OF_ALL,), before=_in_words(before))


def _unknown_scope(value: bytes) -> tuple[str, tuple[str, ...]] | None:
    """What a switch of a newer release is meant for nobody knows here, whatever its key says: it stops everything."""
    found = _of_any_scope.read(value)
    if isinstance(found, Unreadable) or found.scope in set(KillScope):
        return None
    return f"this release does not know the scope {printable(found.scope, MAX_NAME_CHARACTERS)!r}", (KEY_OF_ALL,)


def _in_words(before: StandingSwitch | None) -> str:
    return before.before if isinstance(before, UnreadableSwitch) else str(before or "")


def by_what_they_stop(standing: Iterable[StandingSwitch]) -> Mapping[str, StandingSwitch]:
    """Each by what it stops. Of several that stop the same a readable one that lasts speaks, else an unreadable one."""
    found: dict[str, StandingSwitch] = {}
    for switch in standing:
        for key in switch.stops:
            if key not in found or _speaks_before(switch, found[key]):
                found[key] = switch
    return found


def _speaks_before(switch: StandingSwitch, other: StandingSwitch) -> bool:
    """One that ends must not hide one that does not."""
    if isinstance(switch, UnreadableSwitch):
        return isinstance(other, KillSwitch) and not other.lasts
    return switch.lasts
