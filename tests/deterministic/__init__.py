"""Deterministic simulation: the real delivery and dispatch of several workers in universes that a seed decides.

    python -m tests.deterministic                  look for a universe in which a promise is broken
    python -m tests.deterministic --seed 17        what happens in this one, step by step

Reading order: `seeded_loop` (several processes in virtual time), `plan` (what the seed decides), `world` with its
neighbours (`redis_client`, `push_api_client`, `table_client`, `producer_client`, `sources`, `kafka`), `worker` and
`assignment` (the real parts, and what Faust is to them), `slots` and `tried` (families of universes), `group` and
`faults` (who dies, sleeps, takes over), `universe` (from its beginning to its end), `claim_rules` (held at each call)
and `promises` (held at the end). ADR 33 says why.

Two partitions, two workers, up to nine events of up to three users, a cap of one push in four minutes. Outside are
Faust, the Lua scripts, HTTP, the check of a rules file (a thread), and `BatchConsumer`, in whose place `assignment`
stands.
"""
