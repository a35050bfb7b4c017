"""The order of a canary in the bucket, from its bytes to what the page says of it."""

from datetime import timedelta

import msgspec

from saving_alerts.domain.canary.evidence import Evidence
from saving_alerts.domain.canary.order import Ended, read_order
from saving_alerts.domain.decoding import Unreadable
from saving_alerts.web.canary import canary_seen
from tests.fuzzing.outcome import Outcome, Refused, Value
from tests.support.fakes.clock import START
from tests.support.sample_canary import an_order
from tests.support.worker_rows import a_row

_ENDED = Ended(how="promoted", by="tom", note="as foretold", at=START)
SEEDS = tuple(map(msgspec.json.encode, (an_order(), msgspec.structs.replace(an_order(), ended=_ENDED))))


def of_orders(raw: bytes) -> Outcome:
    order = read_order(raw)
    if isinstance(order, Unreadable):
        return Refused(str(order))
    moments = (START, order.begins, order.ends, order.ends + timedelta(seconds=1))
    whose = [(order.is_for("u-1", now), order.is_tried(now)) for now in moments]
    seen = Evidence(evaluated=1_000, wanted=300, tried=300, refused=50, opt_outs=30, opt_outs_tried=3)
    row = msgspec.structs.replace(a_row(0, {}), canary=order.id, evidence=seen)
    return Value((order, whose, [canary_seen(order, None, [row], now) for now in moments]))
