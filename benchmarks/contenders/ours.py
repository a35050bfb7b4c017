"""The contender `ours`: the real app, with ports that answer at once and only the agents that take part."""

from collections.abc import Sequence

from pydantic import SecretStr

from benchmarks.contenders.immediate_ports import open_immediate_ports
from benchmarks.contenders.measure import Counts, Job, measure
from saving_alerts.adapters.in_memory_metrics import InMemoryMetrics
from saving_alerts.app import SavingAlertsApp, create_app
from saving_alerts.domain.decisions import Stage
from saving_alerts.metrics import FORWARDED, Metric
from saving_alerts.settings import Settings
from saving_alerts.worker.external_factories import ExternalFactories
from tests.support.fakes.push_sends import NoPushSends

UNUSED = "http://127.0.0.1:1"
OURS, NO_METRICS = "ours", "ours without metrics"
AGENT_AWAY, AGENT_UNKNOWN = "ours, agent away", "ours, agent unknown"
AGENTS = {AGENT_AWAY: "127.0.0.1", AGENT_UNKNOWN: "no-such-host.invalid"}
NOBODYS_PORT = 9


class OnlyOutcomes(InMemoryMetrics):
    """Counts what the benchmark must know, one call a batch, and measures nothing else."""

    def count(self, metric: Metric, value: int = 1, **tags: str) -> None:
        if metric is Metric.STAGE_OUT:
            super().count(metric, value, **tags)

    def gauge(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe(self, metric: Metric, value: float, **tags: str) -> None: ...

    def observe_all(self, metric: Metric, values: Sequence[float], **tags: str) -> None: ...


def build(job: Job, web_port: int) -> SavingAlertsApp:
    """The app of `saving-alerts worker` with every setting at its default."""
    app = create_app(
        _settings(job, web_port),
        external=ExternalFactories(
            open_ports=open_immediate_ports,
            push_sends=lambda *_: NoPushSends(),
        ),
    )
    for stage in set(Stage) - set(job.stages):
        del app.agents[stage.value]
    if job.events:
        app.task(lambda: measure(job, lambda: counts_of(app.runtime.in_memory_metrics)))
    return app


def build_without_metrics(job: Job, web_port: int) -> SavingAlertsApp:
    """The same app; but for its outcomes, what it measures goes nowhere."""
    app = build(job, web_port)
    app.runtime.metrics = app.runtime.in_memory_metrics = OnlyOutcomes()
    return app


def _settings(job: Job, web_port: int) -> Settings:
    return Settings(
        kafka_bootstrap_servers=job.bootstrap_servers,
        app_id=job.prefix,
        source_topic=job.source,
        topic_prefix=job.prefix,
        redis_url=SecretStr("redis://127.0.0.1:1/0"),
        s3_bucket="none",
        coupon_api_url=UNUSED,
        push_api_url=UNUSED,
        web_port=web_port,
        log_format="console",
        statsd_host=AGENTS.get(job.contender),
        statsd_port=NOBODYS_PORT,
    )


def counts_of(metrics: InMemoryMetrics) -> Counts:
    """What the app counts once the outputs are on Kafka."""
    counts = Counts()
    for tags, number in metrics.counters(Metric.STAGE_OUT).items():
        decision, stage = (value for _, value in tags)
        counts.note(Stage(stage), number, number if decision == FORWARDED else 0)
    return counts
