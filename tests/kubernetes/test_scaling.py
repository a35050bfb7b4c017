"""How many workers KEDA starts for the lags of the group, and that it asks for the right ones."""

import json

from hypothesis import given
from hypothesis import strategies as st

from saving_alerts.domain.decisions import Stage
from saving_alerts.settings import example_settings
from tests.kubernetes.manifests import one, settings_file
from tests.kubernetes.record_lags import RECORDED
from tests.kubernetes.scaling import workers_wanted

SETTINGS = example_settings()
SCALED = one("ScaledObject")
PARTITIONS = SETTINGS.topic_partitions
INPUTS = {stage: topic.name for stage, topic in SETTINGS.topics.inputs.items()}
LAGS = st.fixed_dictionaries(
    {name: st.lists(st.integers(0, 10_000_000), min_size=PARTITIONS, max_size=PARTITIONS) for name in INPUTS.values()}
)


def lags(**of_stages: int) -> dict[str, list[int]]:
    """So many records for each partition of the topic that the stage reads; 0 for the others."""
    return {name: [of_stages.get(stage, 0)] * PARTITIONS for stage, name in INPUTS.items()}


def test_the_ceiling_is_the_number_of_partitions() -> None:
    assert SCALED["spec"]["maxReplicaCount"] == PARTITIONS
    assert settings_file("base/settings.env")["SAVING_ALERTS_TOPIC_PARTITIONS"] == str(PARTITIONS)


def test_there_is_a_trigger_for_each_stage() -> None:
    triggers = [each["metadata"] for each in SCALED["spec"]["triggers"]]

    assert [each["topic"] for each in triggers] == list(INPUTS.values())
    assert [each["name"] for each in SCALED["spec"]["triggers"]] == [str(stage).replace("_", "-") for stage in Stage]
    assert {each["consumerGroup"] for each in triggers} == {SETTINGS.app_id}
    assert {each["offsetResetPolicy"] for each in triggers} == {"earliest"}


def test_keda_reads_the_brokers_of_the_workers() -> None:
    brokers = {each["metadata"]["bootstrapServers"] for each in SCALED["spec"]["triggers"]}

    assert brokers == {settings_file("overlays/production/settings.env")["SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS"]}


def test_nothing_to_do_leaves_two_so_that_one_may_die() -> None:
    assert workers_wanted(lags(), SCALED, running=2) == 2
    assert workers_wanted(lags(), SCALED, running=12) == 2


def test_a_lag_that_the_workers_catch_up_with_in_seconds_changes_nothing() -> None:
    assert workers_wanted(lags(validate=1_000, query_coupons=50), SCALED, running=2) == 2


def test_the_stage_with_the_largest_lag_decides() -> None:
    assert workers_wanted(lags(query_coupons=1_000), SCALED, running=2) == 6
    assert workers_wanted(lags(query_coupons=1_000, validate=25_000), SCALED, running=2) == 6
    assert workers_wanted(lags(query_coupons=1_000, dispatch_push=1_500), SCALED, running=2) == 9


def test_a_tenth_more_or_less_changes_nothing() -> None:
    """Each change is a rebalance."""
    assert workers_wanted(lags(query_coupons=1_090), SCALED, running=6) == 6
    assert workers_wanted(lags(query_coupons=920), SCALED, running=6) == 6
    assert workers_wanted(lags(query_coupons=1_300), SCALED, running=6) == 8


def test_an_outage_of_an_api_ends_at_the_ceiling() -> None:
    """Events wait for their deadlines then, and no number of workers brings the lag down."""
    assert workers_wanted(lags(query_coupons=10_000_000), SCALED, running=12) == PARTITIONS


def test_one_partition_that_is_held_back_starts_no_more_than_its_share() -> None:
    held_back = lags()
    held_back["saving-alerts.alerts"][3] = 5_000

    assert workers_wanted(held_back, SCALED, running=2) == 3


def test_where_kafka_tells_nothing_no_worker_is_taken_away() -> None:
    assert workers_wanted(None, SCALED, running=2) == SCALED["spec"]["fallback"]["replicas"] == PARTITIONS // 2
    assert workers_wanted(None, SCALED, running=9) == 9


@given(LAGS, st.integers(1, 50))
def test_there_are_never_more_workers_than_partitions(found: dict[str, list[int]], running: int) -> None:
    assert 2 <= workers_wanted(found, SCALED, running) <= PARTITIONS


@given(LAGS, st.integers(2, PARTITIONS))
def test_scaling_comes_to_rest(found: dict[str, list[int]], running: int) -> None:
    """For one and the same lag the number that is wanted is also wanted once there are so many."""
    settled = workers_wanted(found, SCALED, running)

    assert workers_wanted(found, SCALED, settled) in {settled, workers_wanted(found, SCALED, 1)}


def recorded() -> list[dict[str, list[int]]]:
    """How far one worker was behind, second by second, in a burst of triggers with a Coupon API that takes 0.1 s."""
    return [json.loads(line)["lags"] for line in RECORDED.read_text().splitlines()]


def test_a_recorded_burst_starts_workers_for_the_stage_that_waits_and_lets_them_go() -> None:
    wanted = [workers_wanted(each, SCALED, running=2) for each in recorded()]
    busiest = recorded()[max(range(len(wanted)), key=wanted.__getitem__)]

    assert 2 < max(wanted) <= PARTITIONS
    assert max(INPUTS, key=lambda stage: sum(busiest[INPUTS[stage]])) is Stage.QUERY_COUPONS
    assert wanted[-1] == 2
    assert all(len(lags) == PARTITIONS for each in recorded() for lags in each.values())
