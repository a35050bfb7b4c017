"""The mutants of what pushes have brought about: texts in turn, the join, the count, the statistics."""

from tests.mutation.mutant import Edit, Mutant

JOIN = "saving_alerts/domain/results/join.py"
LEDGER = "saving_alerts/ledger/results.py"
LINKS = "saving_alerts/domain/results/links.py"
PARTITION = "saving_alerts/adapters/partition_results.py"
RECORDER = "saving_alerts/adapters/results_recorder.py"
TALLY = "saving_alerts/domain/results/tally.py"
VARIANTS = "saving_alerts/domain/rules/variants.py"
VERDICT = "saving_alerts/domain/uplift/verdict.py"

TEST_JOIN = ("tests/unit/domain/results/test_join.py",)
TEST_LEDGER = ("tests/unit/ledger/test_results.py",)
TEST_LINKS = ("tests/unit/domain/results/test_links.py",)
TEST_PARTITION = ("tests/unit/adapters/test_partition_results.py",)
TEST_VARIANTS = ("tests/unit/domain/rules/test_variants.py",)
TEST_VERDICT = ("tests/unit/domain/uplift/test_verdict.py",)

RESULTS_MUTANTS = (
    Mutant(
        "an id ties another coupon to an alert",
        (
            Edit(
                JOIN,
                "    if response.kind is Kind.OPENED and response.decision_id is not None:\n",
                "    if response.decision_id is not None:\n",
            ),
        ),
        TEST_JOIN,
    ),
    Mutant(
        "results of a push that is still to come",
        (Edit(JOIN, "assigned.assigned_at <= response.happened_at and ", ""),),
        TEST_JOIN,
    ),
    Mutant(
        "what was written is written again",
        (Edit(JOIN, "offset < self.committed.responses", "False"),),
        TEST_JOIN,
    ),
    Mutant(
        "one side before the commit is enough to be left out",
        (
            Edit(
                JOIN,
                "(alert.told_at < self.committed.decisions and offset < self.committed.responses)",
                "(alert.told_at < self.committed.decisions or offset < self.committed.responses)",
            ),
        ),
        TEST_JOIN,
    ),
    Mutant(
        "alerts without a limit",
        (Edit(JOIN, "while len(self._alerts) > self.max_alerts:", "while False:"),),
        TEST_JOIN,
    ),
    Mutant(
        "nothing is read again after a restart",
        (Edit(PARTITION, "str(needed if 0 <= needed < offset else offset)", "str(offset)"),),
        TEST_PARTITION,
    ),
    Mutant(
        "a commit goes back while all is read again",
        (Edit(PARTITION, "max(decisions, join.committed.decisions)", "decisions"),),
        TEST_PARTITION,
    ),
    Mutant(
        "responses do not wait for decisions",
        (Edit(RECORDER, "            consumer.pause(responses)\n", "            consumer.resume(responses)\n"),),
        TEST_PARTITION,
    ),
    Mutant(
        "a result that comes again counts again",
        (
            Edit(
                LEDGER,
                '        place = f"{result.response}:{result.kind}".encode()\n',
                '        place = f"{result.response}:{result.kind}:{len(self._joined)}".encode()\n',
            ),
        ),
        TEST_LEDGER,
    ),
    Mutant(
        "a user counts in the arm of the last alert",
        (Edit(TALLY, "        if at < self.since:\n", "        if at > self.since:\n"),),
        ("tests/unit/domain/results/test_tally.py",),
    ),
    Mutant(
        "a parameter of the link that is there is set again",
        (Edit(LINKS, " or _has(beginning, name):", ":"),),
        TEST_LINKS,
    ),
    Mutant(
        "whoever is in a rollout reads one text",
        (Edit(VARIANTS, r'f"variant\n{salt}\n{variant.id}\n{user_id}"', r'f"{salt}\n{user_id}"'),),
        TEST_VARIANTS,
    ),
    Mutant(
        "every day's look may end a comparison",
        (Edit(VERDICT, "CONFIDENCE if self.is_enough else EARLY_CONFIDENCE", "CONFIDENCE"),),
        TEST_VERDICT,
    ),
    Mutant(
        "a difference between arms of a broken split",
        (Edit(VERDICT, "        if self.split.is_broken:\n", "        if False:\n"),),
        TEST_VERDICT,
    ),
)
