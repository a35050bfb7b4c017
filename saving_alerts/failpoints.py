"""Named places between two effects where a worker can be made to die, for the tests that prove what a crash leaves.

They are compiled in, and off unless `SAVING_ALERTS_FAILPOINT` names one:

    after_reserve                  die the first time it is reached
    after_publish@query_coupons    only at this stage
    before_commit:3                the third time

A worker at its failpoint gets SIGKILL, or SIGSTOP where `SAVING_ALERTS_FAILPOINT_SIGNAL` says so: no clean-up runs.
"""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self

from saving_alerts.domain.decisions import Stage

FailpointSignal = Literal["KILL", "STOP"]


class Failpoint(StrEnum):
    """In the order that a batch meets them."""

    AFTER_READ = "after_read"  # a batch was taken, nothing of it is done
    BEFORE_STEP = "before_step"  # a record's step begins
    AFTER_RESERVE = "after_reserve"  # the claim is written, no attempt was made
    AFTER_RENEW = "after_renew"  # an attempt is about to begin
    AFTER_PUSH_ANSWER = "after_push_answer"  # the push API answered, nobody knows yet
    AFTER_TABLE_WRITE = "after_table_write"  # the send is on the Table's changelog, Redis still has a claim
    AFTER_CONFIRM = "after_confirm"  # the claim is charged for good, no decision is written
    BEFORE_PUBLISH = "before_publish"  # the step is done, its outputs are not on Kafka
    AFTER_PUBLISH = "after_publish"  # its outputs are on Kafka
    BEFORE_ACK = "before_ack"  # a whole batch is done and not acknowledged
    BEFORE_COMMIT = "before_commit"  # something is acknowledged and not committed
    AFTER_COMMIT = "after_commit"
    DURING_DRAIN = "during_drain"  # partitions are taken away, work is unfinished
    DURING_REBALANCE = "during_rebalance"  # new partitions are known, nothing of them is read


class BadFailpointError(ValueError):
    """The text names no failpoint."""


@dataclass(slots=True)
class Failpoints:
    """At most one is set; without one every `reach` does nothing."""

    failpoint: Failpoint | None = None
    stage: Stage | None = None
    times: int = 1
    act: Callable[[], object] = field(default=lambda: _signal_myself(signal.SIGKILL))

    @classmethod
    def read(cls, text: str | None, signal_name: FailpointSignal = "KILL") -> Self:
        """From `NAME[@STAGE][:TIMES]`. Raises BadFailpointError saying what would be right."""
        if not text:
            return cls()
        place, _, times = text.partition(":")
        name, _, stage = place.partition("@")
        try:
            number = signal.Signals[f"SIG{signal_name}"]
            return cls(
                Failpoint(name), Stage(stage) if stage else None, int(times or 1), lambda: _signal_myself(number)
            )
        except ValueError as error:
            raise BadFailpointError(f"{text!r} is not NAME[@STAGE][:TIMES] with NAME one of {_names()}") from error

    def reach(self, failpoint: Failpoint, stage: Stage | None = None) -> None:
        """Die here if this is the place, and it was reached often enough."""
        if failpoint is not self.failpoint or self.stage not in {None, stage}:
            return
        self.times -= 1
        if self.times == 0:
            self.act()


def _signal_myself(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _names() -> str:
    return ", ".join(Failpoint)
