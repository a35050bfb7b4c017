"""The mutants of how long a drain takes."""

from tests.mutation.mutant import Edit, Mutant

CHANGELOG_PRODUCER = "saving_alerts/delivery/changelog_producer.py"
DRAIN = "saving_alerts/pipeline/drain.py"
STAGE = "saving_alerts/delivery/stage_runner.py"

TEST_CHANGELOG_PRODUCER = "tests/unit/delivery/test_changelog_producer.py"
TEST_DRAIN = "tests/unit/pipeline/test_drain.py"
TEST_STAGE_DRAIN = "tests/unit/delivery/test_stage_drain.py"

DRAIN_MUTANTS = (
    Mutant(
        "a drain that cuts attempts off",
        (Edit(STAGE, "            if not drain.waits_for(task):\n", "            if True:\n"),),
        (TEST_STAGE_DRAIN,),
    ),
    Mutant(
        "a drain that waits for everything",
        (Edit(STAGE, "            if not drain.waits_for(task):\n", "            if False:\n"),),
        (TEST_STAGE_DRAIN,),
    ),
    Mutant(
        "claims while partitions go",
        (Edit(DRAIN, " or (anew and self._let_go_at is not None)", ""),),
        (TEST_DRAIN,),
    ),
    Mutant(
        "a drain that waits for another attempt",
        (Edit(DRAIN, "            if self._is_over():\n", "            if False:\n"),),
        (TEST_DRAIN,),
    ),
    Mutant(
        "a rebalance that waits for the changelog",
        (Edit(CHANGELOG_PRODUCER, "timeout=LAST_FLUSH_SECONDS)", "timeout=None)"),),
        (TEST_CHANGELOG_PRODUCER,),
    ),
)
