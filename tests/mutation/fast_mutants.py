"""The mutants that a unit test notices within seconds, without Kafka."""

from tests.mutation.mutant import Edit, Mutant

APP = "saving_alerts/app.py"
CONSUMER = "saving_alerts/delivery/consumer.py"
EXTERNAL = "saving_alerts/worker/external_factories.py"

TEST_APP = "tests/unit/test_app.py"
TEST_COMMITS = "tests/unit/delivery/test_consumer_commits.py"
TEST_EXTERNAL = "tests/unit/worker/test_external_factories.py"

FAST_MUTANTS = (
    Mutant(
        "outputs that one broker has",
        (Edit(EXTERNAL, '        acks="all",\n        enable_idempotence=True,\n', "        acks=1,\n"),),
        (TEST_EXTERNAL,),
    ),
    Mutant(
        "outputs without idempotence",
        (Edit(EXTERNAL, "        enable_idempotence=True,\n", ""),),
        (TEST_EXTERNAL,),
    ),
    Mutant(
        "a changelog that one broker has",
        (Edit(APP, '"producer_acks": -1,', '"producer_acks": 1,'),),
        (TEST_APP,),
    ),
    Mutant(
        "begin at the end of a partition",
        (Edit(APP, '"consumer_auto_offset_reset": "earliest"', '"consumer_auto_offset_reset": "latest"'),),
        (TEST_APP,),
    ),
    Mutant(
        "a thousand times the patience",
        (
            Edit(
                APP,
                "seconds = app.runtime, settings.standstill_seconds\n",
                "seconds = app.runtime, 1_000 * settings.standstill_seconds\n",
            ),
        ),
        (TEST_APP,),
    ),
    Mutant(
        "keep what was finished in vain",
        (Edit(CONSUMER, "        self._acked.clear()\n", ""),),
        (TEST_COMMITS,),
    ),
    Mutant(
        "take what comes again for finished",
        (Edit(CONSUMER, "        self._acked_index.clear()\n", ""),),
        (TEST_COMMITS,),
    ),
    Mutant(
        "wait for what was abandoned",
        (Edit(CONSUMER, "        self._unacked_messages.clear()\n", ""),),
        (TEST_COMMITS,),
    ),
    Mutant(
        "read on what has gone",
        (Edit(CONSUMER, "        self._buffered_partitions.clear()\n", ""),),
        (TEST_COMMITS,),
    ),
    Mutant(
        "no commit before partitions go",
        (
            Edit(
                CONSUMER,
                "        await self._commit_in_time()\n        await super().on_partitions_revoked(revoked)\n",
                "        await super().on_partitions_revoked(revoked)\n",
            ),
        ),
        (TEST_COMMITS,),
    ),
    Mutant(
        "take a failed commit for done",
        (Edit(CONSUMER, "            self._put_back(offsets)\n", "            pass\n"),),
        (TEST_COMMITS,),
    ),
)
