"""S3 with a role: nobody gives a worker keys, it gets them for the token that its cluster has put into a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.servers.s3 import EmbeddedS3
from saving_alerts.adapters.s3 import S3ObjectStore, S3Policy
from saving_alerts.ports.errors import PortError

pytestmark = pytest.mark.asyncio

ROLE = "arn:aws:iam::123456789012:role/saving-alerts"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[EmbeddedS3]:
    """A server that is S3 and STS, and an environment like that of a Pod whose ServiceAccount has a role."""
    with EmbeddedS3() as embedded:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        yield embedded


async def test_a_role_is_taken_on_with_the_token_of_the_pod(
    s3: EmbeddedS3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("signed-by-the-cluster")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3.endpoint_url)
    s3.put("rules.json", b"{}")

    async with S3ObjectStore(S3Policy(s3.bucket, s3.endpoint_url)) as store:
        found = await store.fetch("rules.json", None, 1024)

    assert found is not None
    assert found.body == b"{}"


async def test_without_keys_and_without_a_role_it_is_said(s3: EmbeddedS3) -> None:
    async with S3ObjectStore(S3Policy(s3.bucket, s3.endpoint_url)) as store:
        with pytest.raises(PortError, match="redentials"):
            await store.fetch("rules.json", None, 1024)
