"""`record-results` as a process: it says what it does, ends when it is told to, and does not start in vain."""

import asyncio
import os
import signal
import subprocess
import sys

from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from saving_alerts.commands.record_results import record_results
from saving_alerts.commands.topics.group import topics
from saving_alerts.kafka.topics import Topics
from tests.support.recorded_deployment import RecordedDeployment

STOP_SECONDS = 30
ON = {"SAVING_ALERTS_RESULTS": "true"}


async def make_topics(deployment: RecordedDeployment) -> None:
    async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap_servers) as producer:
        for topic in Topics.named(deployment.topics.source.name, deployment.name, results=True).recorded:
            await producer.partitions_for(topic.name)


def test_it_records_until_it_is_stopped(deployment: RecordedDeployment) -> None:
    asyncio.run(make_topics(deployment))
    command = [sys.executable, "-m", "saving_alerts", "record-results"]
    environment = {**os.environ, **deployment.environment, **ON}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(STOP_SECONDS)

    assert said == f"recording results of {deployment.name}.decisions, to {deployment.name}.results\n"
    assert exit_code == 0


def test_without_its_setting_it_says_what_to_set(deployment: RecordedDeployment) -> None:
    result = CliRunner().invoke(record_results, env=deployment.environment)

    assert result.exit_code == 2
    assert "SAVING_ALERTS_RESULTS is not true: set it, and run `saving-alerts topics create`" in result.stderr


def test_without_its_topics_it_does_not_start_and_topics_check_misses_them(deployment: RecordedDeployment) -> None:
    environment = deployment.environment | ON

    result, checked = (
        CliRunner().invoke(record_results, env=environment),
        CliRunner().invoke(topics, ["check"], env=environment),
    )

    assert (result.exit_code, checked.exit_code) == (2, 1)
    for output in (result.stderr, checked.stdout):
        assert f"{deployment.name}.responses: missing" in output
        assert f"{deployment.name}.results: missing" in output
