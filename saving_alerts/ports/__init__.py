"""What the pipeline needs of other systems: one small protocol in each file, and their errors (`errors.py`)."""

from dataclasses import dataclass, field

from saving_alerts.ports.accepted_directory import AcceptedDirectories
from saving_alerts.ports.coupon_source import CouponSource
from saving_alerts.ports.gone_devices import GoneDevices, NobodyGone
from saving_alerts.ports.heartbeats import Heartbeats
from saving_alerts.ports.histories import Histories, NoHistories
from saving_alerts.ports.object_store import ObjectStore
from saving_alerts.ports.push_sender import PushSender
from saving_alerts.ports.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Ports:
    """The other systems of one worker, without Kafka."""

    coupon_source: CouponSource
    push_sender: PushSender
    throttle: Throttle
    object_store: ObjectStore
    heartbeats: Heartbeats
    accepted_directories: AcceptedDirectories
    gone_devices: GoneDevices = field(default_factory=NobodyGone)
    histories: Histories = field(default_factory=NoHistories)
