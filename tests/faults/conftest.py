"""One deployment for all tests with the same spec, and the report at the end."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from demo.checks.case_result import table
from demo.workers import child_process
from demo.world import World
from tests.faults.case import Case
from tests.faults.case_results import CASE_RESULTS
from tests.faults.deployment import Deployment
from tests.faults.deployment_spec import DeploymentSpec
from tests.kafka_cluster.cluster import KafkaCluster
from tests.kafka_cluster.libraries import require_java_and_maven

REPORT_FILE = "SAVING_ALERTS_FAULT_REPORT"
LAST_LINES = 25


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The workers of the spec that the test names, and what they need; it lasts until a test wants another spec."""
    require_java_and_maven()
    spec: DeploymentSpec = request.param
    with (
        KafkaCluster(brokers=spec.brokers) as cluster,
        World(cluster.bootstrap_servers) as world,
        Deployment(world, cluster, spec) as deployment,
    ):
        yield deployment


@pytest.fixture
def case(deployment: Deployment, request: pytest.FixtureRequest) -> Iterator[Case]:
    """The case of this test; its result comes into the report."""
    with Case(deployment, case_name(request.node.name)) as case:
        yield case
        if case.result is not None:
            request.config.stash[CASE_RESULTS].append(case.result)


def case_name(test: str) -> str:
    """The case of a parametrised test, else the sentence that its name is."""
    return test[test.index("[") + 1 : -1] if "[" in test else test.removeprefix("test_").replace("_", " ")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CASE_RESULTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    results = config.stash[CASE_RESULTS]
    if not results:
        return
    terminalreporter.section("what the faults have cost")
    terminalreporter.write_line(table(results))
    if path := os.environ.get(REPORT_FILE):
        Path(path).write_text(table(results) + "\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    deployment = getattr(item, "funcargs", {}).get("deployment")
    if report.failed and isinstance(deployment, Deployment):
        report.sections.append(("what the brokers say of the group", deployment.cluster.log_tail(LAST_LINES)))
        for worker in deployment.workers:
            report.sections.append(
                (f"the log of {worker.name} ends with", child_process.log_tail(worker.folder, LAST_LINES))
            )
    return report
