"""An address asks about one user or event; whatever else stands in it is ignored."""

import pytest

from saving_alerts.domain.sentences.language import Language
from saving_alerts.web.explain.questions import Question, question_in


def test_an_address_is_a_question() -> None:
    query = {"user": " u-42 ", "event": "e-1", "days": "7", "language": "de", "again": "1"}

    assert question_in(query) == Question("u-42", "e-1", 7, Language.GERMAN, again=True)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"user": "", "event": " "},
        {"user": "u" * 129},
        {"user": "\ud800"},
        {"days": "365", "language": "xx", "again": "true"},
        {"days": "-1"},
        {"days": "7 OR 1"},
        {"x": "y"},
    ],
)
def test_what_can_be_no_id_is_not_asked_about(query: dict[str, str]) -> None:
    assert question_in(query) == Question()
