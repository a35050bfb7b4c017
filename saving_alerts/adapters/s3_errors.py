"""What the exceptions of S3's drivers mean: the two tables of the one place that translates them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from aiohttp import ClientError as BrokenBodyError
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from saving_alerts.ports.errors import MissingObjectError, PortError, RefusedError, UnavailableError

MAX_ERROR_CHARACTERS = 300  # of an exception: S3's own message is in it, which may be anything
# The drivers' exceptions → our errors. The first row that fits counts; for a ClientError, `_BY_CODE` goes first.
_BY_TYPE: tuple[tuple[type[Exception], type[PortError]], ...] = (
    (ParamValidationError, RefusedError),  # a bucket or a key with an impossible name
    (ClientError, UnavailableError),
    (BotoCoreError, UnavailableError),
    (BrokenBodyError, UnavailableError),  # a body that ends too early: aiobotocore translates aiohttp's others
    (OSError, UnavailableError),
    (TimeoutError, UnavailableError),
)
# `code_of` a ClientError → our error.
_BY_CODE: Mapping[str, type[PortError]] = {
    "NoSuchKey": MissingObjectError,
    "404": MissingObjectError,
    "NoSuchBucket": RefusedError,
    "AccessDenied": RefusedError,
    "403": RefusedError,
    "InvalidAccessKeyId": RefusedError,
    "SignatureDoesNotMatch": RefusedError,
}


_KNOWN: tuple[type[Exception], ...] = (PortError, *(foreign for foreign, _ in _BY_TYPE))


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Put it around one call of the driver: what no row of the tables has is an answer that the driver cannot read."""
    try:
        yield
    except _KNOWN:
        raise
    except Exception as error:
        raise UnavailableError(f"{what}: an answer that cannot be read: {_cut(error)}") from error


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raises our error of the tables for a foreign one inside; its text begins with `what`."""
    try:
        yield
    except tuple(foreign for foreign, _ in _BY_TYPE) as error:
        raise _port_error(error, f"{what}: {_cut(error)}") from error


def _port_error(error: Exception, text: str) -> PortError:
    ours = next(ours for foreign, ours in _BY_TYPE if isinstance(error, foreign))
    status = None
    if isinstance(error, ClientError):
        ours = _BY_CODE.get(code_of(error), ours)
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return RefusedError(text, status) if ours is RefusedError else ours(text)


def _cut(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= MAX_ERROR_CHARACTERS else f"{text[:MAX_ERROR_CHARACTERS]}…"


def code_of(error: ClientError) -> str:
    """The error code in an answer of S3, or the status of one without a body."""
    return str(error.response["Error"].get("Code", ""))
