"""The demo: two workers on the embedded world, traffic with known answers, and a check of every event."""

import shlex
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.checks.decision_consumer import DecisionConsumer
from demo.checks.funnel import show_decisions, show_funnel
from demo.checks.traffic_check import TrafficResult, check_traffic
from demo.traffic import Traffic, endless, make_traffic
from demo.traffic.traffic_producer import TrafficProducer
from demo.workers.worker_process import WorkerProcess, command_line, wait_until_ready
from demo.world import World
from saving_alerts.domain.reasons import Reason

EVENTS_PER_SECOND = 800.0
TRICKLE_EVENTS_PER_SECOND = 5.0
ANSWER_TIMEOUT_SECONDS = 150
WORKERS = 2
POLL_SECONDS = 0.2
# A short demo does not wait a minute for the events that take until their deadline: they have some 15 s left.
SHORT_EVENTS = 1_000
AGE_OF_WAITING = timedelta(seconds=45)
SHOWN_PUSHES = 3
SHOWN_FAILURES = 20

console = Console()


def run_demo(events: int, seed: int, *, keep: bool) -> int:
    """Returns the exit code: 0 only if every event is accounted for as planned."""
    console.rule("[bold]Saving alerts[/bold]: the outside world and two workers, on this machine")
    with World() as world:
        workers = _start_workers(world)
        with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
            result = _produce(world, decisions, _traffic(seed, events))
            audited = _audit(world)
            if keep:
                _show_what_to_try(world, workers[0])
                _keep_running(world, decisions, workers, seed)
        return 0 if _stop_workers(workers, result, audited=audited) else 1


def _traffic(seed: int, events: int) -> Traffic:
    return make_traffic(seed, events, age_of_waiting=AGE_OF_WAITING if events <= SHORT_EVENTS else timedelta())


def _start_workers(world: World) -> list[WorkerProcess]:
    with console.status("Starting Kafka, Redis, S3, the Coupon API, the push API and two workers …"):
        world.publish_reference_data()
        workers = [world.start_worker() for _ in range(WORKERS)]
        wait_until_ready(workers)
    for worker in workers:
        console.print(f"  {worker.name}: {worker.page}/stats")
    return workers


def _produce(world: World, decisions: DecisionConsumer, traffic: Traffic) -> TrafficResult:
    world.teach_apis(traffic)
    producer = TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions)
    with _bars() as bars:
        written = bars.add_task("events written", total=len(traffic.events))
        answered = bars.add_task("events answered", total=len(traffic.events))
        with _repeated(lambda: bars.update(answered, completed=decisions.answered)):
            producer.produce(traffic, EVENTS_PER_SECOND, lambda more: bars.advance(written, more))
            decisions.wait_for_answers(len(producer.positions), ANSWER_TIMEOUT_SECONDS)
        bars.update(answered, completed=decisions.answered)
    show_funnel(console, decisions.counts())
    show_decisions(console, decisions.counts())
    _show_pushes(world)
    _explain_one(world, traffic)
    return check_traffic(traffic, producer, decisions, world.push_api)


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


@contextmanager
def _repeated(action: Callable[[], None]) -> Iterator[None]:
    """Call `action` every 0.2 s in a thread while the block runs."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(POLL_SECONDS):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show_pushes(world: World) -> None:
    for accepted in world.push_api.accepted[:SHOWN_PUSHES]:
        push = accepted.push
        text = f"[bold]{escape(push.title)}[/bold]\n{escape(push.body)}"
        console.print(Panel(text, title=f"{push.locale} · {push.user_id}", title_align="left", width=72))


def _explain_one(world: World, traffic: Traffic) -> None:
    event = next(event for event in traffic.events if event.expected.reason is Reason.QUIET_HOURS)
    arguments = ["explain", "--event", event.event_id, "--since", "1h"]
    console.print(f"[bold]$ saving-alerts {' '.join(arguments)}[/bold]")
    console.print(command_line(arguments, world.environment).stdout.strip(), markup=False)


def _audit(world: World) -> bool:
    console.print("[bold]$ saving-alerts audit[/bold]")
    audit = command_line(["audit"], world.environment)
    console.print((audit.stdout + audit.stderr).strip(), markup=False)
    return audit.returncode == 0


def _stop_workers(workers: list[WorkerProcess], result: TrafficResult, *, audited: bool) -> bool:
    for worker in workers:  # all at once: else the last one takes over the partitions of the others first
        worker.terminate()
    codes = {worker.name: worker.wait() for worker in workers}
    failures = [*result.failures, *(f"{name} ended with {code}" for name, code in codes.items() if code)]
    for failure in failures[:SHOWN_FAILURES]:
        console.print(f"[red]✗[/red] {escape(failure)}")
    sound = audited and not failures
    mark = "[green]✓[/green]" if sound else "[red]✗[/red]"
    console.print(
        f"{mark} {result.events:,} events, {result.certain:,} with one certain answer: {len(failures)} faults."
    )
    console.print(
        f"{mark} {result.pushes} pushes: {result.expected_pushes} expected for certain, the others among "
        f"{result.possible_pushes} where timing decides; {result.push_failures} missing, superfluous, doubled or late."
    )
    return sound


def _show_what_to_try(world: World, worker: WorkerProcess) -> None:
    """Of somebody who got a push, so that there is something to explain."""
    pushed = world.push_api.accepted[0].push
    console.rule("In another terminal")
    for command in commands_to_try(world.write_environment(worker), pushed.user_id):
        console.print(command, markup=False, soft_wrap=True, highlight=False)


def commands_to_try(environment: Path, user_id: str) -> tuple[str, ...]:
    return (
        f"source {shlex.quote(str(environment))}",
        "saving-alerts stats",
        f"saving-alerts explain --user {shlex.quote(user_id)} --since 1h",
        'saving-alerts kill on all --reason "a first try" --by you --for 2m --wait',
    )


def _keep_running(world: World, decisions: DecisionConsumer, workers: list[WorkerProcess], seed: int) -> None:
    """Keep the world and a little traffic running until Ctrl-C."""
    console.rule(f"The world goes on. Look at {workers[0].page}/stats, and stop it with Ctrl-C")
    try:
        for traffic in endless(seed):
            world.teach_apis(traffic)
            producer = TrafficProducer(world.bootstrap_servers, world.topics.source.name, decisions)
            producer.produce(traffic, TRICKLE_EVENTS_PER_SECOND, lambda _: None)
    except KeyboardInterrupt:
        console.print("Stopping …")
