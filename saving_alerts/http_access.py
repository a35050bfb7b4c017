"""How a worker shows an HTTP API who it is, and how it knows the API: token, own headers, authority, certificate."""

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from saving_alerts.secret_files import SecretFileError, read_secret

log = logging.getLogger(__name__)

# Those that the clients of both APIs set themselves, and those by which HTTP frames a request.
OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "idempotency-key",
        "request-not-after",
        "te",
        "traceparent",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
MAX_HEADERS = 32
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}):[ \t]*([\x21-\x7e](?:[\x20-\x7e]{0,8190}[\x21-\x7e])?)")
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")  # what stands in a header: no line break that would begin another one


class TokenFile:
    """A token in a file, which is read again when it has changed: whoever rotates it restarts nothing."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._token = ""
        self._seen: tuple[int, ...] = ()

    def read(self) -> str:
        """The token of now. Raises SecretFileError if there has never been one; later the last one stays in use."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._token = _token(read_secret(self._path))
            except SecretFileError as error:
                if not self._token:
                    self._seen = ()
                    raise
                log.warning("the token that was read before stays in use: %s", error)
        return self._token

    def _look(self) -> tuple[int, ...]:
        try:
            found = Path(self._path).stat()
        except OSError:
            return (0,)
        return found.st_mtime_ns, found.st_ino, found.st_size


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """Of one API. Without any of it the API is open, and known by the authorities of the system."""

    token_file: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None

    def token(self) -> TokenFile | None:
        return TokenFile(self.token_file) if self.token_file else None

    def ssl_context(self) -> ssl.SSLContext | None:
        """For connections to https; None where the system's authorities are enough.

        Raises OSError or ValueError where a file cannot be used.
        """
        if not (self.ca_file or self.certificate_file):
            return None
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file:
            # Without a password: OpenSSL would ask for it on the terminal.
            context.load_cert_chain(self.certificate_file, self.key_file, password="")
        return context

    def problems(self, prefix: str) -> list[str]:
        """What cannot be used of it, each with its setting; `prefix` is what the settings' names begin with."""
        found = (
            [] if self.key_file is None or self.certificate_file else [f"{prefix}_KEY_FILE needs {prefix}_CERT_FILE"]
        )
        if token := self.token():
            try:
                token.read()
            except SecretFileError as error:
                found.append(f"{prefix}_TOKEN_FILE is wrong: {error}")
        try:
            self.ssl_context()
        except (OSError, ValueError) as error:
            names = ", ".join(f"{prefix}_{each}_FILE" for each in ("CA", "CERT", "KEY"))
            found.append(f"one of {names} is no PEM file that can be used, or they do not fit: {error}")
        return found


def headers_in(text: str) -> dict[str, str]:
    """`Name: value`, one on a line. Raises ValueError, without a word of the values: they may be secrets."""
    headers: dict[str, str] = {}
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), start=1):
        found = _HEADER.fullmatch(line)
        if found is None:
            raise ValueError(f"header {number} is not like `Name: value`")
        name, value = found.groups()
        if name.lower() in OURS or name.lower() in map(str.lower, headers):
            raise ValueError(f"header {number}, {name}, is set by us already")
        headers[name] = value
    if len(headers) > MAX_HEADERS:
        raise ValueError(f"{len(headers)} headers, at most {MAX_HEADERS} are sent")
    return headers


def _token(text: str) -> str:
    """Raises SecretFileError."""
    if not _TOKEN.fullmatch(text):
        raise SecretFileError("what stands there cannot be a token: white space, or signs that no header can have")
    return text
