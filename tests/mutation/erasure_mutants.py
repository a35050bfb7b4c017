"""The mutants of erasures: each forgets what has to be kept, keeps what has to be forgotten, or breaks the order."""

from tests.mutation.mutant import Edit, Mutant

SCRIPTS = "saving_alerts/adapters/claim_scripts"
ERASING = "saving_alerts/pipeline/erasing.py"
ERASED_SENDS = "saving_alerts/worker/erased_sends.py"
RECORDED = "saving_alerts/ledger/recorded_sends.py"
REMOVAL = "saving_alerts/ledger/removal.py"
TABLE = "saving_alerts/worker/push_sends_table.py"
ORDERS = "saving_alerts/adapters/standing_orders.py"
TOPIC = "saving_alerts/adapters/erasure_topic.py"
TURNS = "saving_alerts/pipeline/user_turns.py"

TEST_CONTRACT = "tests/contracts/test_throttle_erasure_contract.py"
TEST_ERASING = "tests/unit/pipeline/test_erasing.py"
TEST_ORDERS = "tests/unit/adapters/test_standing_orders.py"
TEST_REFILL = "tests/integration/commands/test_throttle.py"
TEST_REMOVAL = "tests/unit/ledger/test_removal.py"
TEST_SENDS = "tests/unit/worker/test_erased_sends.py"
TEST_TOPIC = "tests/integration/adapters/test_erasure_topic.py"

ERASURE_MUTANTS = (
    Mutant(
        "erase a claim that lives",
        (Edit(f"{SCRIPTS}/erase.lua", "  if busy_until then return {'busy', busy_until} end\n", ""),),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "erase the charge with the user",
        (
            Edit(
                f"{SCRIPTS}/erase.lua",
                "  if #entries + #released > 0 then save_key(KEYS[2], entries, released) end\n",
                "",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "erase the released numbers with the user",
        (
            Edit(
                f"{SCRIPTS}/erase.lua",
                "then save_key(KEYS[2], entries, released) end",
                "then save_key(KEYS[2], entries, {}) end",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "find an erased event by its merchant only",
        (
            Edit(
                f"{SCRIPTS}/state.lua",
                "  if value.event_id == ERASED.event_id then value.event_id = EVENT_ID end\n",
                "",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "keep an erased claim beside the send that takes its place",
        (
            Edit(
                f"{SCRIPTS}/state.lua",
                "  if user.was_erased then save_key(",
                "  if false then save_key(",
            ),
        ),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "keep the user beside the token",
        (Edit(f"{SCRIPTS}/erase.lua", "  redis.call('DEL', KEYS[1])\n", ""),),
        (TEST_CONTRACT,),
    ),
    Mutant(
        "tombstones before tokens",
        (
            Edit(
                TABLE,
                "        for _, said in found:\n",
                "        await self.remove(partition, [key for key, _ in found])\n        for _, said in found:\n",
            ),
        ),
        (TEST_SENDS,),
    ),
    Mutant(
        "tombstones without tokens",
        (
            Edit(
                TABLE,
                "            for key in self._erased.keys_for(user_id, said):\n",
                "            for key in ():\n",
            ),
        ),
        (TEST_SENDS,),
    ),
    Mutant(
        "count a send twice between token and tombstone",
        (Edit(ERASED_SENDS, "*map(event_at, sends))", ")"),),
        (TEST_SENDS,),
    ),
    Mutant(
        "free a user of whom something could not be read",
        (Edit(ERASED_SENDS, "            yield user + END_OF_USER + UNREADABLE_ROW\n", ""),),
        (TEST_SENDS,),
    ),
    Mutant(
        "bring an erased user back when the event comes again",
        (Edit(TABLE, "        return erased if erased in ", "        return row if erased in "),),
        (TEST_SENDS,),
    ),
    Mutant(
        "erase the rows although the claims could not be",
        (
            Edit(
                ERASING,
                "                if await self.throttle.erase(user_id) is not None:\n",
                "                if await self.throttle.erase(user_id) is False:\n",
            ),
        ),
        (TEST_ERASING,),
    ),
    Mutant(
        "erase beside a dispatch of the user",
        (Edit(TURNS, "if user_id in self._dispatching or ", "if "),),
        (TEST_ERASING,),
    ),
    Mutant(
        "dispatch beside an erasure of the user",
        (Edit(TURNS, "            await erasing.wait()\n", "            break\n"),),
        (TEST_ERASING,),
    ),
    Mutant(
        "take the order off before its work",
        (
            Edit(
                TOPIC,
                "            not_yet = await self._erase(order.user_id, number)\n",
                "            await self._take_off([(number, key)])\n"
                "            not_yet = await self._erase(order.user_id, number)\n",
            ),
        ),
        (TEST_TOPIC,),
    ),
    Mutant(
        "carry out orders of partitions that are another's",
        (Edit(TOPIC, "            if number not in self._owned():\n                continue\n", ""),),
        (TEST_TOPIC,),
    ),
    Mutant(
        "carry out an order whose tombstone was not read yet",
        (Edit(TOPIC, " if number not in self._ends]", "]"),),
        (TEST_TOPIC,),
    ),
    Mutant(
        "take an order off that was given meanwhile",
        (Edit(ORDERS, "order and takes_off(tombstone.headers, order.offset)", "order"),),
        (TEST_ORDERS,),
    ),
    Mutant(
        "read orders without room from the beginning",
        (Edit(TOPIC, "consumer.seek(partition, orders.missed_from)", "consumer.seek(partition, 0)"),),
        (TEST_TOPIC,),
    ),
    Mutant(
        "refill what has a tombstone",
        (Edit(RECORDED, 'each.offset > erased.get(each.key or b"", -1)', "each.offset >= 0"),),
        (TEST_REFILL,),
    ),
    Mutant(
        "promise that a record goes without its segment",
        (Edit(REMOVAL, "_later(written, retention + segment)", "_later(written, retention)"),),
        (TEST_REMOVAL,),
    ),
)
