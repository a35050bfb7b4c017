"""The mutants of when a rule speaks, and of who stands behind it."""

from tests.mutation.mutant import Edit, Mutant

APPROVALS = "saving_alerts/reference_data/approvals.py"
LOADER = "saving_alerts/reference_data/loader.py"
PROPOSALS = "saving_alerts/reference_data/proposals.py"
RULE_DECISIONS = "saving_alerts/pipeline/rule_decisions.py"
STORE_HOURS = "saving_alerts/domain/rules/store_hours.py"

TEST_EVALUATE_RULES = "tests/unit/pipeline/test_evaluate_rules.py"
TEST_PROPOSALS = "tests/unit/reference_data/test_proposals.py"
TEST_STORE_HOURS = "tests/unit/domain/rules/test_store_hours.py"

MOMENT_MUTANTS = (
    Mutant(
        "a store that opens at the earlier of two moments",
        (Edit(STORE_HOURS, "max(_readings(begin, zone))", "min(_readings(begin, zone))"),),
        (TEST_STORE_HOURS,),
    ),
    Mutant(
        "a store that is open on its closed days",
        (Edit(STORE_HOURS, " or day.isoformat() in opening.closed_days:", ":"),),
        (TEST_STORE_HOURS,),
    ),
    Mutant(
        "an alert that outlives its store's hours",
        (
            Edit(
                RULE_DECISIONS,
                "return ends if ends is not None and ends[0] < deadline else (deadline, None)",
                "return deadline, None",
            ),
        ),
        (TEST_EVALUATE_RULES,),
    ),
    Mutant(
        "rules that their author approves",
        (Edit(PROPOSALS, "if by.id == proposed.author:", "if not by.id:"),),
        (TEST_PROPOSALS,),
    ),
    Mutant(
        "approvals of any file with the same version",
        (Edit(APPROVALS, " or written.sha256 != digest_of(body)", ""),),
        (TEST_PROPOSALS,),
    ),
    Mutant(
        "workers that take what one has published alone",
        (Edit(LOADER, "if self._policy.rules_need_approval and", "if not self._policy.rules_need_approval and"),),
        (TEST_PROPOSALS,),
    ),
)
