"""What the programs that measure on a real Apache Kafka have in common: how they end."""

from collections.abc import Callable

from confluent_kafka import KafkaException
from rich.console import Console

from tests.kafka_cluster.libraries import java_and_maven_missing


def print_measured(measure: Callable[[], str]) -> int:
    """Print what was measured. 0 also where this machine cannot measure; 1 when Kafka or a worker failed."""
    if sentence := java_and_maven_missing():
        Console().print(f"skipped: {sentence}")
        return 0
    try:
        text = measure()
    except (KafkaException, RuntimeError, OSError) as error:
        Console(stderr=True).print(f"nothing was measured: {error}", style="red", markup=False)
        return 1
    print(text)
    return 0
