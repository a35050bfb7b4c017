"""`saving-alerts stats`: the numbers of a worker's page, in a terminal."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import sleep
from typing import NoReturn

import click
from aiohttp import ClientError, ClientSession, ClientTimeout

from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.output import clear, document, say, table
from saving_alerts.commands.stats.tables import tables
from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.http_access import TokenFile
from saving_alerts.secret_files import SecretFileError
from saving_alerts.web.stats import Stats

TIMEOUT_SECONDS = 5.0
WATCH_SECONDS = 2.0
HTTP_OK, HTTP_UNAUTHORIZED = 200, 401
_stats = Decoder(Stats)
LOCAL = "http://127.0.0.1:{port}"


@click.command()
@click.option("--page", help="A worker's page, like http://127.0.0.1:6067; without it, the one of these settings.")
@click.option("--token-file", help="A file with the token of the page; without it, the one of these settings.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
@click.option("--watch", is_flag=True, help="Again every 2 s, until Ctrl-C.")
def stats(*, page: str | None, token_file: str | None, as_json: bool, watch: bool) -> None:
    """Show what stands on a worker's page: how the deployment is, health, what flows, workers, partitions, rules.

    \b
    Example:
      saving-alerts stats
      saving-alerts stats --watch
      saving-alerts stats --page http://127.0.0.1:6067
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    if page is None:
        settings = settings_or_exit()
        page, token_file = LOCAL.format(port=settings.web_port), token_file or settings.web_token_file
    show = partial(_show, page.rstrip("/"), token_file, as_json=as_json)
    if watch:
        watched(show)
    show()


def watched(show: Callable[[], None], pause: Callable[[float], object] = sleep) -> NoReturn:
    """Again and again until somebody interrupts it; a worker that does not answer is shown as that."""
    while True:
        clear()
        try:
            show()
        except CommandRefusedError as error:
            say(error.format_message())
        pause(WATCH_SECONDS)


def _show(address: str, token_file: str | None, *, as_json: bool) -> None:
    body = asyncio.run(_fetched(address, _shown(token_file)))
    if as_json:
        document(body)
        return
    for each in tables(_read(body)):
        table(each)
        say("")


def _shown(token_file: str | None) -> dict[str, str]:
    try:
        return {"Authorization": f"Bearer {TokenFile(token_file).read()}"} if token_file else {}
    except SecretFileError as error:
        raise CommandRefusedError(str(error)) from error


async def _fetched(page: str, headers: dict[str, str]) -> bytes:
    advice = "is a worker running there? `--page` names another one"
    try:
        async with (
            ClientSession(timeout=ClientTimeout(total=TIMEOUT_SECONDS)) as session,
            session.get(f"{page}/stats.json", headers=headers) as answer,
        ):
            body = await answer.read()
    except (ClientError, OSError, ValueError) as error:
        raise CommandRefusedError(f"{page} does not answer: {str(error) or type(error).__name__}; {advice}") from error
    if answer.status == HTTP_UNAUTHORIZED:
        raise CommandRefusedError(f"{page} wants a token: name its file with `--token-file`")
    if answer.status != HTTP_OK:
        raise CommandRefusedError(f"{page}/stats.json answers {answer.status}; {advice}")
    return body


def _read(body: bytes) -> Stats:
    found = _stats.read(body)
    if isinstance(found, Unreadable):
        raise CommandRefusedError(f"the worker is of another release: {found}; try --json")
    return found
