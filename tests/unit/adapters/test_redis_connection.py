"""The address of Redis: what cannot be used is refused before anything connects, and no password gets into a text."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saving_alerts.adapters.redis_connection import connect
from saving_alerts.ports.errors import UnavailableError

HOST, PORT = "redis.example", 6379
# A piece of a password must be long enough not to be found in the words of an error by chance.
SECRET = "hunter2"
SPECIAL = st.text("/?#@:[]%&= \\", min_size=1, max_size=3)


def options(url: str) -> dict[str, object]:
    """What the driver understands. Nothing is connected."""
    return dict(connect(url, timeout_seconds=1, max_connections=1).connection_pool.connection_kwargs)


def told(url: str) -> str:
    """The refusal; or whether the driver goes where the address is meant to lead."""
    try:
        found = options(url)
    except UnavailableError as error:
        return str(error)
    meant = (found["host"], found["port"]) == (HOST, PORT) and SECRET in str(found["password"])
    return "as it is meant" if meant else "elsewhere"


def refusal(url: str) -> str:
    with pytest.raises(UnavailableError) as raised:
        options(url)
    return str(raised.value)


@given(password=st.text(min_size=1))
@example(password="p@ss/wo?rd#:[]%")
def test_any_password_can_be_written(password: str) -> None:
    found = options(f"redis://worker:{quote(password, safe='')}@{HOST}:{PORT}/2")

    assert (found["password"], found["host"], found["port"], found["db"]) == (password, HOST, PORT, 2)


@given(special=SPECIAL)
@example(special="/")
@example(special="#")
@example(special="?")
@example(special="[")
def test_a_password_that_is_not_quoted_leads_nowhere_else_and_is_not_told(special: str) -> None:
    url = f"redis://worker:12{special}{SECRET}@{HOST}:{PORT}/0"

    assert told(url) == "as it is meant" or "write what is special in the password as %XX" in told(url)
    assert SECRET not in told(url)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param(f"redis://:{SECRET}@{HOST}:port/0", "cannot be read as", id="port"),
        pytest.param(f"redis://:{SECRET}@{HOST}:{PORT}/zero", "cannot be read as", id="database"),
        pytest.param(f"redis://:{SECRET}@/0", "cannot be read as", id="no host"),
        pytest.param(f"rediss://:{SECRET}@{HOST}?ssl_ca_cert=ca.pem", "'ssl_ca_cert'", id="unknown option"),
        pytest.param(f"redis://:{SECRET}@{HOST}?socket_timeout=soon", "'socket_timeout'", id="bad value"),
        pytest.param(f"redis://{HOST}?password=a&{SECRET}=b", "%26", id="a piece of a password as an option"),
        pytest.param(f"rediss://:{SECRET}@{HOST}?ssl_ca_certs=/no.pem", "ssl_ca_certs=/no.pem", id="no file"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_its_setting(url: str, says: str) -> None:
    words = refusal(url)

    assert says in words
    assert "SAVING_ALERTS_REDIS_URL" in words
    assert SECRET not in words


def test_a_file_without_an_authority_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")

    assert f"ssl_ca_certs={file} in SAVING_ALERTS_REDIS_URL is no PEM file" in refusal(
        f"rediss://{HOST}?ssl_ca_certs={file}"
    )


def test_a_socket_needs_no_host() -> None:
    assert options("unix://:pw@/run/redis.sock?db=1")["path"] == "/run/redis.sock"
