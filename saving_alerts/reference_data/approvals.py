"""Which versions of the rules two people stand behind: who proposed them, and who else approved.

What counts is where an object stands: `rules/by/<user id>/`, where the bucket policy lets that principal write and
nobody else (docs/operating.md, "Four eyes"), and which bytes it is about. A version is too short to name them: two
files with one can be made within a minute. `rules/proposed/` and `rules/approved/` only say where to look: what they
say is believed if the objects are there.
"""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta

from saving_alerts.domain.decoding import Decoder, Instant, Unreadable
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.ports.errors import MissingObjectError
from saving_alerts.ports.identity import ID_PATTERN
from saving_alerts.ports.object_store import ObjectStore

MAX_BYTES = 16 * 1024  # of each of these objects
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
MAX_NOTE_CHARACTERS = 2_000
_Text = Annotated[str, Meta(max_length=MAX_NOTE_CHARACTERS)]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What its author, or who approved, wrote where nobody else can write.

    `sha256` is of the rules file; `onto` is the version that was live when it was proposed.
    """

    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    name: _Text
    note: _Text
    at: Instant
    onto: str | None = None


class _Pair(msgspec.Struct, frozen=True):
    author: Id
    approver: Id


PROPOSALS = Decoder(Proposal, MAX_BYTES)
_pairs = Decoder(_Pair, MAX_BYTES)


class Approvals:
    """Of the rules with this key; it only reads. Every call can raise UnavailableError and RefusedError."""

    def __init__(self, store: ObjectStore, rules_key: str) -> None:
        self._store = store
        self._folder = rules_key.removesuffix(".json")

    async def refusal(self, body: bytes) -> str | None:
        """Why workers must not use the file: nobody but its author stands behind it, if anybody does."""
        version = version_of(body)
        pair = _pairs.read(await self.body(self.at("approved", version)))
        if isinstance(pair, Unreadable):
            return f"version {version}: nobody has approved it; use `rules propose` and `rules approve`"
        if pair.author == pair.approver:
            return f"version {version}: {pair.author} has proposed and approved it: somebody else must approve it"
        for principal, what in ((pair.author, "proposed"), (pair.approver, "approved")):
            written = PROPOSALS.read(await self.body(self.own(principal, version, what)))
            if isinstance(written, Unreadable) or written.sha256 != digest_of(body):
                return f"version {version}: {principal} is said to have {what} it, and has not"
        return None

    async def body(self, key: str) -> bytes | None:
        try:
            stored = await self._store.fetch(key, None, MAX_BYTES)
        except MissingObjectError:
            return None
        return stored.body if stored else None

    def own(self, principal: str, version: str, what: str) -> str:
        return f"{self._folder}/by/{principal}/{version}.{what}.json"

    def at(self, what: str, version: str) -> str:
        return f"{self._folder}/{what}/{version}.json"


def digest_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
