"""Whom the push API has called gone, in Redis: one key for each user, which expires by itself."""

from contextlib import suppress
from datetime import datetime
from urllib.parse import quote

import msgspec
from redis import asyncio as aioredis

from saving_alerts.adapters.redis_connection import translated_errors
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.gone_devices import GoneDevice

MAX_VALUE_BYTES = 1024  # ours have 300

_devices = Decoder(GoneDevice, MAX_VALUE_BYTES)


class RedisGoneDevices:
    """The GoneDevices port. Without Redis there is no claim either, so nobody is pushed for want of this."""

    def __init__(self, client: aioredis.Redis, key_prefix: str, seconds: float) -> None:
        self._client = client
        self._prefix = key_prefix
        self._milliseconds = round(seconds * 1000)

    async def of(self, user_id: str) -> GoneDevice | None:
        if not self._milliseconds:
            return None
        try:
            with translated_errors():
                raw = await self._client.getrange(self._key(user_id), 0, MAX_VALUE_BYTES)
        except UnavailableError:
            return None
        found = _devices.read(raw)
        return None if isinstance(found, Unreadable) else found

    async def remember(self, user_id: str, reason: str, now: datetime) -> None:
        if not self._milliseconds:
            return
        value = msgspec.json.encode(GoneDevice(now, reason))
        with suppress(UnavailableError), translated_errors():
            await self._client.set(self._key(user_id), value, px=self._milliseconds)

    async def forget(self, user_id: str) -> None:
        with translated_errors():
            await self._client.delete(self._key(user_id))

    def _key(self, user_id: str) -> str:
        return f"{self._prefix}{quote(user_id, safe='')}"
