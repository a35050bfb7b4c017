"""What `record-results` and `rules results` read: decisions, what shoppers do, responses and results."""

from datetime import timedelta

from saving_alerts.adapters.partition_results import PartitionResults
from saving_alerts.commands.rules.results import told
from saving_alerts.domain.results.join import Join
from saving_alerts.domain.results.responses import Kind, response_in
from saving_alerts.domain.results.result import JoinedBy, result_of
from saving_alerts.domain.results.tally import Tally
from saving_alerts.domain.source_position import SourcePosition
from saving_alerts.kafka.codecs import UnreadableError, decode_response, decode_result, encode
from saving_alerts.ledger.results import PartitionTally, Question
from tests.fuzzing.outcome import Outcome, Refused, Value
from tests.fuzzing.packing import packed, unpacked
from tests.support.fakes.clock import START
from tests.support.sample_results import assigned, carried, dispatched, response, shoppers_event, written

WINDOW = timedelta(hours=24)
POSITION = SourcePosition("saving-events", 3, 5)
_RESULT = result_of(assigned(0), response(1, Kind.OPENED, decision_id=carried(0)), JoinedBy.ID)
SEEDS = (
    packed((encode(dispatched(0, variant="plain", control_percent=10)), None), (encode(_RESULT), None)),
    packed((shoppers_event("coupon_redeemed", coupon_id="c-1", decision_id=carried(0)), None)),
    packed((encode(dispatched(0)), None), (encode(response(1)), None)),
)


def of_results(raw: bytes) -> Outcome:
    """Every record as each of them: whoever writes to a topic may write another's."""
    recorder, counted = PartitionResults("results", 0, Join(WINDOW, 100)), PartitionTally(Question(START), lambda _: {})
    records, refused = [entry for entry, _ in unpacked(raw)], list[str]()
    written_ones = [written(entry) for entry in records]
    outputs = recorder.take_decisions(written_ones) + recorder.take_responses(written_ones)
    recorder.prune(START)
    counted.take_decisions([*written_ones])
    for entry in records:
        _take(entry, counted, refused)
    tally = Tally()
    counted.add_to(tally)
    found = encode(told(tally, 14, 0.02))
    return Refused(refused[0]) if len(refused) == len(records) else Value((outputs, found))


def _take(entry: bytes, counted: PartitionTally, refused: list[str]) -> None:
    if response_in(entry, POSITION, START + WINDOW) is not None or b"dispatch_push" in entry:
        return
    try:
        counted.take_result(decode_result(entry))
    except UnreadableError as error:
        try:
            decode_response(entry)
        except UnreadableError:
            refused.append(str(error))
