"""What delivery shares between the four stages of one worker."""

from dataclasses import dataclass, field

from saving_alerts.delivery.flow_control import FlowControl
from saving_alerts.delivery.in_flight import InFlightLimits
from saving_alerts.delivery.poison_pills.detector import PoisonPillDetector
from saving_alerts.delivery.producer import OutputProducer
from saving_alerts.delivery.record_builder import RecordBuilder
from saving_alerts.dependencies import Dependencies
from saving_alerts.failpoints import Failpoints
from saving_alerts.metrics import Metrics
from saving_alerts.pipeline.drain import Drain
from saving_alerts.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class StageServices:
    """Each stage takes it whole."""

    record_builder: RecordBuilder
    producer: OutputProducer
    flow_control: FlowControl
    detector: PoisonPillDetector
    metrics: Metrics
    clock: Clock
    limits: InFlightLimits
    failpoints: Failpoints = field(default_factory=Failpoints)
    dependencies: Dependencies = field(default_factory=Dependencies)
    drain: Drain = field(default_factory=Drain)
