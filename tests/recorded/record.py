"""`python -m tests.recorded.record 0.2.0`: put on record what the present code writes, as the bytes of that release."""

import asyncio
import sys

import click
import msgspec

from demo.servers.redis import EmbeddedRedis
from saving_alerts.adapters.redis_connection import connect
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import decode_ledger
from tests.recorded import run_demo, run_dry_run, run_endings, run_gathering, run_killer
from tests.recorded.choosing import Group, representative, same
from tests.recorded.claim_answers import answers
from tests.recorded.claim_states import recorded_states
from tests.recorded.heartbeats import rows_of
from tests.recorded.lines import FOLDER, Line, write_lines, write_reasons
from tests.recorded.readings import KINDS, READINGS
from tests.recorded.taking import TIMEOUT_SECONDS, Taken

ACTS = (run_demo, run_endings, run_gathering, run_killer, run_dry_run)


def _anything(_line: Line) -> object:
    return None


def _by_act(line: Line) -> object:
    return line.about


def _by_text(line: Line) -> object:
    return line.value


# Of every kind: which lines are alike but for their shape, and how many of those are enough.
CHOICES: dict[str, tuple[Group, int]] = {
    "validated": (same("schema"), 5),
    "candidates": (_anything, 4),
    "alerts": (same("rule_id"), 2),
    "decisions": (same("stage", "reason"), 4),
    "receipts": (_anything, 3),
    "dead_letters": (same("stage", "reason", "tried"), 4),
    "push_sends": (_by_act, 4),
    "notes": (_by_text, 1),
    "redis_claims": (_by_act, 3),
}


@click.command(epilog="Example: python -m tests.recorded.record 0.2.0")
@click.argument("release")
def main(release: str) -> None:
    """Play the demo and more on the embedded world, for about five minutes, and keep a few lines of every kind.

    What is on record already is never written again.
    """
    if (FOLDER / release).exists():
        sys.exit(f"{release} is on record already, and nothing of it is changed")
    taken = Taken()
    for act in ACTS:
        click.echo(f"playing: {act.ACT}")
        act.play(taken)
    lines = asyncio.run(_understood(_chosen(taken)))
    _refuse_unreached(lines)
    for kind in KINDS:
        write_lines(release, kind, lines[kind])
        click.echo(f"{kind}: {len(lines[kind])}")
    write_reasons(release, list(Reason))


def _refuse_unreached(lines: dict[str, list[Line]]) -> None:
    """A reason that no act reaches needs a scene of its own here."""
    written = (decode_ledger(line.value_bytes or b"").reason for line in [*lines["decisions"], *lines["receipts"]])
    if unreached := set(Reason) - set(written):
        sys.exit(f"no event ended so: {', '.join(sorted(unreached))}")


def _chosen(taken: Taken) -> dict[str, list[Line]]:
    return {
        kind: representative(lines, *CHOICES[kind]) if kind in CHOICES else lines for kind, lines in taken.lines.items()
    }


async def _understood(lines: dict[str, list[Line]]) -> dict[str, list[Line]]:
    """With what the present code reads in each."""
    found = {kind: [_expecting(line, read(line)) for line in lines[kind]] for kind, read in READINGS.items()}
    with EmbeddedRedis() as server:
        async with connect(server.url, TIMEOUT_SECONDS, max_connections=2) as client:
            claims = [*await recorded_states(client), *lines["redis_claims"]]
            found["redis_claims"] = [_expecting(line, await answers(client, line)) for line in claims]
            rows = await rows_of(client, lines["redis_heartbeats"])
    found["redis_heartbeats"] = [_expecting(line, rows.get(line.key)) for line in lines["redis_heartbeats"]]
    return found


def _expecting(line: Line, expect: object) -> Line:
    return msgspec.structs.replace(line, expect=expect)


if __name__ == "__main__":
    main()
