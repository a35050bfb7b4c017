"""The mutants of rules that are tried on some of the users."""

from tests.mutation.mutant import Edit, Mutant

COUNTS = "saving_alerts/pipeline/canary_counts.py"
EVIDENCE = "saving_alerts/domain/canary/evidence.py"
LOADER = "saving_alerts/reference_data/canary_loader.py"
ORDER = "saving_alerts/domain/canary/order.py"
ORDERS = "saving_alerts/reference_data/canary_orders.py"
PRECONDITIONS = "saving_alerts/pipeline/preconditions.py"
SNAPSHOT = "saving_alerts/reference_data/snapshot.py"
STEPS = "saving_alerts/pipeline/steps.py"
STOPPED = "saving_alerts/domain/stopped_pushes.py"
TAKEN_BACK = "saving_alerts/worker/taken_back.py"
WATCH = "saving_alerts/worker/canary_watch.py"

TEST_AGENTS = ("tests/unit/test_agents.py",)
TEST_COUNTS = ("tests/unit/pipeline/test_canary_counts.py",)
TEST_DISPATCH = ("tests/unit/pipeline/test_dispatch_push.py",)
TEST_EVIDENCE = ("tests/unit/domain/canary/test_evidence.py",)
TEST_LOADER = ("tests/unit/reference_data/test_canary_loader.py",)
TEST_ORDER = ("tests/unit/domain/canary/test_order.py",)
TEST_ORDERS = ("tests/unit/reference_data/test_canary_orders.py",)
TEST_SETS = ("tests/unit/pipeline/test_two_sets.py",)
TEST_TAKEN_BACK = ("tests/unit/worker/test_taken_back.py",)
TEST_WATCH = ("tests/unit/worker/test_canary_watch.py",)

CANARY_MUTANTS = (
    Mutant(
        "give everybody the canary's rules at once",
        (Edit(ORDER, "is_in_canary(self.percent, self.version, user_id)", "True"),),
        TEST_ORDER,
    ),
    Mutant(
        "make an aborted canary everybody's when its time is over",
        (Edit(ORDER, "return not (self.closed or self.is_aborted)", "return not self.closed"),),
        TEST_ORDER,
    ),
    Mutant(
        "let a closed canary count again after a rollback",
        (Edit(ORDER, "return not (self.closed or self.is_aborted)", "return not self.is_aborted"),),
        TEST_LOADER,
    ),
    Mutant(
        "try rules whatever is live",
        (Edit(SNAPSHOT, "self._canary[0].instead_of == self._rules.version", "True"),),
        TEST_LOADER,
    ),
    Mutant(
        "use a canary that is taken back",
        (Edit(SNAPSHOT, " and not self._taken_back(trying.tried.order.id)", ""),),
        TEST_LOADER,
    ),
    Mutant(
        "begin again when the switch of a canary has ended",
        (Edit(TAKEN_BACK, "        self._last = canary\n", ""),),
        TEST_TAKEN_BACK,
    ),
    Mutant(
        "start without knowing the canary",
        (Edit(LOADER, "        while not await self.reload():", "        if not await self.reload():"),),
        ("tests/unit/reference_data/test_canary_loader.py",),
    ),
    Mutant(
        "take a file of another version for the canary's",
        (Edit(LOADER, "        if version_of(body) != version:", "        if False:"),),
        TEST_LOADER,
    ),
    Mutant(
        "try rules that nobody has approved",
        (Edit(LOADER, "self._policy.rules_need_approval and (why", "False and (why"),),
        TEST_LOADER,
    ),
    Mutant(
        "overwrite the order of somebody else",
        (
            Edit(
                ORDERS,
                "msgspec.json.encode(order), instead_of.etag)",
                "msgspec.json.encode(order), (await self.standing()).etag)",
            ),
        ),
        TEST_ORDERS,
    ),
    Mutant(
        "say in a receipt that nobody listens to what everybody else's rules do",
        (Edit(STEPS, " and event.type not in everybodys.rules.heard", ""),),
        TEST_SETS,
    ),
    Mutant(
        "push what a canary has made that is taken back",
        (Edit(PRECONDITIONS, "alert.rules_version, alert.canary or None)", "alert.rules_version)"),),
        TEST_DISPATCH,
    ),
    Mutant(
        "do not look at the switch of the canary",
        (Edit(STOPPED, "return (KEY_OF_ALL, *canary, version,", "return (KEY_OF_ALL, version,"),),
        ("tests/unit/domain/test_kill_switches.py",),
    ),
    Mutant(
        "do not name the set of a departure",
        (Edit("saving_alerts/pipeline/gathered_dispatch.py", "canary=departure.canary or None", "canary=None"),),
        ("tests/deterministic/test_universes.py::test_every_promise_holds_in_the_first_hundred_that_try_rules",),
    ),
    Mutant("count another canary's events", (Edit(COUNTS, "order.id != canary or ", ""),), TEST_COUNTS),
    Mutant("count a push that is known already", (Edit(COUNTS, 'decided.details.get("again") or ', ""),), TEST_COUNTS),
    Mutant(
        "forget what a dead worker had told",
        (
            Edit(
                WATCH,
                "            self._canary, self._others = canary, {}\n",
                "            self._canary, self._others = canary, {}\n        self._others = {}\n",
            ),
        ),
        TEST_WATCH,
    ),
    Mutant(
        "count what was told of another canary",
        (Edit(WATCH, "canary is None or row.canary != canary or", "canary is None or"),),
        TEST_WATCH,
    ),
    Mutant(
        "take back what is not tried any more",
        (Edit(WATCH, "if order is None or not order.is_tried(runtime.clock.now()):", "if order is None:"),),
        TEST_WATCH,
    ),
    Mutant(
        "believe what nobody can have seen",
        (Edit(EVIDENCE, "for one in each if one.is_sound]", "for one in each]"),),
        TEST_EVIDENCE,
    ),
    Mutant(
        "let a worker handle events with everybody else's rules",
        (Edit("saving_alerts/worker/stages.py", "current.of(user_id, self.services.clock.now())", "current"),),
        TEST_AGENTS,
    ),
)
