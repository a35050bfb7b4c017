"""What the pipeline needs of the outside world: one small protocol a file, and how the world can fail (`errors.py`)."""

from dataclasses import dataclass

from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.heartbeats import Heartbeats
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.ports.push_sender import PushSender
from saving_alerts.ports.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Ports:
    """The outside world of one worker, but for Kafka."""

    coupon_source: CouponSource
    push_sender: PushSender
    throttle: Throttle
    object_store: ObjectStore
    heartbeats: Heartbeats
