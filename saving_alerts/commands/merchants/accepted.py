"""Which merchant directory was accepted last, as the commands read and write it in Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from saving_alerts.adapters.redis_accepted_directory import RedisAcceptedDirectories
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.ports.errors import UnavailableError
from saving_alerts.reference_data.merchants_store import CurrentDirectory
from saving_alerts.reference_data.shrink_guard import too_many_gone
from saving_alerts.settings import Settings


@asynccontextmanager
async def accepted_directories(settings: Settings) -> AsyncIterator[RedisAcceptedDirectories]:
    async with connect(settings.redis_address, settings.redis_timeout_seconds, settings.redis_max_connections) as redis:
        yield RedisAcceptedDirectories(redis, settings.accepted_directory_key)


async def note_accepted(settings: Settings, directory: AcceptedDirectory, otherwise: str) -> None:
    """Let every worker take it. `otherwise` says what it means that Redis cannot be reached."""
    try:
        async with accepted_directories(settings) as directories:
            await directories.accept(directory)
    except UnavailableError as error:
        raise CommandRefusedError(f"{otherwise}: {error}") from error


async def refuse_loss(
    settings: Settings, new: AcceptedDirectory, live: CurrentDirectory, *, accept_loss: bool
) -> str | None:
    """What a directory has lost that workers would refuse; None if they take it. Refused unless `accept_loss`.

    It is compared with what was accepted last; where Redis does not know, with the live one.
    """
    last, problem = await _last_accepted(settings)
    compared = last or live.directory
    gone = too_many_gone(new, compared, settings.merchants_max_loss) if compared else None
    if gone is None:
        return None
    if not accept_loss:
        raise BadNewsError(f"{gone}, so nothing was published; if this is meant, repeat it with --accept-loss")
    if problem is not None:
        raise CommandRefusedError(f"nothing was published, because the loss cannot be noted as accepted: {problem}")
    return gone


async def _last_accepted(settings: Settings) -> tuple[AcceptedDirectory | None, str | None]:
    """The second is why nothing can be noted there."""
    try:
        async with accepted_directories(settings) as directories:
            return (await directories.last()).directory, None
    except UnavailableError as error:
        return None, str(error)
