"""The mutants of slots, by who was gathered and by the times of events."""

from tests.mutation.mutant import Edit, Mutant

STATE = "saving_alerts/adapters/claim_scripts/state.lua"
OBSTACLES = "saving_alerts/adapters/claim_scripts/obstacles.lua"
LUA_TIMES = "saving_alerts/adapters/claim_scripts/slot_times.lua"

TEST_TIMES = ("tests/contracts/test_throttle_slot_times_contract.py",)

SLOT_MUTANTS = (
    Mutant(
        "begin a slot with what lies in a charged one",
        (Edit(LUA_TIMES, "if has_times and entry.slot_began <= at", "if false and entry.slot_began <= at"),),
        TEST_TIMES,
    ),
    Mutant(
        "compare no times of slots",
        (Edit(OBSTACLES, " or lies_in_slot(entry, at, ends) then return entry end\n", " then return entry end\n"),),
        TEST_TIMES,
    ),
    Mutant(
        "let the next slot begin a moment too late",
        (Edit(OBSTACLES, "  return at < entry.slot_ends\n", "  return at <= entry.slot_ends\n"),),
        TEST_TIMES,
    ),
    Mutant(
        "forget when the slot of a claim began that is taken over",
        (Edit(LUA_TIMES, "  if entry and entry.slot_began and not", "  if false and not"),),
        TEST_TIMES,
    ),
    Mutant(
        "read times of a slot that nobody of us wrote",
        (Edit(STATE, "  if not has_slot_times(value) then return false end\n", ""),),
        TEST_TIMES,
    ),
    Mutant(
        "give a winner the first of several slots that were gathered together",
        (Edit(LUA_TIMES, "      if not began or at >= ends then", "      if not began then"),),
        TEST_TIMES,
    ),
)
