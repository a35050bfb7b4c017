"""The page that says how large a deployment is to be."""

from collections.abc import Iterator

from benchmarks.sizing import (
    ALERTS,
    ASKED,
    EVENTS_PER_SECOND_OF_A_MILLION,
    FEWEST_WORKERS,
    INVALID,
    MEMORY_LIMIT_MIB,
    MILLION,
    PEAK_OF_A_MILLION,
    PEAK_OF_A_WORKER,
    PUSHED,
    SHARE_AT_PEAK,
    TRIGGERS,
    sized,
)

TEXT = """# How large

`make generated` writes this page, by `benchmarks/sizing.py`, from what the benchmarks have measured on two cores of a
server processor that Kafka and the load were on, too. Other numbers of users: `python -m benchmarks.sizing 3000000`.
It is arithmetic, and no promise: measure with your events, and change the constants at the top of the program.

{table}

What it takes for granted:

- A million monthly users make {average} events/s on average and {peak} at the peak. Of all events {triggers:.0%} have a
  rule that listens to them, {asked:.1%} are asked about at the Coupon API, {alerts:.1%} become alerts, {pushed:.1%}
  pushes, and {invalid:.0%} are invalid. Nobody is pushed twice in a week, which makes Table and Redis largest.
- At the peak a worker gets at most {drained:,.0f} events/s, {busy:.0%} of what it can drain where the APIs take 100
  and 50 ms, and it has {memory:,} MiB. There is one worker more than that needs, and never fewer than {workers}.
- How much of a core a worker is busy for was measured at 50, 500 and 2,000 events/s and in a drain
  ([performance](performance.md#what-a-whole-event-costs)): fewer workers with more each need less.
- **Among many users it is the Table that asks for workers, not the processor**: each user who was pushed in the last
  week is held by the owner of the partition and by a standby.
- Recovery is what a stop-all, start-all takes ([upgrading](upgrading.md)): each worker reads its share of the Table and
  of what it follows. Where workers are restarted one after the other, a standby that becomes the owner has read its
  part before.
- Partitions cannot be taken away, and adding some later is a stop-all
  ([operating](operating.md#when-the-source-changes)): begin with more than you need.
- Each call to the Coupon API that is under way is one of 64 connections of a worker
  (`SAVING_ALERTS_COUPON_API_CONCURRENCY`): calls/s, times the seconds that an answer takes, must stay below 64 times
  the workers.
- Kafka's bytes are without compression. The source is upstream's, and not in them.
"""


def files() -> Iterator[tuple[str, str]]:
    text = TEXT.format(
        table=sized(MILLION, 10 * MILLION, 100 * MILLION),
        average=EVENTS_PER_SECOND_OF_A_MILLION,
        peak=PEAK_OF_A_MILLION,
        triggers=TRIGGERS,
        asked=ASKED,
        alerts=ALERTS,
        pushed=PUSHED,
        invalid=INVALID,
        busy=SHARE_AT_PEAK,
        drained=PEAK_OF_A_WORKER,
        memory=MEMORY_LIMIT_MIB,
        workers=FEWEST_WORKERS,
    )
    yield "docs/sizing.md", text
