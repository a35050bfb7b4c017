"""`when` says yes only to a plain yes; what is wrong with it is found when the file is read."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.events import EventType
from saving_alerts.domain.rules.expression_variables import known_names, sample_variables
from saving_alerts.domain.rules.expressions import MAX_WHEN_CHARACTERS, When, WhenRefusedError, compile_when
from saving_alerts.domain.rules_file.schema import TRIGGER_TYPES

ALL = frozenset(TRIGGER_TYPES)
AT_THE_STORE = frozenset({EventType.GEOFENCE_ENTERED})
SAMPLE = sample_variables(AT_THE_STORE)[0][1]


def refusal(text: str, event_types: frozenset[EventType] = ALL) -> str:
    with pytest.raises(WhenRefusedError) as refused:
        compile_when(text, event_types)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("event.type == 'geofence_entered'", True),
        ("event.app.os in ['android', 'web']", False),
        ("has(event.distance_m) && event.distance_m < 200", True),
        ("local.weekday == 'monday' && local.hour == 13 && local.minute == 0", True),
        ("local.date < '2026-12-25'", True),
        ("merchant.stores > 1", False),
        ("coupon.discount.kind == 'percent' && coupon.discount.amount >= 20", True),
        ("coupon.hours_left < 48.5 && coupon.channel != 'online'", True),
        ("has(coupon.remaining) && coupon.remaining <= 5", True),
        ("event.locale.startsWith('de') && event.locale.matches('^de(-[A-Z]+)?$')", True),
        ("'event.nothing' != \"local.nothing\"", True),
    ],
)
def test_an_expression_reads_what_it_is_shown(text: str, *, answer: bool) -> None:
    assert compile_when(text, ALL).evaluate(SAMPLE) is answer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("event.type ==", "cannot be read at character", id="half of one"),
        pytest.param("event.tpye == 'x'", "there is no event.tpye; did you mean event.type?", id="misspelt"),
        pytest.param("user.id == 'x'", "undeclared reference to 'user.id'; there are: event, local", id="not shown"),
        pytest.param("event.app.os > 9", "two things of different kinds", id="text and number"),
        pytest.param("event.distance_m < 200", "it has no distance_m; ask first, like has(", id="an optional field"),
        pytest.param("1 / 0 == 1", "divide by zero", id="division by zero"),
        pytest.param("event.type", "gives", id="no question"),
        pytest.param("1 + 1", "gives int, not yes or no", id="a number"),
        pytest.param("'a'.matches('[')", "regular expression", id="a broken pattern"),
        pytest.param("[1].all(x, x == 1)", "no loops here, so no all()", id="a loop"),
        pytest.param("event.type == 'offer_viewed' && coupon.colour == 'red'", "no coupon.colour", id="hidden"),
        pytest.param("(" * 60 + "true" + ")" * 60, "nested too deep", id="deep nesting"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(text: str, words: str) -> None:
    assert words in refusal(text)


def test_it_is_tried_on_the_event_types_of_its_rule_only() -> None:
    text = "event.store_id == 's-77'"

    assert compile_when(text, AT_THE_STORE)
    assert refusal(text).startswith("fails for brochure_viewed without what is optional: it has no store_id")


@pytest.mark.parametrize("answer", [1, "yes", None], ids=repr)
def test_only_a_plain_yes_is_one(answer: object) -> None:
    class Answering:
        def eval(self, data: object) -> "Answering":
            return self

        def value(self) -> object:
            return answer

        def type(self) -> "Answering":
            return self

        def name(self) -> str:
            return "STRING"

    assert When("", Answering()).evaluate({}) is not True


BOMBS = {
    "nested loops": "[1,2,3,4,5].all(a,[1,2,3,4,5].all(b,[1,2,3,4,5].all(c,[1,2,3,4,5].all(d,true))))",
    "doubling": "[event.locale].map(a,[a+a+a+a]).map(b,[b+b+b+b]).map(c,[c+c+c+c]).size()>0",
    "a pattern that backtracks": f"'{'a' * 300}'.matches('^(a*)*(a*)*(a*)*b$')",
    "a pattern that multiplies": "'aaaa'.matches('((a{1,1000}){1,1000}){1,1000}')",
    "brackets": "(" * 240 + "true" + ")" * 240,
    "lists in lists": "[" * 240 + "]" * 240 + " == 1",
    "many noes": "!" * 490 + "true",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_no_expression_takes_long(text: str) -> None:
    assert len(text) <= MAX_WHEN_CHARACTERS
    began = time.process_time()
    try:
        when = compile_when(text, ALL)
    except WhenRefusedError:
        when = None
    if when is not None:
        when.evaluate(SAMPLE)

    assert time.process_time() - began < 1


@given(text=st.text(max_size=60) | st.text("eventype.local()[]&|!='\"09<>+ ", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        compile_when(text, AT_THE_STORE)
    except WhenRefusedError:
        return


def test_every_name_is_shown_by_some_sample() -> None:
    assert {"event.app.os", "event.accuracy_m", "local.weekday", "coupon.discount.currency"} <= known_names()
