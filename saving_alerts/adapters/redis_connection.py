"""The connection to Redis: a pool with short timeouts, and the table of what its errors mean."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from saving_alerts.ports.errors import UnavailableError
from saving_alerts.ports.tls_errors import certificate_error, certificate_refused

# A command that fails is sent again after these pauses, which are short beside the timeout of 0.5 s.
_BACKOFF_BASE_SECONDS = 0.02
_BACKOFF_CAP_SECONDS = 0.2
_RETRIES = 2  # so a command that gets no answer takes three timeouts

_URL_SETTING = "SAVING_ALERTS_REDIS_URL"
_UNCLEAR = (
    f"{_URL_SETTING} cannot be read as redis://user:password@host:port/number: "
    "write what is special in the password as %XX, for example / as %2F"
)
_WRONG_OPTION = (
    f"{_URL_SETTING} has an option that cannot be used, and which is not told because a password stands among them: "
    "write & in a password as %26"
)
_LOGIN = f"refuses our login, look at the user and the password in {_URL_SETTING}"
_NOT_ALLOWED = 'refuses our user this command, docs/operating.md, "TLS, SASL and ACLs", has all that it needs'
# How servers say so where the driver makes no NoPermissionError of it: in a script, and in a transaction.
_SIGNS_OF_NOT_ALLOWED = ("The user executing the script can't", "ACL failure", "NOPERM", "EXEC without MULTI")
_NAME_ANOTHER = "which is not supported: name a single server, or its primary, in SAVING_ALERTS_REDIS_URL"
_CLUSTER = f"is a node of a Cluster, {_NAME_ANOTHER}"
_UNSUPPORTED = {"cluster": _CLUSTER, "sentinel": f"is a Sentinel, {_NAME_ANOTHER}"}

# The driver's error → the words of our UnavailableError. The first row that fits counts: subclasses come first.
_MEANINGS: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.MasterDownError, "refuses the command"),
    (exceptions.AskError, _CLUSTER),  # MOVED too
    (exceptions.ClusterCrossSlotError, _CLUSTER),
    (exceptions.ClusterError, _CLUSTER),
    (exceptions.BusyLoadingError, "is still loading its data"),
    (exceptions.AuthenticationError, _LOGIN),
    (exceptions.AuthorizationError, _LOGIN),
    (exceptions.NoPermissionError, _NOT_ALLOWED),
    (exceptions.MaxConnectionsError, "has no free connection in our pool"),
    (exceptions.TimeoutError, "does not answer in time"),
    (exceptions.ConnectionError, "cannot be reached, or our pool is exhausted"),
    (exceptions.ReadOnlyError, "is a read-only replica"),
    (exceptions.OutOfMemoryError, "is out of memory"),
    (exceptions.ResponseError, "refuses the command"),
    (exceptions.RedisError, "cannot be understood"),
    (OSError, "cannot be reached"),
)


def connect(url: str, timeout_seconds: float, max_connections: int) -> aioredis.Redis:
    """A client with its own pool. Answers are bytes. The first command opens the first connection.

    `timeout_seconds` bounds each of: the wait for a free connection, connecting, an answer. A failed command is sent
    again up to twice, so every write must be idempotent; without any answer it takes about three times the timeout.
    `aclose()` closes the pool. Raises UnavailableError for an address that cannot be used.
    """
    if not _is_clear(url):
        raise UnavailableError(_UNCLEAR)
    try:
        pool = _pool(url, timeout_seconds, max_connections)
        pool.make_connection()  # type: ignore[no-untyped-call] # it connects to nobody, but looks at the options
        authority = pool.connection_kwargs.get("ssl_ca_certs")
        if authority:
            ssl.create_default_context(cafile=authority)
    except (TypeError, ValueError) as error:
        if "password=" in urlsplit(url).query:  # the text has a name, which may be a piece of a password with a & in it
            raise UnavailableError(_WRONG_OPTION) from None
        raise UnavailableError(f"{_URL_SETTING} has an option that cannot be used: {error}") from error
    except OSError as error:
        wrong = f"ssl_ca_certs={authority} in {_URL_SETTING} is no PEM file to be read"
        raise UnavailableError(f"{wrong}: {error}") from error
    return aioredis.Redis.from_pool(pool)


def _is_clear(url: str) -> bool:
    """What is special in a password and not quoted moves its end into host, port or path, and into error texts."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # its text has what stands for the host or the port
        return False
    if parts.scheme == "unix":
        return True
    database = parts.path.removeprefix("/")
    return has_host and (not database or database.isdecimal()) and not parts.fragment and "@" not in parts.query


def _pool(url: str, timeout_seconds: float, max_connections: int) -> aioredis.BlockingConnectionPool:
    pool: aioredis.BlockingConnectionPool = aioredis.BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=timeout_seconds,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(ExponentialWithJitterBackoff(base=_BACKOFF_BASE_SECONDS, cap=_BACKOFF_CAP_SECONDS), _RETRIES),
        # It is repeated on a new connection: after a failover the old ones still lead to the former primary.
        retry_on_error=[exceptions.ReadOnlyError],
    )
    return pool


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises UnavailableError with the words of `_MEANINGS` for every failure of Redis inside."""
    try:
        yield
    except tuple(kind for kind, _ in _MEANINGS) as error:
        raise UnavailableError(f"Redis {_in_words(error)}") from error


def _in_words(error: Exception) -> str:
    if (certificate := certificate_error(error)) is not None:
        refused = certificate_refused(certificate, f"ssl_ca_certs of {_URL_SETTING}", _URL_SETTING)
        return f"cannot be reached: {refused}"
    if isinstance(error, exceptions.ResponseError) and any(sign in str(error) for sign in _SIGNS_OF_NOT_ALLOWED):
        return f"{_NOT_ALLOWED}: {_own_words(error)}"
    meaning = next(meaning for kind, meaning in _MEANINGS if isinstance(error, kind))
    return f"{meaning}: {_own_words(error)}"


def _own_words(error: Exception) -> str:
    """As Redis said it: the driver takes the code off some of its errors."""
    code, text = getattr(error, "status_code", None), str(error)
    return f"{code} {text}" if code and not text.startswith(code) else text


async def refuse_unsupported(client: aioredis.Redis) -> None:
    """Raises UnavailableError for a server on which claims cannot work, with what to do instead."""
    with translated_errors():
        try:
            server = await client.info("server")
        except exceptions.ResponseError:
            return  # the commands themselves will say what is wrong
    mode = str(server.get("server_mode") or server.get("redis_mode"))
    if mode in _UNSUPPORTED:
        raise UnavailableError(f"Redis {_UNSUPPORTED[mode]}")
