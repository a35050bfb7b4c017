"""Whose AWS credentials these are: STS says it, for IAM users, assumed roles, and roles taken with an OIDC token."""

import asyncio
import re
from typing import Protocol

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from saving_alerts.adapters.s3_errors import readable, translated
from saving_alerts.adapters.s3_session import BoundedSession
from saving_alerts.domain.decoding import printable
from saving_alerts.ports.errors import RefusedError
from saving_alerts.ports.identity import ID_PATTERN, Principal

TIMEOUT_SECONDS = 20  # for all attempts; a person waits for it
ATTEMPTS = 3


class _Client(Protocol):
    async def get_caller_identity(self) -> dict[str, object]: ...


class StsIdentity:
    """The Identity port. Credentials come from the usual AWS variables, as for S3."""

    def __init__(self, endpoint_url: str | None = None) -> None:
        self._endpoint_url = endpoint_url

    async def caller(self) -> Principal:
        with translated("STS"):
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._answer()
        return _principal(answer.get("UserId"), answer.get("Arn"))

    async def _answer(self) -> dict[str, object]:
        config = AioConfig(
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"}, http_session_cls=BoundedSession
        )
        opening = AioSession().create_client("sts", endpoint_url=self._endpoint_url, config=config)
        async with opening as opened:
            client: _Client = opened
            with readable("STS"):
                return await client.get_caller_identity()


def _principal(user_id: object, arn: object) -> Principal:
    if not isinstance(user_id, str) or not re.fullmatch(ID_PATTERN, user_id) or not isinstance(arn, str):
        raise RefusedError(f"STS: an answer without a usable user id: {printable(str(user_id), 100)}")
    return Principal(user_id, printable(arn))
