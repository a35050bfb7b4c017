"""The mutants that a unit test notices within seconds, without Kafka."""

from tests.mutation.mutant import Edit, Mutant

APP = "saving_alerts/app.py"
EXTERNAL = "saving_alerts/worker/external_factories.py"

TEST_APP = "tests/unit/test_app.py"
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
)
