"""The HTTP session of S3's driver, with a limit for every body that the driver itself reads whole."""

from aiobotocore.httpsession import AIOHTTPSession
from aiohttp import ClientPayloadError, ClientResponse, ClientSession

MAX_ANSWER_BYTES = 64 * 1024  # of an error, or of the answer to a write: Amazon's have less than 1 KiB


class _BoundedResponse(ClientResponse):
    """Objects are streamed in chunks, and so pass by this limit: S3ObjectStore has its own for them."""

    async def read(self) -> bytes:
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    self.close()
                    raise ClientPayloadError(
                        f"an answer of more than {MAX_ANSWER_BYTES} bytes with status {self.status}"
                    )
            self._body = bytes(body)
        return self._body


class BoundedSession(AIOHTTPSession):  # type: ignore[misc] # the driver has no types
    """Its bodies that are too long count as broken ones."""

    async def _get_session(self, proxy_url: str | None) -> ClientSession:
        session: ClientSession = await super()._get_session(proxy_url)
        session._response_class = _BoundedResponse  # noqa: SLF001 - the driver makes the session, and leaves no other way
        return session
