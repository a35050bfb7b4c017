"""What workers read beside events: coupons, merchants, rules and kill switches."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec
from aiokafka import ConsumerRecord, TopicPartition

from saving_alerts.domain.canary.order import CanaryOrder
from saving_alerts.domain.caps import Cap, CapPer
from saving_alerts.domain.coupons import CouponAnswer
from saving_alerts.domain.events import EventType
from saving_alerts.domain.kill_switches import KillScope, KillSwitch
from saving_alerts.domain.rules.control import Control, is_control
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.failpoints import Failpoint
from saving_alerts.metrics import Metrics
from saving_alerts.ports.clock import Clock
from saving_alerts.reference_data.loader import ReferenceDataLoader
from saving_alerts.reference_data.snapshot import ReferenceData
from tests.deterministic.plan import CAP_SECONDS, FRESHNESS_SECONDS, Plan
from tests.deterministic.tried import switch_of
from tests.deterministic.world import Actor, World
from tests.support.fakes.clock import START
from tests.support.fakes.coupon_source import FakeCouponSource
from tests.support.fakes.kafka_consumer import FakeConsumer, FakeTopic
from tests.support.fakes.object_store import FakeObjectStore
from tests.support.loaders import POLICY, a_guard
from tests.support.sample_events import coupon, snapshot

PATIENCE_MS = 3_600_000
RELOAD_SECONDS = 30.0
CONTROL_PERCENT = 60.0
USUAL_PERCENT, GOOD_PERCENT = 20.0, 50.0  # of coupons
OTHERS = "other than "
FRESHNESS = timedelta(seconds=FRESHNESS_SECONDS)
CAP = Cap(CapPer.USER, 1, CAP_SECONDS / 3600)
RULES: RuleSet = replace(
    snapshot().rules, version="rules-1", caps=(CAP,), freshness={EventType.GEOFENCE_ENTERED: FRESHNESS}
)


def kept_back(rules: RuleSet, seed: int) -> RuleSet:
    """The rules of a universe in which some users get no push."""
    return replace(rules, control=Control(CONTROL_PERCENT, f"{seed}"))


def of_two_arms(rules: RuleSet) -> RuleSet:
    """A rule for good coupons keeps back everybody: one user's alerts are of both arms."""
    good = replace(rules.rules[0], id="good", min_discount_percent=GOOD_PERCENT, control=Control(100, "salt"))
    return replace(rules, rules=(good, *rules.rules))


def with_control(plan: Plan) -> Plan:
    """The same, and some users are kept back: where a worker was to die of a claim it dies of a charge."""
    crash = plan.crash
    if crash is not None and crash.failpoint in (Failpoint.AFTER_RESERVE, Failpoint.AFTER_RENEW):
        crash = replace(crash, failpoint=Failpoint.AFTER_CONTROL_CHARGE, times=1)
    return replace(plan, control=True, crash=crash)


class PatientConsumer(FakeConsumer):
    """It waits for a record, however long: to look five times a second costs a universe more than all the rest."""

    async def getmany(self, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        return await super().getmany(PATIENCE_MS)


def gathering_rules(choose_within_seconds: float) -> RuleSet:
    """With a cap that nobody meets."""
    freshness = {EventType.GEOFENCE_ENTERED: FRESHNESS, EventType.GEOFENCE_EXITED: FRESHNESS}
    caps = (Cap(CapPer.USER, 100, CAP_SECONDS / 3600),)
    return replace(RULES, caps=caps, freshness=freshness, choose_within=timedelta(seconds=choose_within_seconds))


@dataclass
class Sources:
    """Those of all workers of a universe."""

    rules: RuleSet = RULES
    kill_switches: FakeTopic = field(default_factory=FakeTopic)
    store: FakeObjectStore = field(default_factory=FakeObjectStore)
    order: CanaryOrder | None = None

    def __post_init__(self) -> None:
        self.write_merchants("Shop")

    def write_merchants(self, name: str) -> None:
        line = {"merchant_id": "m-1", "names": {"en": name}, "deep_link_hosts": ["shop.example"]}
        self.store.objects[POLICY.merchants_key] = msgspec.json.encode(line) + b"\n"

    def loader(self, data: ReferenceData, clock: Clock, metrics: Metrics) -> ReferenceDataLoader:
        return ReferenceDataLoader(self.store, a_guard(), POLICY, data, clock, metrics)

    async def reload_for_ever(self, loader: ReferenceDataLoader, world: World) -> None:
        while True:
            await asyncio.sleep(world.random.uniform(0.5, 1) * RELOAD_SECONDS)
            await loader.reload_merchants()

    @property
    def two_arms(self) -> bool:
        return len(self.rules.rules) > 1

    def keeps_back(self, user_id: str) -> bool:
        """From the beginning to the end of the universe."""
        control = self.rules.control
        return control is not None and not control.salt.startswith(OTHERS) and is_control(*control, user_id)

    def keep_back_others(self) -> None:
        """For who starts from now on: an alert that is made again can be of the other arm."""
        if self.rules.control is not None:
            self.rules = replace(
                self.rules, control=self.rules.control._replace(salt=f"{OTHERS}{self.rules.control.salt}")
            )

    def give_rules(self, data: ReferenceData, now: datetime) -> None:
        """To a worker that starts."""
        data.replace_rules(self.rules, now)
        if self.order is not None:
            data.replace_canary((self.order, replace(self.rules, version=self.order.version)))

    def take_back(self, order: CanaryOrder) -> None:
        switch = switch_of(order)
        self.kill_switches.write(switch.key.encode(), msgspec.json.encode(switch))

    def turn_on_all(self) -> None:
        switch = KillSwitch(scope=KillScope.ALL, reason="a test", by="a seed", since=START)
        self.kill_switches.write(switch.key.encode(), msgspec.json.encode(switch))

    def turn_off_all(self) -> None:
        self.kill_switches.write(b"all", None)


class CouponClient:
    """The Coupon API of one worker: everybody has one coupon, after a while. Of `two_arms`: a good one or not."""

    def __init__(self, world: World, worker: Actor, clock: Clock, *, two_arms: bool) -> None:
        self._world, self._worker, self._two_arms = world, worker, two_arms
        self._source = FakeCouponSource(clock)

    async def coupons(self, user_id: str, merchant_id: str, deadline: datetime) -> CouponAnswer:
        self._world.did(self._worker, "asks the Coupon API", user_id)
        is_good = self._two_arms and self._world.chance(0.5)
        self._source.gives(user_id, merchant_id, coupon(GOOD_PERCENT if is_good else USUAL_PERCENT))
        await asyncio.sleep(self._world.soon(3.0))
        return await self._source.coupons(user_id, merchant_id, deadline)
