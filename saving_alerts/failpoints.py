"""Named places between two effects where tests can make a worker die, to check what a crash there leaves behind.

They are always compiled in, and off unless `SAVING_ALERTS_FAILPOINT` names one:

    after_reserve                  die the first time it is reached
    after_publish@query_coupons    only at this stage
    before_commit:3                the third time

At its failpoint the worker sends itself SIGKILL, or SIGSTOP if `SAVING_ALERTS_FAILPOINT_SIGNAL` is STOP: no clean-up
runs.
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
    """In the order in which a batch passes them."""

    AFTER_READ = "after_read"  # a batch was taken into a stage, no step has begun
    BEFORE_STEP = "before_step"  # a record's step begins
    WHILE_GATHERING = "while_gathering"  # an alert waits for others of its user: nothing of it stands anywhere
    AFTER_GATHERING = "after_gathering"  # it was gathered with others, and its turn has come
    AFTER_RESERVE = "after_reserve"  # the claim is written, no attempt was made
    AFTER_CONTROL_CHARGE = "after_control_charge"  # the caps are charged in place of a push, the Table does not know it
    AFTER_RENEW = "after_renew"  # an attempt is about to begin
    AFTER_PUSH_ANSWER = "after_push_answer"  # the push API answered, the answer is recorded nowhere
    AFTER_TABLE_WRITE = "after_table_write"  # the send is on the Table's changelog, Redis still has a claim
    AFTER_CONFIRM = "after_confirm"  # the claim is charged for good, no decision is written
    BEFORE_PUBLISH = "before_publish"  # the step is done, its outputs are not on Kafka
    AFTER_PUBLISH = "after_publish"  # its outputs are on Kafka
    BEFORE_ACK = "before_ack"  # a whole batch is done and not acknowledged
    BEFORE_COMMIT = "before_commit"  # something is acknowledged and not committed
    AFTER_COMMIT = "after_commit"
    DURING_DRAIN = "during_drain"  # partitions are taken away, work is unfinished
    AFTER_CLAIMS_ERASED = "after_claims_erased"  # of an erasure: Redis knows the user by a token, the Table by name
    AFTER_TOKENS_WRITTEN = "after_tokens_written"  # the changelog has both
    AFTER_ROWS_ERASED = "after_rows_erased"  # only the order still names the user
    DURING_REBALANCE = "during_rebalance"  # new partitions are known, nothing of them is read


class BadFailpointError(ValueError):
    """The text names no failpoint. A ValueError, so that pydantic reports it with the other settings."""


@dataclass(slots=True)
class Failpoints:
    """The failpoint of this worker; without one `reach` does nothing.

    `act` is called when it is reached for the `times`-th time, at `stage` if that is set.
    """

    failpoint: Failpoint | None = None
    stage: Stage | None = None
    times: int = 1
    act: Callable[[], object] = field(default=lambda: _signal_myself(signal.SIGKILL))

    @classmethod
    def read(cls, text: str | None, signal_name: FailpointSignal = "KILL") -> Self:
        """From `NAME[@STAGE][:TIMES]`. Raises BadFailpointError with the right form."""
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
        """Call it at each failpoint. Does not return if this is the one that is set, reached often enough."""
        if failpoint is not self.failpoint or self.stage not in {None, stage}:
            return
        self.times -= 1
        if self.times == 0:
            self.act()


def _signal_myself(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


def _names() -> str:
    return ", ".join(Failpoint)
