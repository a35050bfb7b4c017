"""Claims over TLS, with a password: what an address has to say, and what is refused."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from demo.servers.free_port import FreePort
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Granted, Reservation
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.contracts.throttle_servers import NamedRedis, redis_7
from tests.support.certificates import Authority, Certificate
from tests.support.fakes.metrics import RecordingMetrics

PASSWORD = "p@ss/word"  # to be quoted in an address
QUOTED_PASSWORD = "p%40ss%2Fword"

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"), "ours")


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Path:
    """The authority's."""
    return authority.ca_file


@pytest.fixture(scope="module")
def ports() -> Iterator[tuple[int, int]]:
    """Of the server, and of one whose certificate has expired."""
    held = FreePort(), FreePort()
    yield held[0].number, held[1].number
    for port in held:
        port.close()


def tls(port: int, certificate: Certificate) -> list[str]:
    files = ["--tls-cert-file", str(certificate.certificate), "--tls-key-file", str(certificate.key)]
    return ["--tls-port", str(port), *files, "--tls-auth-clients", "no"]


@pytest_asyncio.fixture(scope="module")
async def server(authority: Authority, ports: tuple[int, int]) -> AsyncIterator[NamedRedis]:
    """Valkey's package has no TLS, Debian's Redis 7 has."""
    good = tls(ports[0], authority.issue("redis", "127.0.0.1"))
    expired = tls(ports[1], authority.issue("expired", "127.0.0.1", expired=True))
    with NamedRedis(redis_7(), *good) as redis, NamedRedis(redis_7(), *expired):
        async with connect(redis.url, timeout_seconds=5, max_connections=1) as administrator:
            await administrator.config_set("requirepass", PASSWORD)
        yield redis


@pytest.fixture
def address(server: NamedRedis, ports: tuple[int, int]) -> str:
    return f"127.0.0.1:{ports[0]}/0"


async def reserve(url: str) -> Reservation:
    async with connect(url, timeout_seconds=5, max_connections=1) as client:
        throttle = RedisThrottle(client, ThrottlePolicy(LEASE_SECONDS, KEY_PREFIX), RecordingMetrics())
        return await throttle.reserve(claim_of(1, number=1), (DAILY,))


async def test_an_address_with_password_and_authority_reaches_a_redis_with_tls(address: str, certificate: Path) -> None:
    answer = await reserve(f"rediss://:{QUOTED_PASSWORD}@{address}?ssl_ca_certs={certificate}")

    assert isinstance(answer, Granted)


async def test_authorities_known_to_the_machine_need_no_word_in_the_address(
    address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert isinstance(await reserve(f"rediss://:{QUOTED_PASSWORD}@{address}"), Granted)


async def test_a_server_with_an_unknown_certificate_is_not_talked_to(address: str) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached") as raised:
        await reserve(f"rediss://:{QUOTED_PASSWORD}@{address}")

    assert "name its authority's file in ssl_ca_certs of SAVING_ALERTS_REDIS_URL" in str(raised.value)


async def test_nor_is_one_that_another_authority_has_signed(address: str, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")

    with pytest.raises(UnavailableError, match="nobody whom we trust has signed its certificate"):
        await reserve(f"rediss://:{QUOTED_PASSWORD}@{address}?ssl_ca_certs={other.ca_file}")


async def test_a_certificate_for_another_name_is_not_enough(address: str, certificate: Path) -> None:
    elsewhere = address.replace("127.0.0.1", "localhost")

    with pytest.raises(
        UnavailableError, match=r"for another name .*: name it as its certificate does in SAVING_ALERTS"
    ):
        await reserve(f"rediss://:{QUOTED_PASSWORD}@{elsewhere}?ssl_ca_certs={certificate}")


async def test_a_certificate_that_has_expired_is_named(
    server: NamedRedis, ports: tuple[int, int], certificate: Path
) -> None:
    with pytest.raises(UnavailableError, match=r"certificate has expired.*: renew it on the server"):
        await reserve(f"rediss://127.0.0.1:{ports[1]}/0?ssl_ca_certs={certificate}")


@pytest.mark.parametrize("login", ["", ":wrong@"], ids=["none", "wrong"])
async def test_without_the_password_the_login_is_refused(address: str, certificate: Path, login: str) -> None:
    with pytest.raises(UnavailableError, match="refuses our login"):
        await reserve(f"rediss://{login}{address}?ssl_ca_certs={certificate}")


async def test_plain_text_to_a_port_with_tls_is_not_answered(address: str) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await reserve(f"redis://:{QUOTED_PASSWORD}@{address}")
