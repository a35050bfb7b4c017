"""The mutants of consent, which unit tests notice within seconds."""

from tests.mutation.mutant import Edit, Mutant

CONSENT = "saving_alerts/domain/consent.py"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
PRECONDITIONS = "saving_alerts/pipeline/preconditions.py"
KNOWN = "saving_alerts/adapters/known_consent.py"
RECORDS = "saving_alerts/adapters/consent_records.py"
STEPS = "saving_alerts/pipeline/steps.py"
TOPIC = "saving_alerts/adapters/consent_topic.py"

TEST_CONSENT = "tests/unit/domain/test_consent.py"
TEST_DISPATCH = "tests/unit/pipeline/test_dispatch_consent.py"
TEST_KNOWN = "tests/unit/adapters/test_known_consent.py"
TEST_RECORDS = "tests/unit/adapters/test_consent_records.py"
TEST_STEPS = "tests/unit/pipeline/test_query_coupons.py"
TEST_TOPIC = "tests/integration/adapters/test_consent_topic.py"

CONSENT_MUTANTS = (
    Mutant(
        "attempt without a look at the consent",
        (
            Edit(
                PRECONDITIONS,
                "        if isinstance(against := self.against(), OptedOut):\n"
                '            return Unmet(Reason.NO_CONSENT, {"consent": against.why})\n',
                "",
            ),
        ),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "take what is not known for an opt-out",
        (Edit(PRECONDITIONS, "isinstance(against := self.against(), OptedOut)", "against := self.against()"),),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "wait for the consent with a claim",
        (
            Edit(
                DISPATCH,
                "        await self.dispatcher.consent.wait_until_known(self.alert.user_id, self.alert.deadline)\n",
                "",
            ),
        ),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "ask the Coupon API about who has opted out",
        (Edit(STEPS, "    if against is not None:\n", "    if False:\n"),),
        (TEST_STEPS,),
    ),
    Mutant(
        "know for ever what was known once",
        (Edit(KNOWN, "return known_at is not None and ", "return known_at is not None or "),),
        (TEST_KNOWN,),
    ),
    Mutant(
        "let a worker that slept lift an opt-out",
        (Edit(CONSENT, "return known is not None and is_older(", "return False and is_older("),),
        (TEST_CONSENT,),
    ),
    Mutant(
        "leave overwritten what a worker that slept overwrites",
        (Edit(CONSENT, "            self._overwritten[change.key] = None\n", "            pass\n"),),
        (TEST_CONSENT,),
    ),
    Mutant(
        "opt nobody out where a change cannot be read",
        (
            Edit(
                CONSENT,
                "    return not isinstance(read, Unreadable) and read.push.consent",
                "    return isinstance(read, Unreadable) or read.push.consent",
            ),
        ),
        (TEST_CONSENT,),
    ),
    Mutant(
        "pass over a batch of changes that is refused",
        (Edit(RECORDS, "why.encode()) for number in range(among)]", "why.encode()) for number in range(0)]"),),
        (TEST_RECORDS,),
    ),
    Mutant(
        "believe a time ahead of our clock",
        (Edit(RECORDS, "max(0, min(record.timestamp, now_ms))", "max(0, record.timestamp)"),),
        (TEST_RECORDS,),
    ),
    Mutant(
        "know what nobody has re-keyed",
        (Edit(TOPIC, "                await progress.until_rekeyed(self._waits_for)\n", ""),),
        (TEST_TOPIC,),
    ),
)
