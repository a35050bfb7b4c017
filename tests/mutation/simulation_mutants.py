"""The mutants that the deterministic simulation notices: each within the first hundred universes."""

from tests.mutation.mutant import Edit, Mutant

CLAIM_HOLDER = "saving_alerts/pipeline/claim_holder.py"
DETECTOR = "saving_alerts/delivery/poison_pills/detector.py"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
PRECONDITIONS = "saving_alerts/pipeline/preconditions.py"
IN_FLIGHT = "saving_alerts/delivery/in_flight.py"
PARTITION_QUEUE = "saving_alerts/delivery/partition_queue.py"
PUBLISHER = "saving_alerts/delivery/publisher.py"
RECORD_WORK = "saving_alerts/delivery/record_work.py"
STAGE = "saving_alerts/delivery/stage_runner.py"

FIRST_HUNDRED = ("tests/deterministic/test_universes.py::test_every_promise_holds_in_the_first_hundred",)


def _noticed(name: str, *edits: tuple[str, str, str]) -> Mutant:
    """`edits` are file, old and new text."""
    return Mutant(f"in simulation: {name}", tuple(Edit(*each) for each in edits), FIRST_HUNDRED)


OF_DELIVERY = (
    _noticed(
        "acknowledge early",
        (
            STAGE,
            "        self._reach(Failpoint.AFTER_READ)\n",
            "        self._reach(Failpoint.AFTER_READ)\n        event.ack()\n",
        ),
    ),
    _noticed(
        "acknowledge before it is published",
        (
            STAGE,
            (
                "            await self._publisher.publish(list(by_partition(ended)))\n"
                "        finally:\n"
                "            self._held_back.publishing -= places\n"
                "        for each in ended:\n"
                "            self._finish(each.batch, each.result)\n"
            ),
            (
                "            for each in ended:\n"
                "                self._finish(each.batch, each.result)\n"
                "            await self._publisher.publish(list(by_partition(ended)))\n"
                "        finally:\n"
                "            self._held_back.publishing -= places\n"
            ),
        ),
    ),
    _noticed(
        "acknowledge what waits to be written together",
        (
            STAGE,
            "                self._shared_writes.add(Ended(batch, record, rest))\n",
            (
                "                self._finish(batch, rest)\n"
                "                self._start(self._publisher.publish([(record, rest)]))\n"
            ),
        ),
    ),
    _noticed(
        "do not await the outputs",
        (
            PUBLISHER,
            "        undelivered = await self._producer.deliver(",
            "        undelivered, _ = [], __import__('asyncio').ensure_future(self._producer.deliver(",
        ),
        (
            PUBLISHER,
            "self._writer.outputs(*part)])\n",
            "self._writer.outputs(*part)]))\n",
        ),
    ),
    _noticed(
        "acknowledge out of order",
        (
            IN_FLIGHT,
            "        acknowledged = list(row.finished_head())\n",
            (
                "        row.entries.remove(entry)\n"
                "        row.uncommitted -= entry.records\n"
                "        row.uncommitted_bytes -= entry.bytes\n"
                "        acknowledged = [entry.batch]\n"
            ),
        ),
    ),
    _noticed(
        "accept late acknowledgements",
        (
            STAGE,
            "        self._in_flight.close()\n",
            (
                "        for row in self._in_flight._rows.values():\n"
                "            for entry in row.entries:\n"
                "                entry.batch.event.ack()\n"
            ),
        ),
    ),
    _noticed("drain without a limit", (STAGE, "timeout=max(0, seconds))", "timeout=None)")),
    _noticed(
        "drain and abandon nothing",
        (STAGE, "            if not drain.waits_for(task):\n", "            if False:\n"),
        (STAGE, "        await self._abandon(set(self._tasks))\n", ""),
    ),
    _noticed(
        "leave what is tried alone behind",
        (DETECTOR, "            task.cancel()\n            await asyncio.gather(task, return_exceptions=True)\n", ""),
    ),
    _noticed(
        "write what was abandoned",
        (PARTITION_QUEUE, "        return self.done.cancelled()\n", "        return False\n"),
    ),
    _noticed(
        "no bound of what is in flight",
        (STAGE, "        if self._in_flight.is_full(partition):\n", "        if False:\n"),
    ),
    _noticed(
        "count what was handed on only when it is taken",
        (STAGE, "        self._in_flight.expect(partition, records, size_bytes)\n", ""),
    ),
    _noticed(
        "never resume a partition",
        (STAGE, "            self._services.flow_control.resume(partition)\n", "            pass\n"),
    ),
    _noticed(
        "one user twice in work",
        (
            RECORD_WORK,
            "before = None if self._order.is_by_step else self._last_of_key.get(record.key)",
            "before = None",
        ),
    ),
)
OF_CLAIMS = (
    _noticed(
        "release after an unclear attempt",
        (
            CLAIM_HOLDER,
            "        if unclear or self.taken_over or self._claim is None:\n",
            "        if self._claim is None:\n",
        ),
        (DISPATCH, "return await self._uncertain() if self.stays_charged else decided", "return decided"),
    ),
    _noticed(
        "take an unclear attempt for a refused one",
        (DISPATCH, "self.unclear = self.unclear or isinstance(attempt, Unclear)", "self.unclear = False"),
    ),
    _noticed(
        "forget that a claim was taken over",
        (CLAIM_HOLDER, "self.taken_over = self.taken_over or reservation.taken_over", "self.taken_over = False"),
    ),
    _noticed(
        "attempt past the lease",
        (
            DISPATCH,
            "        if lease_until - self.dispatcher.clock.now() < self.dispatcher.lease_left:\n",
            "        if lease_until is None:\n",
        ),
    ),
    _noticed(
        "attempt again without a renewal",
        (
            CLAIM_HOLDER,
            "(lease_until := await self._renew(self._claim)):\n            return lease_until\n",
            "self._lease_until:\n            return self._lease_until\n",
        ),
    ),
    _noticed(
        "Request-Not-After without the deadline",
        (DISPATCH, "self._attempt(min(lease_until, self.alert.deadline))", "self._attempt(lease_until)"),
    ),
    _noticed(
        "no look at the deadline before an attempt",
        (PRECONDITIONS, "        if self.is_late:\n            return self.late(None)\n", ""),
        (DISPATCH, "(may_start and self._no_claim() is None)", "self._no_claim() is None"),
        (DISPATCH, "        if not may_start:\n            return None  # the deadline is about to pass\n", ""),
    ),
    _noticed(
        "no look at the kill switches",
        (PRECONDITIONS, "        if switch := active_switch(", "        if False and active_switch("),
    ),
    _noticed(
        "another key for each attempt",
        (
            DISPATCH,
            "        key = idempotency_key(self.alert.user_id, self.alert.event_id)\n",
            "        key = idempotency_key(self.alert.user_id, self.alert.event_id) + str(len(self.attempts))\n",
        ),
    ),
)
OF_THE_TABLE = (
    _noticed(
        "do not await the Table",
        (
            CLAIM_HOLDER,
            "        await self.push_sends.record(alert.user_id, send)\n",
            "        import asyncio\n        asyncio.ensure_future(self.push_sends.record(alert.user_id, send))\n",
        ),
    ),
    _noticed(
        "decide before confirm has ended",
        (
            CLAIM_HOLDER,
            "            await self.throttle.confirm(self._claim or self._new_claim(), uncertain=uncertain)\n",
            (
                "            import asyncio\n"
                "            claim = self._claim or self._new_claim()\n"
                "            asyncio.ensure_future(self.throttle.confirm(claim, uncertain=uncertain))\n"
            ),
        ),
    ),
    _noticed(
        "confirm before the Table",
        (
            CLAIM_HOLDER,
            (
                "        await self.remember(AlreadySent(charged_at, uncertain))\n"
                "        self.failpoints.reach(Failpoint.AFTER_TABLE_WRITE)\n"
            ),
            "",
        ),
        (
            CLAIM_HOLDER,
            "        self.failpoints.reach(Failpoint.AFTER_CONFIRM)\n",
            "        await self.remember(AlreadySent(charged_at, uncertain))\n",
        ),
    ),
    _noticed(
        "no look at the caps of the Table",
        (
            CLAIM_HOLDER,
            "        return CapReached(blocked.cap, blocked.until) if blocked else None\n",
            "        return None\n",
        ),
    ),
    _noticed(
        "charge an uncertain send from now",
        (CLAIM_HOLDER, "max(now, self._lease_until or now) if uncertain else now", "now"),
    ),
)
FIRST_HUNDRED_THAT_GATHER = (
    "tests/deterministic/test_universes.py::test_every_promise_holds_in_the_first_hundred_that_gather",
)
OF_SLOTS = (
    Mutant(
        "in simulation: a claim does not say who was gathered with it",
        (Edit("saving_alerts/pipeline/dispatch_ports.py", "slot=slot.event_ids_beside(alert)", "slot=()"),),
        FIRST_HUNDRED_THAT_GATHER,
    ),
    Mutant(
        "in simulation: slots by company only",
        (
            Edit(
                "saving_alerts/pipeline/dispatch_ports.py",
                "slot_times=slot_times(alert, slot.others, rules.choose_within)",
                "slot_times=None",
            ),
        ),
        FIRST_HUNDRED_THAT_GATHER,
    ),
    Mutant(
        "in simulation: what the Table knows outbids nobody",
        (Edit(CLAIM_HOLDER, "if send.event_id in self.slot", "if False"),),
        FIRST_HUNDRED_THAT_GATHER,
    ),
)
SIMULATION_MUTANTS = (*OF_DELIVERY, *OF_CLAIMS, *OF_THE_TABLE, *OF_SLOTS)
