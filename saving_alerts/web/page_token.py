"""Who may see the pages: whoever shows the token, as a program or as a person with a browser."""

import hmac
from base64 import b64decode

from saving_alerts.http_access import TokenFile

CHALLENGE = {"WWW-Authenticate": 'Basic realm="saving-alerts", charset="UTF-8"'}
MAX_SHOWN_CHARACTERS = 16 * 1024


class PageToken:
    """Without a file everybody may. The token is the one of now: the file is read again when it has changed.

    Raises SecretFileError where there is none at the beginning.
    """

    def __init__(self, path: str | None) -> None:
        self._token = TokenFile(path) if path else None
        if self._token:
            self._token.read()

    def allows(self, authorization: str | None) -> bool:
        """By the header of a request. `Basic` is what a browser makes of the password; the name is anybody's."""
        if self._token is None:
            return True
        shown = _shown(authorization or "")
        # aiohttp keeps bytes that are no text as surrogates
        return shown is not None and hmac.compare_digest(shown.encode(errors="replace"), self._token.read().encode())


def _shown(authorization: str) -> str | None:
    scheme, _, rest = authorization[:MAX_SHOWN_CHARACTERS].partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or no text in it
        return None
