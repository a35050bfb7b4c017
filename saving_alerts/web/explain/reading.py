"""The process that reads for one look: a question on stdin, a page on stdout. `reading_process.py` starts it.

It ends by itself when nobody waits for it any more, and takes the processor only when the worker does not want it.
"""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from saving_alerts.domain.decoding import Decoder, Unreadable
from saving_alerts.domain.rules_file.mistakes import RulesRefusedError
from saving_alerts.kafka.connection import KafkaFailedError
from saving_alerts.kafka.unpacking_limit import limit_unpacking
from saving_alerts.ledger.explaining import Explanation, Wanted, decisions_about, explanations, within
from saving_alerts.ledger.rule_counts import count_by_rule
from saving_alerts.ports.errors import PortError
from saving_alerts.reference_data.document_store import UnknownVersionError
from saving_alerts.settings import Settings, read_settings
from saving_alerts.simulation.disk_tables import TemporarySpaceError
from saving_alerts.web.explain.page import Again, explain_html
from saving_alerts.web.explain.questions import Page, Question
from saving_alerts.web.explain.reading_process import READING_SECONDS, Reading
from saving_alerts.web.explain.rendering import failed_html
from saving_alerts.web.explain.results_by_rule import results_by_rule
from saving_alerts.web.explain.rules_page import rules_html

ANSWER = 1  # the file descriptor of the pipe to the worker
MAX_DECISIONS = 5_000  # about one user: a loop somewhere can bring about millions, and each takes 3 KiB
MAX_QUESTION_BYTES = 64 * 1024
_questions = Decoder(Question, MAX_QUESTION_BYTES)
LEAST_NICE = 10  # of the processor: /health/live of the worker is not to wait for a look


def main() -> None:
    os.nice(LEAST_NICE)
    signal.alarm(int(READING_SECONDS) + 5)  # should the worker be killed meanwhile
    question = _questions.read(sys.stdin.buffer.read(MAX_QUESTION_BYTES))
    if isinstance(question, Unreadable):
        sys.exit(f"the question cannot be read: {question}")
    settings = read_settings()
    limit_unpacking(settings.max_unpacked_bytes)
    reading = asyncio.run(_read(settings, question))
    with os.fdopen(ANSWER, "wb") as answer:
        answer.write(msgspec.json.encode(reading))


async def _read(settings: Settings, question: Question) -> Reading:
    if question.page is not Page.EXPLAIN:
        return await _rules(settings, question.page)
    now = datetime.now(UTC)
    wanted, since = Wanted(question.user_id, question.event_id), now - question.since
    try:
        decisions = await decisions_about(settings.kafka, settings.topics, wanted, since, MAX_DECISIONS)
    except KafkaFailedError as error:
        return Reading(HTTPStatus.BAD_GATEWAY, 0, failed_html(str(error)))
    found = within(explanations(decisions), since)
    again = await _again(settings, question, found) if question.again else None
    return Reading(
        HTTPStatus.OK, len(found), explain_html(question, found, now, cut=len(decisions) == MAX_DECISIONS, again=again)
    )


async def _rules(settings: Settings, page: Page) -> Reading:
    from saving_alerts.web.explain.rules_in_force import rules_in_force  # noqa: PLC0415 - S3's driver

    now = datetime.now(UTC)
    try:
        in_force, counts, results = await rules_in_force(settings), None, None
        if page is Page.COUNTED_RULES:
            counts = await count_by_rule(settings.kafka, settings.topics.decisions.name, in_force.live_since)
        elif page is Page.RESULTS:
            results = await results_by_rule(settings, now)
    except (TemporarySpaceError, KafkaFailedError, PortError, RulesRefusedError, UnknownVersionError) as error:
        return Reading(HTTPStatus.BAD_GATEWAY, 0, failed_html(str(error)))
    html = rules_html(in_force, counts, now, results, has_results=settings.results)
    return Reading(HTTPStatus.OK, len(in_force.rules.rules), html)


async def _again(settings: Settings, question: Question, found: tuple[Explanation, ...]) -> Again:
    if not found:
        return Again("There is no decision of this event.")
    from saving_alerts.web.explain.again import told_again  # noqa: PLC0415 - S3's driver: half of what a start costs

    try:
        return await told_again(settings, found[-1].answer, question.language)
    except (KafkaFailedError, PortError) as error:
        return Again(f"Today's rules cannot be asked: {error}")


if __name__ == "__main__":
    main()
