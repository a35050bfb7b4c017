"""The directory that was accepted last, in one key of Redis, which never expires.

Others can write to Redis: what is no note of ours counts as none, and the next note replaces it.
"""

from typing import cast

import msgspec
from redis import asyncio as aioredis
from redis import exceptions

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.ports.accepted_directory import AcceptedDirectory, Noted

MAX_NOTE_BYTES = 1024  # ours have some 50
OTHER_TYPE = "WRONGTYPE"  # how Redis says that a key holds no text
NO_TEXT = b"\x00no text"  # in the place of what such a key holds; no note is this
NOTHING = "no directory was accepted before"

# Sets KEYS[1] to ARGV[2] if it holds ARGV[1], of which at most ARGV[3] + 1 bytes were read, or ARGV[2] already: the
# driver repeats a call that got no answer.
_REPLACE = """
local found = redis.pcall('GETRANGE', KEYS[1], 0, ARGV[3])
if type(found) == 'table' then
  if not string.find(found.err, 'WRONGTYPE', 1, true) then return found end
  found = ARGV[4]
end
if found == ARGV[2] then return 1 end
if found ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""

_notes = Decoder(AcceptedDirectory, MAX_NOTE_BYTES)


class RedisAcceptedDirectories:
    """The AcceptedDirectories port on one Redis, with a client whose answers are bytes."""

    def __init__(self, client: aioredis.Redis, key: str) -> None:
        self._client = client
        self._key = key
        self._replace = client.register_script(_REPLACE)

    async def last(self) -> Noted:
        with translated_errors():
            raw = await self._raw()
        if not raw:
            return Noted(None, raw, NOTHING)
        note = _notes.read(raw)
        if isinstance(note, Unreadable):
            return Noted(None, raw, f"Redis holds something unreadable at the key {self._key} ({note})")
        return Noted(note, raw)

    async def replace(self, noted: Noted, directory: AcceptedDirectory) -> bool:
        arguments: list[bytes | int] = [noted.raw, msgspec.json.encode(directory), MAX_NOTE_BYTES, NO_TEXT]
        with translated_errors():
            written: int = await self._replace([self._key], arguments)
        return written == 1

    async def accept(self, directory: AcceptedDirectory) -> None:
        with translated_errors():
            await self._client.set(self._key, msgspec.json.encode(directory))

    async def _raw(self) -> bytes:
        try:
            raw = await self._client.getrange(self._key, 0, MAX_NOTE_BYTES)
        except exceptions.ResponseError as error:
            if not str(error).startswith(OTHER_TYPE):
                raise
            return NO_TEXT
        return cast("bytes", raw)  # the client decodes nothing
