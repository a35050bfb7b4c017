"""The mutants of slots, by who was gathered and by the times of events."""

from tests.mutation.mutant import Edit, Mutant

STATE = "saving_alerts/adapters/claim_scripts/state.lua"
OBSTACLES = "saving_alerts/adapters/claim_scripts/obstacles.lua"
SLOT_TIMES = "saving_alerts/pipeline/slot_times.py"

TEST_TIMES = ("tests/contracts/test_throttle_slot_times_contract.py",)
TEST_SPREAD = ("tests/unit/pipeline/test_gathered_dispatch.py",)

SLOT_MUTANTS = (
    Mutant(
        "compare no times of slots",
        (Edit(OBSTACLES, " or lies_in_slot(entry, told.times) then return entry end\n", " then return entry end\n"),),
        TEST_TIMES,
    ),
    Mutant(
        "let the next slot begin a moment too late",
        (Edit(OBSTACLES, "  return at < entry.slot_ends\n", "  return at <= entry.slot_ends\n"),),
        TEST_TIMES,
    ),
    Mutant(
        "forget when the slot of a claim began that is taken over",
        (Edit(STATE, "= first_times(entry, told.times)\n", "= told.times[2], told.times[3]\n"),),
        TEST_TIMES,
    ),
    Mutant(
        "read times of a slot that nobody of us wrote",
        (Edit(STATE, "  if not has_slot_times(value) then return false end\n", ""),),
        TEST_TIMES,
    ),
    Mutant(
        "give a winner the first of several slots that were gathered together",
        (Edit(SLOT_TIMES, "max(span for span", "min(span for span"),),
        TEST_SPREAD,
    ),
)
