"""The connection to Redis: a pool with short timeouts, and the table of what its errors mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from saving_alerts.ports.errors import UnavailableError

# A command that fails is sent again after these pauses, which are short beside the timeout of 0.5 s.
_BACKOFF_BASE_SECONDS = 0.02
_BACKOFF_CAP_SECONDS = 0.2
_RETRIES = 2  # so a command that gets no answer takes three timeouts

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
    (exceptions.AuthenticationError, "refuses our login"),
    (exceptions.AuthorizationError, "refuses our login"),
    (exceptions.NoPermissionError, "refuses our user this command"),
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
    `aclose()` closes the pool.
    """
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
    return aioredis.Redis.from_pool(pool)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raises UnavailableError with the words of `_MEANINGS` for every failure of Redis inside."""
    try:
        yield
    except tuple(kind for kind, _ in _MEANINGS) as error:
        meaning = next(meaning for kind, meaning in _MEANINGS if isinstance(error, kind))
        raise UnavailableError(f"Redis {meaning}: {_own_words(error)}") from error


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
