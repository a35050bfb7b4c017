"""Claims over TLS, with a password: what an address has to say, and what is refused."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from demo.servers.free_port import FreePort
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.adapters.redis_throttle import RedisThrottle, ThrottlePolicy
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.throttle import Granted, Reservation
from tests.contracts.throttle_harness import DAILY, KEY_PREFIX, LEASE_SECONDS, claim_of
from tests.contracts.throttle_servers import NamedRedis, redis_7
from tests.support.fakes.metrics import RecordingMetrics

PASSWORD = "p@ss/word"  # to be quoted in an address
QUOTED_PASSWORD = "p%40ss%2Fword"
VALID_FOR = timedelta(hours=1)

pytestmark = pytest.mark.asyncio


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's certificate for 127.0.0.1 that is its own authority, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a Redis of the tests")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - VALID_FOR).not_valid_after(now + VALID_FOR)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture(scope="module")
def tls_port() -> Iterator[int]:
    port = FreePort()
    yield port.number
    port.close()


@pytest_asyncio.fixture(scope="module")
async def server(certificate: Path, tls_port: int) -> AsyncIterator[NamedRedis]:
    """Valkey's package has no TLS, Debian's Redis 7 has."""
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate.with_suffix(".key")))
    with NamedRedis(redis_7(), "--tls-port", str(tls_port), *files, "--tls-auth-clients", "no") as redis:
        async with connect(redis.url, timeout_seconds=5, max_connections=1) as administrator:
            await administrator.config_set("requirepass", PASSWORD)
        yield redis


@pytest.fixture
def address(server: NamedRedis, tls_port: int) -> str:
    return f"127.0.0.1:{tls_port}/0"


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

    assert "CERTIFICATE_VERIFY_FAILED" in str(raised.value)


async def test_a_certificate_for_another_name_is_not_enough(address: str, certificate: Path) -> None:
    elsewhere = address.replace("127.0.0.1", "localhost")

    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        await reserve(f"rediss://:{QUOTED_PASSWORD}@{elsewhere}?ssl_ca_certs={certificate}")


@pytest.mark.parametrize("login", ["", ":wrong@"], ids=["none", "wrong"])
async def test_without_the_password_the_login_is_refused(address: str, certificate: Path, login: str) -> None:
    with pytest.raises(UnavailableError, match="refuses our login"):
        await reserve(f"rediss://{login}{address}?ssl_ca_certs={certificate}")


async def test_plain_text_to_a_port_with_tls_is_not_answered(address: str) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await reserve(f"redis://:{QUOTED_PASSWORD}@{address}")
