"""The mutants of users who are kept back as control."""

from tests.mutation.mutant import Edit, Mutant

CHARGE = "saving_alerts/adapters/claim_scripts/charge_control.lua"
CONFIRM = "saving_alerts/adapters/claim_scripts/confirm.lua"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
HOLDER = "saving_alerts/pipeline/claim_holder.py"
DECISIONS = "saving_alerts/pipeline/push_decisions.py"
REPLAY = "saving_alerts/simulation/replay.py"
ROWS = "saving_alerts/kafka/push_send_rows.py"
SENDS = "saving_alerts/domain/push_sends.py"

TEST_CLAIMS = ("tests/contracts/test_throttle_contract.py",)
TEST_DISPATCH = ("tests/unit/pipeline/test_dispatch_control.py",)
TEST_SLOTS = ("tests/contracts/test_throttle_slots_contract.py",)
TEST_GATHERED = ("tests/unit/pipeline/test_gathered_control.py",)
TEST_REPLAYED_SLOTS = ("tests/unit/simulation/test_slots.py",)
TEST_REPLAY = ("tests/unit/simulation/test_simulate.py",)
TEST_ROWS = ("tests/unit/kafka/test_push_send_rows.py",)
TEST_SENDS = ("tests/unit/domain/test_push_sends.py",)

CONTROL_IN_SLOTS = (
    Mutant(
        "forget the slot of a charge as control",
        (Edit(CHARGE, "  return charged(send)\n", "  send.slot = nil\n  save_user(user)\n  return charged(send)\n"),),
        TEST_SLOTS,
    ),
    Mutant(
        "charge as control who was outbid",
        (
            Edit(
                CHARGE,
                "  return obstacle(user) or charge_anew(user)\n",
                "  local found = obstacle(user)\n"
                "  return found and found[1] ~= 'outbid' and found or charge_anew(user)\n",
            ),
        ),
        TEST_SLOTS,
    ),
    Mutant(
        "charge as control while the partitions go",
        (Edit(HOLDER, "        self.drain.begin(anew=True)\n", ""),),
        TEST_GATHERED,
    ),
    Mutant(
        "say that the push of a slot was sent where nobody got it",
        (Edit(DECISIONS, "_won(obstacle, slot) | counted_as_control(winners)", "_won(obstacle, slot)"),),
        TEST_GATHERED,
    ),
    Mutant(
        "simulate a push of a slot beside a charge as control",
        (Edit(REPLAY, "reason in (Reason.PUSHED, Reason.CONTROL)", "reason is Reason.PUSHED"),),
        TEST_REPLAYED_SLOTS,
    ),
)

CONTROL_MUTANTS = (
    Mutant(
        "push to who is kept back",
        (Edit(DISPATCH, "return self.alert.control and not (", "return False and not ("),),
        TEST_DISPATCH,
    ),
    Mutant(
        "charge as control what may have been sent",
        (
            Edit(
                DISPATCH,
                "return await self._unless_charged(decided) if known.control else decided",
                "return decided",
            ),
        ),
        TEST_DISPATCH,
    ),
    Mutant(
        "push under a claim that another has given back meanwhile",
        (Edit(DISPATCH, "if self._is_kept_back or isinstance(", "if isinstance("),),
        TEST_DISPATCH,
    ),
    Mutant(
        "tell expired what may be charged as control",
        (Edit(DISPATCH, "if self.claim.may_be_charged and not self.stays_charged:", "if False:"),),
        TEST_DISPATCH,
    ),
    Mutant(
        "charge over a cap that only the Table knows",
        (Edit(HOLDER, "if self._in_the_table() is not None and not isinstance(", "if False and not isinstance("),),
        TEST_DISPATCH,
    ),
    Mutant(
        "charge as control over a full cap",
        (Edit(CHARGE, "return obstacle(user) or charge_anew(user)", "return charge_anew(user)"),),
        TEST_CLAIMS,
    ),
    Mutant(
        "charge as control in place of a claim",
        (
            Edit(
                CHARGE,
                "  if own and is_claim(own) then return {'known'} end\n",
                "  if own and is_claim(own) then own = nil end\n",
            ),
        ),
        TEST_CLAIMS,
    ),
    Mutant(
        "leave a charge as control where a push was confirmed",
        (Edit(CONFIRM, "and not own.control and", "and"),),
        TEST_CLAIMS,
    ),
    Mutant(
        "write the row of a push with one more field",
        (Edit(ROWS, "fields if self.control else fields[:-1]", "fields"),),
        TEST_ROWS,
    ),
    Mutant(
        "count a push from when its user was charged as control",
        (Edit(SENDS, "send if known.control else", "send if False else"),),
        TEST_SENDS,
    ),
    Mutant(
        "simulate without charging who is kept back",
        (
            Edit(
                REPLAY,
                '        state.sends.append(CountedSend(event.merchant_id or "", at))\n',
                "        if otherwise is Reason.PUSHED:\n"
                '            state.sends.append(CountedSend(event.merchant_id or "", at))\n',
            ),
        ),
        TEST_REPLAY,
    ),
    *CONTROL_IN_SLOTS,
)
