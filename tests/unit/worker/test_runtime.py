"""The consumer asks the app, and the app the stage that reads the topic."""

from collections.abc import Hashable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from saving_alerts.app import SavingAlertsApp
from saving_alerts.domain.decisions import Stage
from tests.support.fakes.unopened_app import unopened_app

PARTITION, RECORDS, SIZE_BYTES = 3, 5, 700


class FakeStage:
    """Remembers what it was told to expect."""

    def __init__(self) -> None:
        self.expected: list[tuple[Hashable, int, int]] = []

    def expect(self, partition: Hashable, records: int, size_bytes: int) -> None:
        self.expected.append((partition, records, size_bytes))


def app_of(stages: dict[Stage, FakeStage]) -> SavingAlertsApp:
    app = unopened_app()
    app.runtime.opened = cast("Any", SimpleNamespace(stages=stages))
    return app


@pytest.mark.parametrize("reader", Stage)
def test_what_is_handed_on_is_expected_by_the_stage_that_reads_its_topic_and_no_other(reader: Stage) -> None:
    stages = {stage: FakeStage() for stage in Stage}
    app = app_of(stages)
    partition = app.runtime.topics.inputs[reader].name, PARTITION

    app.expect(partition, RECORDS, SIZE_BYTES)

    told = {stage: [(partition, RECORDS, SIZE_BYTES)] if stage is reader else [] for stage in Stage}
    assert {stage: each.expected for stage, each in stages.items()} == told


def test_what_no_stage_reads_is_expected_by_none() -> None:
    stages = {stage: FakeStage() for stage in Stage}

    app_of(stages).expect(("saving-alerts-push_sends-changelog", PARTITION), RECORDS, SIZE_BYTES)

    assert not any(each.expected for each in stages.values())
