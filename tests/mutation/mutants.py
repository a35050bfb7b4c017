"""The mutants: each breaks one protection, and names the tests that must fail then.

Where either of two protections is enough, a mutant breaks both.
"""

from tests.mutation.budget_mutants import BUDGET_MUTANTS
from tests.mutation.canary_mutants import CANARY_MUTANTS
from tests.mutation.client_mutants import CLIENT_MUTANTS
from tests.mutation.consent_mutants import CONSENT_MUTANTS
from tests.mutation.control_mutants import CONTROL_MUTANTS
from tests.mutation.drain_mutants import DRAIN_MUTANTS
from tests.mutation.erasure_mutants import ERASURE_MUTANTS
from tests.mutation.fast_mutants import FAST_MUTANTS
from tests.mutation.moment_mutants import MOMENT_MUTANTS
from tests.mutation.mutant import Edit, Mutant
from tests.mutation.results_mutants import RESULTS_MUTANTS
from tests.mutation.simulation_mutants import SIMULATION_MUTANTS
from tests.mutation.slot_mutants import SLOT_MUTANTS

STAGE = "saving_alerts/delivery/stage_runner.py"
PUBLISHER = "saving_alerts/delivery/publisher.py"
CONSUMER = "saving_alerts/delivery/consumer.py"
CONSUMER_THREAD = "saving_alerts/delivery/consumer_thread.py"
FLOW_CONTROL = "saving_alerts/delivery/flow_control.py"
IN_FLIGHT = "saving_alerts/delivery/in_flight.py"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
CLAIM_HOLDER = "saving_alerts/pipeline/claim_holder.py"
SCRIPTS = "saving_alerts/adapters/claim_scripts"

HEAD_OF_LINE_BLOCKING = ("tests/faults/test_head_of_line_blocking.py",)
PUSH_ATTEMPTS = ("tests/faults/test_push_attempts.py",)
HUNG_API = ("tests/end_to_end/test_hung_coupon_api.py",)
# Only the test of what is lost, not the tests of how fast the workers end.
NOTHING_LOST = ("tests/end_to_end/test_hung_coupon_api.py::test_the_next_worker_decides_all_that_was_held",)
MUTANTS = (
    Mutant(
        "acknowledge early",
        (
            Edit(
                STAGE,
                "        self._reach(Failpoint.AFTER_READ)\n",
                "        self._reach(Failpoint.AFTER_READ)\n        event.ack()\n",
            ),
        ),
        HEAD_OF_LINE_BLOCKING,
    ),
    Mutant(
        "do not await the outputs",
        (
            Edit(
                PUBLISHER,
                "        undelivered = await self._producer.deliver(",
                "        undelivered, _ = [], __import__('asyncio').ensure_future(self._producer.deliver(",
            ),
            Edit(PUBLISHER, "self._writer.outputs(*part)])\n", "self._writer.outputs(*part)]))\n"),
        ),
        ("tests/faults/test_not_enough_replicas.py",),
    ),
    # Batches are acknowledged in order and the commit stays below the lowest unacknowledged one: either is enough.
    Mutant(
        "commit past what is unacknowledged",
        (
            Edit(
                CONSUMER,
                "        lowest_unacked = self._lowest_unacked()\n",
                "        lowest_unacked: dict[TP, int] = {}\n",
            ),
            Edit(
                IN_FLIGHT,
                "        acknowledged = list(row.finished_head())\n",
                "        acknowledged = [entry.batch]\n",
            ),
        ),
        HEAD_OF_LINE_BLOCKING,
    ),
    Mutant(
        "drop what was fetched at the wrong time",
        (
            Edit(
                CONSUMER_THREAD,
                "        if state is not None and state.position == fetched.left_at.get(tp):\n",
                "        if state is None:\n",
            ),
        ),
        ("tests/faults/test_rebalances.py", "-k", "restarted"),
    ),
    Mutant(
        "drain without a limit",
        (Edit(STAGE, "timeout=max(0, seconds))", "timeout=None)"),),
        HUNG_API,
    ),
    # A late acknowledgement, of work that was abandoned, which `InFlight` refuses once it is closed.
    Mutant(
        "accept late acknowledgements",
        (
            Edit(
                STAGE,
                "        self._in_flight.close()\n",
                "        for row in self._in_flight._rows.values():\n"
                "            for entry in row.entries:\n"
                "                entry.batch.event.ack()\n",
            ),
        ),
        NOTHING_LOST,
    ),
    Mutant(
        "pause partitions",
        (
            Edit(
                FLOW_CONTROL,
                "self._app.consumer.on_buffer_full(_faust_partition(partition))",
                "self._app.consumer.pause_partitions({_faust_partition(partition)})",
            ),
            Edit(
                FLOW_CONTROL,
                "self._app.consumer.on_buffer_drop(_faust_partition(partition))",
                "self._app.consumer.resume_partitions({_faust_partition(partition)})",
            ),
        ),
        ("tests/faults/test_backpressure.py",),
    ),
    Mutant(
        "claim with a plain SET NX",
        (
            Edit(
                f"{SCRIPTS}/reserve.lua",
                "  if own then return reserve_again(user, own) end\n",
                "  if own then return {'busy', NOW + LEASE_MS, 0} end\n",
            ),
        ),
        ("tests/faults/test_every_failpoint.py", "-k", "after_reserve"),
    ),
    Mutant(
        "release after an unclear attempt",
        (
            Edit(
                CLAIM_HOLDER,
                "        if unclear or self.taken_over or self._claim is None:\n",
                "        if self._claim is None:\n",
            ),
            Edit(DISPATCH, "return await self._uncertain() if self.stays_charged else decided", "return decided"),
        ),
        PUSH_ATTEMPTS,
    ),
    # With real workers another owner has taken the claim over by then, and its token refuses the renewal as well: the
    # suite on real Kafka passed with this one. The contract asks the script itself.
    Mutant(
        "renew an ended lease",
        (
            Edit(
                f"{SCRIPTS}/renew.lua",
                "not own or not is_live(own) or not has_our_token(own)",
                "not own or not is_claim(own) or not has_our_token(own)",
            ),
        ),
        ("tests/contracts/test_throttle_contract.py", "tests/contracts/test_throttle_histories.py"),
    ),
    Mutant(
        "Request-Not-After without the deadline",
        (Edit(DISPATCH, "self._attempt(min(lease_until, self.alert.deadline))", "self._attempt(lease_until)"),),
        PUSH_ATTEMPTS,
    ),
    *FAST_MUTANTS,
    *CANARY_MUTANTS,
    *CLIENT_MUTANTS,
    *RESULTS_MUTANTS,
    *CONSENT_MUTANTS,
    *BUDGET_MUTANTS,
    *CONTROL_MUTANTS,
    *ERASURE_MUTANTS,
    *MOMENT_MUTANTS,
    *DRAIN_MUTANTS,
    *SIMULATION_MUTANTS,
    *SLOT_MUTANTS,
)
