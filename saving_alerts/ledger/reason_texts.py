"""Decisions in words, for people who answer shoppers."""

from collections.abc import Mapping

from saving_alerts.domain.decisions import Decision, Reason

REASONS: Mapping[Reason, str] = {
    Reason.INVALID: "the event could not be used",
    Reason.NOT_A_TRIGGER: "no current rule listens to events of this type",
    Reason.EXPIRED: "it was too late for a push",
    Reason.NO_CONSENT: "the user has not opted in to pushes",
    Reason.CAPPED: "the user has had all pushes allowed for now",
    Reason.NO_COUPON: "there was no coupon to use here and now",
    Reason.COUPON_API_REFUSED: "the Coupon API gave a permanent or unusable answer",
    Reason.COUPON_API_FAILED: "the Coupon API did not answer for this event",
    Reason.RULE_REFUSED: "no rule matched",
    Reason.QUIET_HOURS: "it was quiet hours for the user",
    Reason.HELD_OUT: "the rule is not rolled out to this user yet",
    Reason.DUPLICATE: "this event was pushed before, from another position",
    Reason.KILLED: "pushes were stopped by a kill switch",
    Reason.PUSH_REFUSED: "the push API refused it for good",
    Reason.PUSH_UNCERTAIN: "a push may have arrived, and nobody can say; it was not tried again",
    Reason.PUSHED: "the push was accepted",
    Reason.WOULD_PUSH: "a push would have been sent; this was a dry run",
    Reason.DEAD_LETTER: "something failed that nobody foresaw; the event is in the dead letters",
}


def in_words(decision: Decision) -> str:
    """The reason and what makes it plain: `capped: the user has had … (cap 1 per user in 24 h, until …)`."""
    details = details_in_words(decision.details)
    return f"{decision.reason}: {REASONS[decision.reason]}" + (f" ({details})" if details else "")


def details_in_words(details: Mapping[str, object]) -> str:
    """Names and values in one line; what is empty is left out."""
    told = ((name.replace("_", " "), _value(value)) for name, value in details.items())
    return ", ".join(f"{name} {value}" for name, value in told if value)


def _value(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict():
            return details_in_words(value)
        case list():
            return "; ".join(_value(item) for item in value)
        case _:
            return str(value)
