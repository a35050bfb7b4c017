"""The views of `/explain`: login, form and looks, each with a line in the log that says who has looked at whom.

The log names a user by a digest: user ids are personal, and whoever checks the log knows whom they ask about.
"""

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from importlib.resources import files
from time import monotonic
from typing import Any
from urllib.parse import parse_qs

import faust
from aiohttp.web import Request, Response
from faust.web.views import View

from saving_alerts.domain.decoding import printable
from saving_alerts.settings import Settings
from saving_alerts.web.explain.access import GUESS_SECONDS, SESSION_SECONDS, Access, TooManyGuessesError
from saving_alerts.web.explain.questions import Page, Question, question_in
from saving_alerts.web.explain.reading_process import (
    BusyError,
    Reading,
    ReadingFailedError,
    ReadingProcess,
    environment_of,
)
from saving_alerts.web.explain.rendering import failed_html, rendered
from saving_alerts.web.recent import Recent

log = logging.getLogger(__name__)

COOKIE = "saving_alerts_explain"
STYLE = files("saving_alerts.web").joinpath("templates/explain.css").read_bytes()
# How old the page of the rules may be. With counts it reads up to a million decisions.
RULES_SECONDS = {Page.RULES: 15.0, Page.COUNTED_RULES: 600.0, Page.RESULTS: 600.0}
MAX_FORM_BYTES = 4 * 1024
FORM_SECONDS = 10.0
DIGEST_CHARACTERS = 16
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def user_digest(user_id: str) -> str:
    """How the log names a user: the first 16 hex digits of the SHA-256 of the id."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:DIGEST_CHARACTERS]


def add_explain_views(app: faust.App, settings: Settings) -> None:
    """Add `/rules`, and `/explain` if there is a token."""
    add_pages(app, ExplainDesk(settings))


@dataclass(frozen=True, slots=True)
class Look:
    """What one request is about, for the log."""

    session: str
    address: str
    question: Question

    def __str__(self) -> str:
        asked = self.question
        event = printable(asked.event_id or "-")
        user = user_digest(asked.user_id) if asked.user_id else "-"
        return (
            f"session {self.session} from {self.address}, user sha256 {user}, event {event}, "
            f"days {asked.days}, again {'yes' if asked.again else 'no'}"
        )


class ExplainDesk:
    """Answers the requests of the pages. Without a token nobody comes in."""

    def __init__(self, settings: Settings, reading: ReadingProcess | None = None) -> None:
        token = settings.explain_token
        self.access = Access(token.get_secret_value()) if token else None
        self._is_https = (settings.page_url or "").startswith("https:")
        self._reading = reading or ReadingProcess(environment_of(settings))
        # Not behind the token: they name no shopper. So whoever reaches the port may have them read, but not often, and
        # in a process that no look waits for.
        self._reading_rules = ReadingProcess(environment_of(settings))
        self._rules = {page: self._recent(page) for page in RULES_SECONDS}

    async def look(self, request: Request) -> Response:
        """A page for who is logged in; the login form for everybody else."""
        session = self.access.session(request.cookies.get(COOKIE)) if self.access else None
        if session is None:
            return self._login_form(HTTPStatus.UNAUTHORIZED, "")
        question = question_in(request.query)
        if question.is_empty:
            return _page("explain_form.html", HTTPStatus.OK, question=question)
        return await self._looked(Look(session, request.remote or "unknown", question))

    async def log_in(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return self._login_form(HTTPStatus.BAD_REQUEST, "This was no login form.")
        if "logout" in form:
            return self._sent_on(request, "", 0)
        address = request.remote or "unknown"
        try:
            cookie = self.access.log_in(form.get("token", ""), address) if self.access else None
        except TooManyGuessesError:
            log.info("explain: too many guesses, the last from %s", address)
            return self._login_form(HTTPStatus.TOO_MANY_REQUESTS, "Too many guesses: wait a minute.")
        if cookie is None:
            log.info("explain: a wrong token from %s", address)
            return self._login_form(HTTPStatus.UNAUTHORIZED, "That is not the token.")
        log.info("explain: session %s from %s begins", self.access and self.access.session(cookie), address)
        return self._sent_on(request, cookie, SESSION_SECONDS)

    async def rules(self, request: Request) -> Response:
        page = _rules_page(request)
        reading = await self._rules[page].get()
        if reading.status != HTTPStatus.OK:  # the next one asks anew
            self._rules[page] = self._recent(page)
        return _answered(reading)

    def _recent(self, page: Page) -> Recent[Reading]:
        compute = partial(self._read, Question(page=page), self._reading_rules)
        return Recent(compute, max_age_seconds=RULES_SECONDS[page])

    async def _looked(self, look: Look) -> Response:
        begun = monotonic()
        log.info("explain: look by %s", look)
        reading = await self._read(look.question, self._reading)
        seconds = monotonic() - begun
        log.info("explain: %s events after %.1f s for session %s", reading.events, seconds, look.session)
        return _answered(reading)

    async def _read(self, question: Question, process: ReadingProcess) -> Reading:
        try:
            return await process.answer(question)
        except BusyError:
            return _failed(HTTPStatus.SERVICE_UNAVAILABLE, "Others look at the moment: try again in some seconds.")
        except ReadingFailedError as error:
            return _failed(HTTPStatus.BAD_GATEWAY, f"It could not be read: {error}. The worker's log says more.")

    def _login_form(self, status: HTTPStatus, problem: str) -> Response:
        response = _page("explain_login.html", status, problem=problem)
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            response.headers["Retry-After"] = str(GUESS_SECONDS)
        return response

    def _sent_on(self, request: Request, cookie: str, seconds: int) -> Response:
        """To the page that was asked for, by an address that holds behind any prefix."""
        query = request.query_string
        headers = {**SECURITY_HEADERS, "Location": f"explain?{query}" if query else "explain"}
        response = Response(status=HTTPStatus.SEE_OTHER, headers=headers)
        response.set_cookie(
            COOKIE, cookie, max_age=seconds, path="/", httponly=True, samesite="Strict", secure=self._is_https
        )
        return response


def _rules_page(request: Request) -> Page:
    if request.query.get("results") == "1":
        return Page.RESULTS
    return Page.COUNTED_RULES if request.query.get("counts") == "1" else Page.RULES


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a short form; None for anything else."""
    if request.content_type != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_SECONDS):
            while chunk := await request.content.readany():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    return None
        fields = parse_qs(body.decode(), max_num_fields=8, keep_blank_values=True)
    except (ValueError, TimeoutError):
        return None
    return {name: values[0] for name, values in fields.items()}


