"""How people propose and approve rules: the commands write what workers read with `approvals.py`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.rules_file.compiler import version_of
from saving_alerts.ports.identity import Principal
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.reference_data.approvals import MAX_BYTES, PROPOSALS, Approvals, Id, Proposal, digest_of


class NotApprovedError(Exception):
    """Nobody may act on it so. The text says why, and what to do."""


class _Author(msgspec.Struct, frozen=True):
    author: Id


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal, whose it is, and the file."""

    body: bytes
    version: str
    author: str
    proposal: Proposal


_authors = Decoder(_Author, MAX_BYTES)


class Proposals(Approvals):
    """Of the rules with this key. Every call can raise UnavailableError and RefusedError, as the store does."""

    def __init__(self, store: ObjectStore, rules_key: str) -> None:
        super().__init__(store, rules_key)
        self._writable = store

    async def propose(self, body: bytes, by: Principal, note: str, onto: str | None, now: datetime) -> None:
        version = version_of(body)
        written = Proposal(sha256=digest_of(body), name=by.name, note=note, at=now, onto=onto)
        await self._put(self.own(by.id, version, "proposed"), written)
        await self._put(self.at("proposed", version), {"author": by.id})

    async def proposed(self, body: bytes) -> Proposed:
        """Raises NotApprovedError where nobody has proposed this file."""
        version = version_of(body)
        pointed = _authors.read(await self.body(self.at("proposed", version)))
        if isinstance(pointed, Unreadable):
            raise NotApprovedError(f"nobody has proposed {version}: use `rules propose`")
        proposal = PROPOSALS.read(await self.body(self.own(pointed.author, version, "proposed")))
        if isinstance(proposal, Unreadable):
            raise NotApprovedError(f"{pointed.author} is said to have proposed {version}, and has not: {proposal}")
        if proposal.sha256 != digest_of(body):
            raise NotApprovedError(f"{pointed.author} has proposed another file with the version {version}")
        return Proposed(body, version, pointed.author, proposal)

    async def approve(self, proposed: Proposed, by: Principal, now: datetime) -> None:
        """Raises NotApprovedError for the author."""
        refuse_author(proposed, by)
        note = f"approved what {proposed.author} proposed"
        digest, onto = digest_of(proposed.body), proposed.proposal.onto
        written = Proposal(sha256=digest, name=by.name, note=note, at=now, onto=onto)
        await self._put(self.own(by.id, proposed.version, "approved"), written)
        await self._put(self.at("approved", proposed.version), {"author": proposed.author, "approver": by.id})

    async def _put(self, key: str, value: Proposal | Mapping[str, str]) -> None:
        await self._writable.put(key, msgspec.json.encode(value))


def refuse_author(proposed: Proposed, by: Principal) -> None:
    """Raises NotApprovedError for who proposed it."""
    if by.id == proposed.author:
        raise NotApprovedError(f"{by.name} has proposed {proposed.version}: somebody else must approve it")
