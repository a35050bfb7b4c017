"""The page of a look: sentences, waterfalls, and nothing that others wrote as markup."""

import re
from datetime import timedelta

import msgspec

from saving_alerts.domain.decisions import PushText, StageTimes
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.sentences.language import Language
from saving_alerts.ledger.explaining import Explanation
from saving_alerts.web.explain.page import MAX_SHOWN, Again, explain_html
from saving_alerts.web.explain.questions import Question
from tests.support.sample_decisions import HAPPENED, decision

EVIL = "<script>alert('1')</script>\"'&"
NOW = HAPPENED + timedelta(hours=1)
ASKED = Question(user_id="u-1")


def page(*explanations: Explanation, question: Question = ASKED, again: Again | None = None) -> str:
    return explain_html(question, explanations, NOW, again=again)


def of(reason: Reason, offset: int = 0, **details: object) -> Explanation:
    found = decision(reason, **details)
    found = msgspec.structs.replace(found, event_id=f"e-{offset}")
    return Explanation(found.position, found, ())


def test_each_event_has_its_sentence_the_newest_first() -> None:
    shown = page(of(Reason.NO_COUPON, 1), of(Reason.KILLED, 2))

    told = re.findall(r'<p class="told" lang="en">(.*?)</p>', shown)
    assert [each.partition(": ")[2] for each in told] == [
        "we had stopped these pushes for the time being, so we sent you none.",
        "there was no coupon that you could use there and then, so we sent you no push.",
    ]


def test_the_language_of_the_sentence_is_marked() -> None:
    shown = page(of(Reason.KILLED), question=msgspec.structs.replace(ASKED, language=Language.GERMAN))

    assert '<p class="told" lang="de">Heute um 21:47 Uhr Ihrer Zeit' in shown
    assert '<option value="de" selected>' in shown


def test_a_waterfall_has_each_stage_in_words_and_as_bars_within_the_picture() -> None:
    shown = page(of(Reason.PUSHED))

    assert shown.count('<svg role="img"') == 4
    assert 'aria-label="ask for coupons: waited 9 ms, worked 210 ms"' in shown
    bars = [
        (float(left), float(width)) for left, width in re.findall(r'x="([\d.]+)%" y="15%" width="([\d.]+)%"', shown)
    ]
    assert len(bars) == 8
    assert all(0 <= left <= 100 and 0 <= width <= 100 and left + width <= 100.02 for left, width in bars)


def test_clocks_that_differ_leave_the_bars_in_the_picture() -> None:
    odd = msgspec.structs.replace(
        decision(Reason.PUSHED), timeline=(StageTimes("validate", 5000, 5001), StageTimes("query_coupons", -900, -800))
    )

    shown = page(Explanation(odd.position, odd, ()))

    assert "-" not in "".join(re.findall(r'x="([^"]*)"', shown))


def test_nothing_that_others_wrote_is_markup() -> None:
    evil = msgspec.structs.replace(
        decision(Reason.PUSHED, attempts=[EVIL], refusals=[{"rule_id": EVIL, "clause": EVIL}], note=EVIL),
        event_id=EVIL,
        user_id=EVIL,
        merchant_id=EVIL,
        merchant_name=EVIL,
        event_type=EVIL,
        worker=EVIL,
        text=PushText(EVIL, EVIL),
    )

    shown = page(Explanation(evil.position, evil, (evil,)), question=Question(EVIL, EVIL), again=Again(EVIL, EVIL))

    assert "<script" not in shown
    assert not re.findall(r'="[^"]*\'', re.sub(r"&#39;", "", shown))


def test_there_is_no_script_and_no_style_in_it() -> None:
    shown = page(of(Reason.PUSHED))

    assert not re.search(r"<script|<style|style=|onclick|http:|https:", shown)


def test_only_so_many_are_shown_and_the_others_are_counted() -> None:
    shown = page(*(of(Reason.KILLED, number) for number in range(MAX_SHOWN + 3)))

    assert shown.count("<article>") == MAX_SHOWN
    assert "3 older ones are left out" in shown


def test_nothing_found_says_what_that_can_mean() -> None:
    assert "no rule listens to events of this type" in page()


def test_an_event_can_be_asked_again_with_today_s_rules() -> None:
    shown = page(of(Reason.RULE_REFUSED), again=Again("With the rules abc.", "Today: …"))

    assert 'href="?user=u-1&amp;event=e-0&amp;days=1&amp;again=1&amp;language=en"' in shown
    assert '<p class="told" lang="en">Today: …</p><p>With the rules abc.</p>' in shown
