"""Every reason an event can end with. To add one, write its row in `Reason` and use it where it is decided."""

from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from typing import Self


class FunnelStep(StrEnum):
    """The steps of the funnel, in order. `domain/funnel.py` counts how many events reach each."""

    READ = "read"
    VALID = "valid"
    TRIGGER = "trigger"
    FRESH = "fresh, with consent"
    COUPON = "coupon"  # or no need to ask for one
    ALERT = "alert"
    PUSHED = "pushed"


@dataclass(frozen=True, slots=True)
class Row:
    """All properties of one reason."""

    name: str
    """As it stands in Kafka records, metrics and pages. Never rename one: recorded decisions have it."""

    text: str
    """The sentence that `explain` prints, for people who answer shoppers."""

    _: KW_ONLY

    stops_before: FunnelStep | None
    """The first step of the funnel that an event with this end does not reach. None for `pushed` only."""

    strength: int = 1
    """Which decision counts when a position has several: the one with the highest number."""

    charges_cap: bool = False
    """Whether the user's caps count it as a push. `pipeline/dispatch.py` charges them; `simulate` reads this field."""

    refused_by_rules: bool = False
    """Whether `evaluate` can return it as the reason that no rule matched. `simulate` compares it with records."""

    simulated: bool = False
    """Whether `simulate` can produce it. Its report has a line for each, and "pushes" for `pushed`."""


class Reason(StrEnum):
    """All reasons, in the order of the pages, `stats` and the demo.

    A member is a `str`, its name; `row` has its other properties. A member without a `Row` fails at import.
    """

    # Not JSON, oversize, a missing or wrong field.
    INVALID = Row("invalid", "the event could not be used", stops_before=FunnelStep.VALID)
    # Kept as a receipt.
    NOT_A_TRIGGER = Row(
        "not_a_trigger",
        "no current rule listens to events of this type",
        stops_before=FunnelStep.TRIGGER,
        simulated=True,
    )
    # Its deadline passed, in any stage.
    EXPIRED = Row("expired", "it was too late for a push", stops_before=FunnelStep.FRESH, simulated=True)
    # Told by the event, or later by upstream's topic of consent changes. The funnel counts both here.
    NO_CONSENT = Row(
        "no_consent", "the user has not opted in to pushes, or has opted out", stops_before=FunnelStep.FRESH
    )
    CAPPED = Row(
        "capped", "the user has had all pushes allowed for now", stops_before=FunnelStep.PUSHED, simulated=True
    )
    # Of its merchant or of its rule (docs/adr/0056).
    BUDGET_SPENT = Row(
        "budget_spent",
        "as many pushes as the merchant or the rule may have by this time of the day had gone out",
        stops_before=FunnelStep.PUSHED,
        simulated=True,
    )
    # None, or none usable now in this store.
    NO_COUPON = Row("no_coupon", "there was no coupon to use here and now", stops_before=FunnelStep.COUPON)
    COUPON_API_REFUSED = Row(
        "coupon_api_refused",
        "the Coupon API gave a permanent or unusable answer",
        stops_before=FunnelStep.COUPON,
    )
    # Three attempts failed although the API answered other events meanwhile.
    COUPON_API_FAILED = Row(
        "coupon_api_failed",
        "the Coupon API did not answer for this event",
        stops_before=FunnelStep.COUPON,
    )
    RULE_REFUSED = Row(
        "rule_refused",
        "no rule matched",
        stops_before=FunnelStep.ALERT,
        refused_by_rules=True,
        simulated=True,
    )
    # A rule failed only on quiet hours.
    QUIET_HOURS = Row(
        "quiet_hours",
        "it was quiet hours for the user",
        stops_before=FunnelStep.ALERT,
        refused_by_rules=True,
        simulated=True,
    )
    # A rule failed only on its rollout percentage.
    HELD_OUT = Row(
        "held_out",
        "the rule is not rolled out to this user yet",
        stops_before=FunnelStep.ALERT,
        refused_by_rules=True,
        simulated=True,
    )
    # The same event id was pushed for another source position.
    DUPLICATE = Row(
        "duplicate",
        "this event was pushed before, from another position",
        stops_before=FunnelStep.PUSHED,
        simulated=True,
    )
    # Of the alerts that were gathered for one push another one was sent, or may have been, or was charged as control.
    OUTBID = Row(
        "outbid",
        "a better offer for this user came at the same time",
        stops_before=FunnelStep.PUSHED,
        simulated=True,
    )
    # A `geofence_exited` came while it was gathered, or waited.
    LEFT = Row("left", "the user had left before it was sent", stops_before=FunnelStep.PUSHED, simulated=True)
    KILLED = Row("killed", "pushes were stopped by a kill switch", stops_before=FunnelStep.PUSHED)
    PUSH_REFUSED = Row("push_refused", "the push API refused it for good", stops_before=FunnelStep.PUSHED)
    # An attempt may have been accepted, so the caps stay charged.
    PUSH_UNCERTAIN = Row(
        "push_uncertain",
        "a push may have arrived, and nobody can say; it was not tried again",
        stops_before=FunnelStep.PUSHED,
        strength=3,
        charges_cap=True,
    )
    # Charged as a push would be (docs/adr/0052).
    CONTROL = Row(
        "control",
        "the user was kept back to see whether the pushes help",
        stops_before=FunnelStep.PUSHED,
        strength=2,
        charges_cap=True,
        simulated=True,
    )
    PUSHED = Row("pushed", "the push was accepted", stops_before=None, strength=4, charges_cap=True, simulated=True)
    # As `pushed`, in a dry run: nothing was sent.
    WOULD_PUSH = Row(
        "would_push",
        "a push would have been sent; this was a dry run",
        stops_before=FunnelStep.PUSHED,
        strength=4,
        charges_cap=True,
    )
    # A step raised an unexpected exception. That can happen in every stage; the funnel counts it before `alert`.
    DEAD_LETTER = Row(
        "dead_letter",
        "something failed that nobody foresaw; the event is in the dead letters",
        stops_before=FunnelStep.ALERT,
        strength=0,
    )

    _value_: str
    row: Row

    def __new__(cls, row: Row) -> Self:
        member = str.__new__(cls, row.name)
        member._value_ = row.name
        member.row = row
        return member
