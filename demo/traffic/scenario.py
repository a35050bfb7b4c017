"""An instance of a scenario: the events of one user, their coupons, and the behaviours of the stub APIs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import TypeVar
from uuid import UUID

from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from demo.traffic.coupons import CouponJson, good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.plan import Expectation, Writer
from demo.traffic.templates import Template
from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant

AT_THE_STORE = (EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_ENTERED, EventType.GEOFENCE_DWELLED)
TRIGGERS = (*AT_THE_STORE, EventType.OFFER_VIEWED, EventType.MERCHANT_FAVOURITED)
Choice = TypeVar("Choice")


@dataclass(frozen=True, slots=True)
class Draft:
    """One event of an instance. `wait` is when it comes, as a share of the time left after the instance's first event.

    `follows_first`: only after the decision about the instance's first event.
    """

    template: Template
    expected: Expectation
    writer: Writer
    wait: float = 0.0
    follows_first: bool = False


@dataclass(frozen=True, slots=True)
class ScenarioInstance:
    """All that one instance of a scenario needs: events of one user, coupons by merchant, behaviours."""

    variant: str
    drafts: Sequence[Draft]
    coupons: dict[str, Coupons] = field(default_factory=dict)
    coupon_api: tuple[Behaviour, ...] = ()
    push_api: tuple[Behaviour, ...] = ()


def aged(instance: ScenarioInstance, age: timedelta) -> ScenarioInstance:
    """Its events occur so long before they are produced, so that their deadlines come sooner."""
    templates = [replace(draft.template, age=age) for draft in instance.drafts]
    drafts = [
        replace(draft, template=template, writer=template.value)
        for draft, template in zip(instance.drafts, templates, strict=True)
    ]
    return replace(instance, drafts=drafts)


@dataclass(slots=True)
class DataFactory:
    """Seeded test data for the scenarios. Every user is new, unless a scenario asks for a returning one."""

    random: Random
    prefix: str
    users: int = 0

    def new_user(self) -> str:
        self.users += 1
        return f"u-{self.prefix}-{self.users:06d}"

    def returning_user(self, of: int) -> str:
        """One of `of` shoppers with many events, who take part in no other scenario."""
        return f"u-{self.prefix}-r{self.random.randrange(of):05d}"

    def event_id(self) -> str:
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def merchant(self) -> Merchant:
        return self.random.choice(MERCHANTS)

    def pick(self, choices: Sequence[Choice]) -> Choice:
        return self.random.choice(choices)

    def coupons(self, merchant: Merchant) -> list[CouponJson]:
        return [good_coupon(self.random, merchant) for _ in range(self.random.choice((1, 1, 2, 4)))]

    def template(self, user_id: str, merchant: Merchant, kinds: Sequence[EventType] = TRIGGERS) -> Template:
        """An event of this user at this merchant, by day, with consent, happening right now."""
        return Template(
            event_id=self.event_id(),
            user_id=user_id,
            type=self.pick(kinds),
            merchant_id=merchant.merchant_id,
            details=self.random.getrandbits(48),
        )
