"""The claim protocol as a small model that is searched exhaustively: every order of steps, with a few faults.

Two workers, two events of one user at one merchant, a cap of one push. The numbers of rules are those of
docs/claims.md, which also says what each search found. Reading order: `state`, `redis`, `push_api`, `worker` (with
`attempting`, `endings`, `recording`), `passing_time`, `faults`, `search`. What the model leaves out: time is only "the
lease lives" and "the deadline is ahead", and a script is one step. `numbers`: a `reserve` that was granted may arrive
once more; copies of other calls are the business of `tests/contracts/test_throttle_scripts_machine.py`.
"""
