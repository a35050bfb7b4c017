"""What shows an API who we are: a token that changes, headers that cannot be more than headers, files that fit."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts import ENVIRONMENT_PREFIX as PREFIX
from saving_alerts.http_access import OURS, HttpAccess, TokenFile, headers_in
from saving_alerts.secret_files import SecretFileError
from saving_alerts.settings import SettingsRefusedError, read_settings
from tests.support.certificates import Authority
from tests.unit.test_settings import COMPLETE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token"


def swap(path: Path, text: str) -> None:
    """As Kubernetes does it: another file takes the place of the one that was there."""
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def test_a_token_is_read_again_when_its_file_changes(path: Path) -> None:
    path.write_text("first\n")
    token = TokenFile(str(path))
    assert token.read() == "first"

    swap(path, "second")

    assert token.read() == "second"


@pytest.mark.parametrize("text", ["", "two words", "Bearer x", "tök", "a\nX-Other: b", "x" * 9_000])
def test_what_cannot_be_a_token_does_not_take_the_place_of_one(path: Path, text: str) -> None:
    path.write_text("good")
    token = TokenFile(str(path))
    token.read()

    swap(path, text)

    assert token.read() == "good"


def test_a_file_that_is_gone_leaves_the_token_in_use_until_it_is_back(path: Path) -> None:
    path.write_text("first")
    token = TokenFile(str(path))
    token.read()

    path.unlink()
    assert token.read() == "first"

    path.write_text("second")
    assert token.read() == "second"


def test_without_a_first_token_nothing_is_sent(path: Path) -> None:
    token = TokenFile(str(path))
    for _ in range(2):
        with pytest.raises(SecretFileError, match="cannot be read"):
            token.read()

    path.write_text("now")

    assert token.read() == "now"


def test_headers_stand_one_on_a_line() -> None:
    assert headers_in("X-Tenant: shop\n\n  X-Api-Key:  a: b=c \n") == {"X-Tenant": "shop", "X-Api-Key": "a: b=c"}
    assert headers_in("") == {}


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_we_set_ourselves_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="set by us already"):
        headers_in(f"{name.title()}: x")


@given(st.text(max_size=60))
def test_whatever_stands_there_a_header_is_one_header(text: str) -> None:
    """No value has a line break in it that would begin another one."""
    try:
        headers = headers_in(text)
    except ValueError:
        return
    for name, value in headers.items():
        assert (name + value).isascii()
        assert (name + value).isprintable()


def test_a_secret_header_is_in_no_text() -> None:
    assert "hunter2" not in repr(HttpAccess(headers={"X-Api-Key": "hunter2"}))


def test_files_that_cannot_be_used_are_named_with_their_settings(tmp_path: Path) -> None:
    certificate = Authority(tmp_path, "ours").issue("client", "client")
    other = Authority(tmp_path, "theirs").issue("other", "other")
    (tmp_path / "garbage").write_text("no PEM")
    missing, garbage = str(tmp_path / "missing"), str(tmp_path / "garbage")
    pem, key = str(certificate.certificate), str(certificate.key)

    assert HttpAccess(certificate_file=pem, key_file=key).problems("X") == []
    assert HttpAccess(certificate_file=str(certificate.both)).problems("X") == []
    assert HttpAccess(token_file=missing).problems("X")[0].startswith("X_TOKEN_FILE is wrong: ")
    assert HttpAccess(key_file=key).problems("X") == ["X_KEY_FILE needs X_CERT_FILE"]
    for access in (
        HttpAccess(ca_file=missing),
        HttpAccess(ca_file=garbage),
        HttpAccess(certificate_file=pem),
        HttpAccess(certificate_file=pem, key_file=str(other.key)),
    ):
        assert access.problems("X")[0].startswith("one of X_CA_FILE, X_CERT_FILE, X_KEY_FILE is no PEM file")


def test_a_worker_with_files_that_cannot_be_used_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(PREFIX + name, value)
    for name in ("COUPON_API_TOKEN_FILE", "PUSH_API_CA_FILE", "WEB_TOKEN_FILE"):
        monkeypatch.setenv(PREFIX + name, str(tmp_path / "missing"))
    monkeypatch.setenv(f"{PREFIX}PUSH_API_HEADERS", "X-Key: hunter2\nnot a header hunter2")

    with pytest.raises(SettingsRefusedError) as refused:
        read_settings()
    assert str(refused.value).startswith(f"{PREFIX}PUSH_API_HEADERS is wrong: header 2 is not like")
    assert "hunter2" not in str(refused.value)

    monkeypatch.delenv(f"{PREFIX}PUSH_API_HEADERS")
    with pytest.raises(SettingsRefusedError) as refused:
        read_settings()
    lines = str(refused.value).splitlines()
    assert [line.split()[0] for line in lines] == [
        f"{PREFIX}COUPON_API_TOKEN_FILE",
        "one",
        f"{PREFIX}WEB_TOKEN_FILE",
    ]
