"""The mutants that a unit test notices within seconds, without Kafka."""

from tests.mutation.mutant import Edit, Mutant

APP = "saving_alerts/app.py"
CLAIM_HOLDER = "saving_alerts/pipeline/claim_holder.py"
CONSUMER = "saving_alerts/delivery/consumer.py"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
CLAIM_STATE = "saving_alerts/adapters/claim_scripts/state.lua"
CLAIM_RELEASE = "saving_alerts/adapters/claim_scripts/release.lua"
EXTERNAL = "saving_alerts/worker/external_factories.py"
FINISHED_BEFORE = "saving_alerts/delivery/poison_pills/finished_before.py"
FLOW_CONTROL = "saving_alerts/delivery/flow_control.py"
KILL_SWITCH_TOPIC = "saving_alerts/adapters/kill_switch_topic.py"
HELD_SENDS = "saving_alerts/worker/held_sends.py"
PUSH_SEND_ROWS = "saving_alerts/kafka/push_send_rows.py"
PUSH_SENDS_STORE = "saving_alerts/worker/push_sends_store.py"
PUSH_SENDS_TABLE = "saving_alerts/worker/push_sends_table.py"

TEST_APP = "tests/unit/test_app.py"
TEST_COMMITS = "tests/unit/delivery/test_consumer_commits.py"
TEST_THROTTLE = "tests/contracts/test_throttle_contract.py"
TEST_DISPATCH = "tests/unit/pipeline/test_dispatch_push.py"
TEST_EXTERNAL = "tests/unit/worker/test_external_factories.py"
TEST_FINISHED_BEFORE = "tests/unit/delivery/poison_pills/test_finished_before.py"
TEST_FLOW_CONTROL = "tests/unit/delivery/test_flow_control.py"
TEST_KILL_SWITCH_TOPIC = "tests/unit/adapters/test_kill_switch_topic.py"
TEST_TOO_MANY_SWITCHES = "tests/unit/adapters/test_too_many_kill_switches.py"
TEST_HELD_SENDS = "tests/unit/worker/test_held_sends.py"
TEST_PUSH_SEND_ROWS = "tests/unit/kafka/test_push_send_rows.py"
TEST_PUSH_SENDS_STORE = "tests/unit/worker/test_push_sends_store.py"
TEST_PUSH_SENDS_TABLE = "tests/unit/worker/test_push_sends_table.py"

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
        "note only what this owner has passed over",
        (Edit(FINISHED_BEFORE, "known.offsets.ranges if known is not None else ()", "()"),),
        (TEST_FINISHED_BEFORE,),
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
    Mutant(
        "take what a former assignment fetched",
        (Edit(FLOW_CONTROL, "bool(message.generation_id == self._app.consumer_generation_id)", "True"),),
        (TEST_FLOW_CONTROL,),
    ),
    Mutant(
        "charge an uncertain send from now",
        (Edit(CLAIM_HOLDER, "max(now, self._lease_until or now) if uncertain else now", "now"),),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "grant a lower number than was released",
        (
            Edit(
                CLAIM_STATE,
                "  if highest and is_at_most(NUMBER, highest.number) then return true end\n",
                "  if highest and NUMBER == highest.number then return true end\n",
            ),
        ),
        (TEST_THROTTLE,),
    ),
    Mutant(
        "look at the released numbers before the entry",
        (
            Edit(
                CLAIM_RELEASE,
                "  if not is_held and is_a_copy(user) then",
                "  if was_released(user) then",
            ),
        ),
        (TEST_THROTTLE,),
    ),
    Mutant(
        "look where a claim was asked for",
        (Edit(DISPATCH, "self.stays_charged or self.claim.is_asked_for or (", "("),),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "charge a former send from now",
        (
            Edit(
                DISPATCH,
                "self.claim.remember(known)",
                "self.claim.remember(AlreadySent(self.dispatcher.clock.now(), known.uncertain, known.control))",
            ),
        ),
        (TEST_DISPATCH,),
    ),
    Mutant(
        "look at one user per send",
        (Edit(PUSH_SENDS_TABLE, "LOOKED_AT_PER_SEND = 10", "LOOKED_AT_PER_SEND = 1"),),
        (TEST_PUSH_SENDS_TABLE,),
    ),
    Mutant(
        "do not await the changelog",
        (
            Edit(
                PUSH_SENDS_TABLE,
                "                await change\n",
                "                pass\n",
            ),
        ),
        (TEST_PUSH_SENDS_TABLE,),
    ),
    Mutant(
        "a key of the changelog for each event, whatever is said of its send",
        (
            Edit(
                PUSH_SEND_ROWS,
                "msgspec.json.encode(fields if self.control else fields[:-1])",
                "msgspec.json.encode((self.topic, self.partition, self.offset, self.event_id))",
            ),
        ),
        (TEST_PUSH_SEND_ROWS,),
    ),
    Mutant(
        "forget what a standby follows when a recovery ends",
        (Edit(PUSH_SENDS_STORE, "for tp in (*active_tps, *standby_tps)}", "for tp in active_tps}"),),
        (TEST_PUSH_SENDS_STORE,),
    ),
    Mutant(
        "take the changelog for read behind what others wrote",
        (Edit(HELD_SENDS, "if offset - 1 == self.complete_to:", "if self.complete_to is not None:"),),
        (TEST_HELD_SENDS,),
    ),
    Mutant(
        "keep users in their buckets when they are gone",
        (Edit(HELD_SENDS, "            self._buckets.clean(len(self._sends) + len(self._lists), self._has)\n", ""),),
        (TEST_HELD_SENDS,),
    ),
    Mutant(
        "take a failed change for written",
        (
            Edit(
                PUSH_SENDS_TABLE, "                await self._table.sleep(PAUSE_SECONDS)\n", "                return\n"
            ),
        ),
        (TEST_PUSH_SENDS_TABLE,),
    ),
    Mutant(
        "begin before the kill switches are read",
        (Edit(KILL_SWITCH_TOPIC, "        await self.wait(at_end.wait())\n", ""),),
        (TEST_KILL_SWITCH_TOPIC,),
    ),
    Mutant(
        "skip kill switches that were cut off",
        (Edit(KILL_SWITCH_TOPIC, 'auto_offset_reset="none"', 'auto_offset_reset="latest"'),),
        (TEST_KILL_SWITCH_TOPIC,),
    ),
    Mutant(
        "forget kill switches that had no room",
        (
            Edit(
                KILL_SWITCH_TOPIC,
                "while not self.should_stop and not (read.is_outdated and _now() >= again_at):",
                "while not self.should_stop:",
            ),
        ),
        (TEST_TOO_MANY_SWITCHES,),
    ),
    Mutant(
        "read kill switches again and again",
        (Edit(KILL_SWITCH_TOPIC, "(read.is_outdated and _now() >= again_at)", "read.is_outdated"),),
        (TEST_TOO_MANY_SWITCHES,),
    ),
    Mutant(
        "judge kill switches by what passed",
        (Edit(KILL_SWITCH_TOPIC, "if not read.rest or not read.can_tell_what_stands:", "if read:"),),
        (TEST_TOO_MANY_SWITCHES,),
    ),
)
