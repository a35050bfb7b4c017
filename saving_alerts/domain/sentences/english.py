"""English."""

from saving_alerts.domain.reasons import Reason
from saving_alerts.domain.rules.clauses import Clause
from saving_alerts.domain.sentences.language import Words

WORDS = Words(
    locale="en_GB",  # people here write 21:47
    capital_after_colon=False,
    leads={
        "with_place": "{when}, {place}: {told}",
        "without_place": "{when}: {told}",
        "nothing": "{told}",
        "local": "{day} at {time} your time",
        "utc": "{day} at {time} UTC",
        "unknown_time": "At an unknown time",
    },
    days={
        # At the beginning of a sentence, and within one.
        "lead_today": "Today",
        "lead_yesterday": "Yesterday",
        "lead_tomorrow": "Tomorrow",
        "lead_weekday": "On {weekday}",
        "lead_date": "On {date}",
        "at_today": "at {time}",
        "at_yesterday": "yesterday at {time}",
        "at_tomorrow": "tomorrow at {time}",
        "at_weekday": "on {weekday} at {time}",
        "at_date": "on {date} at {time}",
        "from_today": "from {time}",
        "from_yesterday": "from yesterday {time}",
        "from_tomorrow": "from tomorrow {time}",
        "from_weekday": "from {weekday} {time}",
        "from_date": "from {date}, {time}",
    },
    places={
        "geofence_entered": "near {merchant}",
        "geofence_dwelled": "near {merchant}",
        "geofence_exited": "when you left {merchant}",
        "brochure_viewed": "when you looked at a brochure of {merchant}",
        "offer_viewed": "when you looked at an offer of {merchant}",
        "merchant_favourited": "when you made {merchant} a favourite",
        "coupon_saved": "when you saved a coupon of {merchant}",
        "coupon_redeemed": "when you used a coupon of {merchant}",
        "app_opened": "when you opened the app",
        "app_backgrounded": "when you left the app",
        "push_opened": "when you opened a push",
        "other": "at {merchant}",
    },
    reasons={
        Reason.INVALID: "what your app told us could not be used, so we sent you no push.",
        Reason.NOT_A_TRIGGER: "we send no pushes for this at the moment.",
        Reason.EXPIRED: "by the time we could send you a push it was too late for one, so we sent none.",
        Reason.NO_CONSENT: "pushes were not allowed for your account, so we sent none.",
        Reason.CAPPED: "you had already got all the pushes that we send for now.",
        Reason.BUDGET_SPENT: (
            "we send only so many of these pushes a day, and those for that time of the day had already gone out."
        ),
        Reason.NO_COUPON: "there was no coupon that you could use there and then, so we sent you no push.",
        Reason.COUPON_API_REFUSED: "a fault on our side kept us from seeing your coupons, so we sent you no push.",
        Reason.COUPON_API_FAILED: "a fault on our side kept us from seeing your coupons, so we sent you no push.",
        Reason.RULE_REFUSED: "none of our offers fitted, so we sent you no push.",
        Reason.QUIET_HOURS: "it was a time at which we do not disturb anybody, so we sent you no push.",
        Reason.HELD_OUT: "this kind of push goes to some of our users only so far, and you are not among them yet.",
        Reason.DUPLICATE: "this was reported to us twice, and we sent you the push for it only once.",
        Reason.OUTBID: "we had a better offer for you at that moment and sent you the push for that one.",
        Reason.LEFT: "you had left before we sent you a push, so we sent none.",
        Reason.KILLED: "we had stopped these pushes for the time being, so we sent you none.",
        Reason.PUSH_REFUSED: "the service that brings our pushes to your phone refused this one.",
        Reason.PUSH_UNCERTAIN: (
            "we tried to send you a push and cannot tell whether it arrived; we did not try again, so that you do not "
            "get it twice."
        ),
        Reason.CONTROL: (
            "to see whether these pushes help, we leave some of our users out at random, and you were among them."
        ),
        Reason.PUSHED: "we sent you a push.",
        Reason.WOULD_PUSH: "we would have sent you a push, but this was a trial of ours, so nothing was sent.",
        Reason.DEAD_LETTER: "a fault on our side kept us from working on it, so we sent you no push.",
    },
    told={
        "pushed": "we sent you this push: “{text}”",
        "would_push": "we would have sent you this push, but it was a trial of ours, so nothing was sent: “{text}”",
        "push_uncertain": (
            "we tried to send you this push and cannot tell whether it arrived; we did not try again, so that you do "
            "not get it twice: “{text}”"
        ),
        "quiet_hours": "we stay quiet from {from} to {until}, so we sent you no push.",
        "quiet_hours_by_then": (
            "when we came to it, it was {then}, and we stay quiet from {from} to {until}, so we sent you no push."
        ),
        "capped_once": "you got one push {at}; the next is possible {until}.",
        "capped_once_before": "you got one push {at}; the next was possible {until}.",
        "capped_often": "you got {pushes} pushes within {span}, which is the most; the next is possible {until}.",
        "capped_often_before": (
            "you got {pushes} pushes within {span}, which is the most; the next was possible {until}."
        ),
        "capped_once_merchant": ("you got one push about {merchant} {at}; the next about it is possible {until}."),
        "capped_once_merchant_before": (
            "you got one push about {merchant} {at}; the next about it was possible {until}."
        ),
        "capped_often_merchant": (
            "you got {pushes} pushes about {merchant} within {span}, which is the most; the next about it is possible "
            "{until}."
        ),
        "capped_often_merchant_before": (
            "you got {pushes} pushes about {merchant} within {span}, which is the most; the next about it was possible "
            "{until}."
        ),
        "capped_control": (
            "we send you only so many pushes, and those count that we leave out to see whether they help; the next is "
            "possible {until}."
        ),
        "capped_control_before": (
            "we send you only so many pushes, and those count that we leave out to see whether they help; the next was "
            "possible {until}."
        ),
        "duplicate_control": "this was reported to us twice, and we work on it only once.",
        "outbid_control": (
            "we had a better offer for you at that moment; to see whether these pushes help, we left that one out."
        ),
        "expired_on_the_way": (
            "what your app told us reached us only {span} later, which is too late for a push, so we sent none."
        ),
        "expired_consent": ("we could not make sure in time that you still want pushes, so we sent you none."),
        "expired_held": (
            "something that we need was disturbed on our side, and when it worked again it was too late for a push."
        ),
        "expired_held_for": (
            "something that we need was disturbed on our side for {span}, and then it was too late for a push."
        ),
        "expired_open_for_minutes": (
            "by the time we could send you a push, the shop was closed or about to close, so we sent none."
        ),
        "expired_active_until": "by the time we could send you a push, the offer was over, so we sent none.",
        "store_closed": "the shop was closed then, so we sent you no push.",
        "store_closes": "the shop was to close at {closes}, which is too soon for a push, so we sent you none.",
        "store_unknown": "we do not know when this shop is open, so we sent you no push.",
        "opted_out": "you had turned pushes off, so we sent you none.",
        "device_gone": (
            "your phone could not be reached: the app is no longer registered there for pushes. Opening the app "
            "registers it again."
        ),
        "again": "we would send you this push: “{text}”",
        "not_decided": "we are still working on it.",
    },
    clauses={
        Clause.EVENT_TYPES: "none of our offers is for this, so we sent you no push.",
        Clause.MERCHANTS: "none of our offers is for this shop, so we sent you no push.",
        Clause.MERCHANT_KNOWN: "we do not know this shop yet, so we sent you no push.",
        Clause.MAX_DISTANCE_M: (
            "you were too far from the shop, or your phone did not say where it was, so we sent you no push."
        ),
        Clause.TIME_ZONE: (
            "your phone named a time zone that we do not know, so we could not tell whether it was night, and sent you "
            "no push."
        ),
        Clause.ACTIVE_FROM: "our offers there had not begun yet, so we sent you no push.",
        Clause.ACTIVE_UNTIL: "our offers there were over, so we sent you no push.",
        Clause.WEEKDAYS: "our offers there are for other days of the week, so we sent you no push.",
        Clause.MIN_DWELL_SECONDS: (
            "you had not been there for long enough, or your phone did not say for how long, so we sent you no push."
        ),
        Clause.OPEN_FOR_MINUTES: (
            "the shop was not open for long enough any more, or we do not know when it is open, so we sent you no push."
        ),
        Clause.MIN_APP_VERSION: "your app was too old for this offer; with the newest one it works.",
        Clause.DISCOUNT: "there was a coupon, but its discount was faulty, so we sent you no push.",
        Clause.MIN_DISCOUNT_PERCENT: "your coupons there saved too little for a push, so we sent none.",
        Clause.DEEP_LINK_HOSTS: "there was a coupon, but its link was not safe to open, so we sent you no push.",
        Clause.WHEN: "the conditions of our offers were not met, so we sent you no push.",
        Clause.ROLLOUT_PERCENT: "this kind of push goes to some of our users only so far, and you are not among them.",
        Clause.QUIET_HOURS: "it was a time at which we do not disturb anybody, so we sent you no push.",
    },
    labels={
        "timeline": "timeline",
        "happened": "happened",
        "read": "read",
        "decided": "decided",
        "waited": "waited {span}",
        "worked": "worked {span}",
        "attempts": "attempts",
        "held": "held up by",
        "rules": "rules",
        "versions": "versions",
        "details": "details",
        "echoes": "echoes",
    },
    stages={
        "validate": "check the event",
        "query_coupons": "ask for coupons",
        "evaluate_rules": "apply the rules",
        "dispatch_push": "send the push",
    },
)
