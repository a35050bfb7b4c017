"""What it means that the certificate of a server was not accepted, and what an operator can do."""

import ssl

# OpenSSL's X509_V_ERR_…
_NOT_YET_VALID, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = (18, 19, 20, 21)
_OTHER_NAME = (62, 64)


def certificate_refused(error: ssl.SSLCertVerificationError, ca_setting: str, address_setting: str) -> str:
    """In words. The settings are where the authority's file and the server's address are named."""
    reason = error.verify_message.rstrip(".")
    if error.verify_code in _UNKNOWN_AUTHORITY:
        return f"nobody whom we trust has signed its certificate ({reason}): name its authority's file in {ca_setting}"
    if error.verify_code in _OTHER_NAME:
        return f"its certificate is for another name ({reason}): name it as its certificate does in {address_setting}"
    if error.verify_code == _EXPIRED:
        return f"its certificate is too old ({reason}): renew it on the server"
    if error.verify_code == _NOT_YET_VALID:
        return f"its certificate is too young ({reason}): look at both clocks"
    return f"its certificate is refused: {reason}"


def certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """The refused certificate behind an error, if there is one: drivers wrap it in errors of their own."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None
