"""Whatever others wrote into it, a decision fits into a record, and says whose it is."""

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.delivery.producer import MAX_RECORD_BYTES
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.domain.decision_limits import MAX_DETAIL_CHARACTERS, MAX_NAME_CHARACTERS, bounded_details
from saving_alerts.domain.decisions import Decision, Stage, Subject, Versions
from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import decode_ledger
from saving_alerts.kafka.topics import Topics
from saving_alerts.pipeline.outcomes import Decided
from tests.support.fakes.clock import FakeClock
from tests.support.fakes.metrics import RecordingMetrics

LONG = "\x7f" * 60_000
POSITION = SourcePosition("saving-events", 3, 41)
BUILDER = RecordBuilder(
    Topics.named("saving-events", "saving-alerts"), "w-1", FakeClock(), RecordingMetrics(), lambda: "v", 4
)
texts = st.one_of(st.just(LONG), st.text(max_size=40))
details = st.recursive(
    texts, lambda inner: st.lists(inner, max_size=200) | st.dictionaries(texts, inner), max_leaves=30
)


@given(found=st.dictionaries(st.text(max_size=8), details, max_size=8), name=texts)
def test_a_decision_fits_into_a_record_whatever_stands_in_it(found: dict[str, object], name: str) -> None:
    subject = Subject(event_id="e-1", user_id="u-42", merchant_id=name, event_type=name)
    decided = Decided(Reason.INVALID, found, Versions(rules=name))

    output = BUILDER.decision(Stage.VALIDATE, POSITION, decided, subject)

    written = decode_ledger(output.value)
    assert isinstance(written, Decision)
    assert output.size_bytes <= MAX_RECORD_BYTES
    assert (written.user_id, written.event_id) == ("u-42", "e-1")
    assert len(written.event_type or "") <= MAX_NAME_CHARACTERS


def test_the_last_line_of_an_error_is_cut() -> None:
    output = BUILDER.dead_letter_decision(Stage.VALIDATE, POSITION, Subject(user_id="u-42"), f"ValueError: {LONG}")

    written = decode_ledger(output.value)
    assert isinstance(written, Decision)
    assert len(str(written.details["error"])) == MAX_DETAIL_CHARACTERS
    assert written.user_id == "u-42"


def test_what_is_short_stays_as_it_is() -> None:
    found = {"refusals": [{"rule_id": "r-1", "clause": "triggers"}], "attempts": ["accepted 200"], "asked": False}

    assert bounded_details(found) == found
