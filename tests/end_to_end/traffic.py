"""A run of planned traffic, with the check of every answer and every push."""

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.traffic_check import TrafficResult, check_traffic
from demo.traffic import Traffic
from demo.traffic.traffic_producer import TrafficProducer
from demo.world import World


def run_traffic(world: World, traffic: Traffic, events_per_second: float, timeout_seconds: float) -> TrafficResult:
    """Produce the traffic, wait for the answers, check them."""
    world.teach_apis(traffic)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        producer = TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions)
        producer.produce(traffic, events_per_second, lambda _: None)
        decisions.wait_for_answers(len(traffic.events), timeout_seconds)
        return check_traffic(traffic, producer, decisions, world.push_api)
