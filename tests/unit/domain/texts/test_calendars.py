"""Times, spans and lists as people say them."""

from datetime import timedelta

import pytest

from saving_alerts.domain.texts.calendars import list_text, short_span_text, span_text


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0, "0 seconds", "0 Sekunden"),
        (1, "1 second", "1 Sekunde"),
        (60, "1 minute", "1 Minute"),
        (90, "90 seconds", "90 Sekunden"),
        (639.118, "11 minutes", "11 Minuten"),
        (3600, "1 hour", "1 Stunde"),
        (5400, "90 minutes", "90 Minuten"),
        (10_000, "167 minutes", "167 Minuten"),
        (40_000, "11 hours", "11 Stunden"),
        (86_400, "24 hours", "24 Stunden"),
        (172_800, "2 days", "2 Tage"),
        (604_800, "7 days", "7 Tage"),
        (-5, "0 seconds", "0 Sekunden"),
    ],
)
def test_a_span_has_the_unit_in_which_people_say_it(seconds: float, english: str, german: str) -> None:
    span = timedelta(seconds=seconds)

    assert (span_text(span, "en_GB"), span_text(span, "de")) == (english, german)


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [(0, "0 ms"), (3, "3 ms"), (1_200, "1,2 Sek."), (580_000, "10 Min."), (9_000_000, "2,5 Std.")],
)
def test_a_timeline_is_as_exact_as_it_is_of_use(milliseconds: float, expected: str) -> None:
    assert short_span_text(timedelta(milliseconds=milliseconds), "de") == expected


def test_a_list_ends_with_and() -> None:
    assert list_text(["a", "b", "c"], "de") == "a, b und c"
