"""A refused certificate in words: what is wrong with it, and what to do."""

import ssl

import pytest

from saving_alerts.ports.tls_errors import certificate_error, certificate_refused


def refused(code: int, message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("code", "message", "do"),
    [
        pytest.param(18, "self-signed certificate", "name its authority's file in CA", id="self-signed"),
        pytest.param(19, "self-signed certificate in certificate chain", "file in CA", id="self-signed authority"),
        pytest.param(20, "unable to get local issuer certificate", "file in CA", id="unknown authority"),
        pytest.param(62, "Hostname mismatch, certificate is not valid for 'b'.", "does in URL", id="name"),
        pytest.param(64, "IP address mismatch, certificate is not valid for '::1'.", "does in URL", id="address"),
        pytest.param(10, "certificate has expired", "renew it on the server", id="expired"),
        pytest.param(9, "certificate is not yet valid", "look at both clocks", id="not yet valid"),
        pytest.param(23, "certificate revoked", "is refused", id="anything else"),
    ],
)
def test_it_says_what_is_wrong_and_what_to_do(code: int, message: str, do: str) -> None:
    words = certificate_refused(refused(code, message), "CA", "URL")

    assert message.rstrip(".") in words
    assert do in words


def test_it_is_found_behind_the_errors_of_a_driver() -> None:
    certificate, wrapped = refused(10, "certificate has expired"), ConnectionError("connecting")
    wrapped.__context__ = certificate
    outer = RuntimeError("again")
    outer.__cause__ = wrapped

    assert certificate_error(outer) is certificate


def test_an_error_without_one_has_none_however_it_is_chained() -> None:
    one, other = OSError("one"), OSError("other")
    one.__context__, other.__context__ = other, one

    assert certificate_error(one) is None