def _answered(reading: Reading) -> Response:
    return Response(body=reading.html.encode(), status=reading.status, content_type="text/html", headers=_headers())


def _failed(status: HTTPStatus, problem: str) -> Reading:
    return Reading(status, 0, failed_html(problem))


def _page(template: str, status: HTTPStatus, **values: object) -> Response:
    body = rendered(template, **values).encode()
    return Response(body=body, status=status, content_type="text/html", headers=_headers())


def _headers() -> dict[str, str]:
    return {**SECURITY_HEADERS, "Content-Language": "en"}


def add_pages(app: faust.App, desk: ExplainDesk) -> None:
    @app.page("/explain.css", name="saving-alerts explain.css")
    class StyleView(View):
        async def get(self, _request: Any) -> Any:  # noqa: ANN401 - Faust's
            return Response(body=STYLE, content_type="text/css", headers=SECURITY_HEADERS)

    @app.page("/rules", name="saving-alerts rules")
    class RulesView(View):
        async def get(self, request: Any) -> Any:  # noqa: ANN401
            return await desk.rules(request)

    if desk.access is None:
        return

    @app.page("/explain", name="saving-alerts explain")
    class ExplainView(View):
        async def get(self, request: Any) -> Any:  # noqa: ANN401
            return await desk.look(request)

        async def post(self, request: Any) -> Any:  # noqa: ANN401
            return await desk.log_in(request)
