"""The mutants of budgets of a day."""

from tests.mutation.mutant import Edit, Mutant

BUDGETS = "saving_alerts/adapters/claim_scripts/budgets.lua"
KNOWN = "saving_alerts/adapters/claim_scripts/known_since.lua"
RELEASE = "saving_alerts/adapters/claim_scripts/release.lua"
DOMAIN = "saving_alerts/domain/budgets.py"
HOLDER = "saving_alerts/pipeline/claim_holder.py"
DISPATCH = "saving_alerts/pipeline/dispatch.py"
REPLAY = "saving_alerts/simulation/replay.py"
TOGETHER = "saving_alerts/simulation/in_order.py"
SHARED = "saving_alerts/simulation/all_partitions.py"

TEST_CLAIMS = ("tests/contracts/test_throttle_budgets_contract.py", "tests/contracts/test_throttle_budgets_machine.py")
TEST_DAYS = ("tests/unit/domain/test_budgets.py",)
TEST_DISPATCH = ("tests/unit/pipeline/test_dispatch_budgets.py",)
TEST_UNIVERSES = ("tests/deterministic/test_universes.py::test_budgets_are_taken_and_spent_in_them",)
TEST_REPLAY = ("tests/unit/simulation/test_budgets.py",)
TEST_STAGES = ("tests/unit/simulation/test_stages_agree.py",)

BUDGET_MUTANTS = (
    Mutant(
        "take nothing of a budget", (Edit(BUDGETS, "COUNTED.taken[index] + 1", "COUNTED.taken[index]"),), TEST_CLAIMS
    ),
    Mutant("keep what a claim gave back", (Edit(RELEASE, "    give_back(own.budgets or {})\n", ""),), TEST_CLAIMS),
    Mutant(
        "give back to the next day",
        (Edit(BUDGETS, " and stored.ends == parts[budget.name]", ""),),
        TEST_CLAIMS,
    ),
    Mutant(
        "go on with yesterday's budget",
        (Edit(BUDGETS, "goes_on and stored.taken or 0", "stored and stored.taken or 0"),),
        TEST_CLAIMS,
    ),
    Mutant(
        "begin anew where Redis forgot",
        (Edit(BUDGETS, "  return math.max(taken, released(budget, since))\n", "  return taken\n"),),
        TEST_CLAIMS,
    ),
    Mutant("trust any server with a budget", (Edit(KNOWN, " known.run == run and", ""),), TEST_CLAIMS),
    Mutant("leave the day to the worker's clock", (Edit(BUDGETS, " or NOW >= budget.till", ""),), TEST_CLAIMS),
    Mutant("lend a budget out at once", (Edit(DOMAIN, "LENT_AHEAD = 12", "LENT_AHEAD = 1"),), TEST_DAYS),
    Mutant(
        "begin the day at midnight of UTC",
        (Edit(DOMAIN, 'zone_of(zone_name(budget, openings) or "") or ', ""),),
        TEST_DAYS,
    ),
    Mutant("push without a budget", (Edit(HOLDER, "            budgets=self.budgets(),\n", ""),), TEST_DISPATCH),
    Mutant(
        "push in universes without a budget",
        (Edit(HOLDER, "            budgets=self.budgets(),\n", ""),),
        TEST_UNIVERSES,
    ),
    Mutant(
        "end an event on another day",
        (
            Edit(
                DISPATCH,
                "                return await self._if_late(None)  # the next try names another day\n",
                "                return self._ended(self.preconditions.late(None))\n",
            ),
        ),
        TEST_DISPATCH,
    ),
    Mutant(
        "simulate a budget that control users take",
        (Edit(REPLAY, "        elif otherwise is Reason.PUSHED:\n", "        else:\n"),),
        TEST_REPLAY,
    ),
    Mutant(
        "simulate partitions in any order",
        (Edit(TOGETHER, "heapreplace(heads, (following.timestamp, ", "heapreplace(heads, (-following.timestamp, "),),
        TEST_REPLAY,
    ),
    Mutant(
        "simulate gatherings that end last of all",
        (Edit(SHARED, "(until is None or self._due[0][0] <= until)", "until is None"),),
        TEST_STAGES,
    ),
    Mutant(
        "simulate a departure before what stands against a push",
        (
            Edit(
                REPLAY,
                "            reason = Reason.OUTBID if is_taken else ",
                "            reason = Reason.LEFT if each.has_left else Reason.OUTBID if is_taken else ",
            ),
        ),
        TEST_STAGES,
    ),
)
