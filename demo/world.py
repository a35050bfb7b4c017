"""The whole outside world of the workers: Kafka, Redis, S3 and both APIs, on free ports of this machine."""

import shlex
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka.admin import AdminClient

from demo.servers.kafka import EmbeddedKafka
from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from demo.stub_apis.coupon_api import CouponApi, catalogue_of
from demo.stub_apis.push_api import PushApi
from demo.traffic import Traffic, merchants_jsonl, rules_json
from demo.workers.worker_process import OURS, Build, WorkerProcess, clean_environment
from saving_alerts.kafka.topics import Topics

SOURCE_TOPIC = "saving-events"
TOPIC_PREFIX = "saving-alerts"
METADATA_TIMEOUT_SECONDS = 10
# What the embedded servers need of a client, and nothing else of this process.
OUR_VARIABLES = ("SAVING_ALERTS_", "AWS_")


class World:
    """Everything that is not a worker. With `bootstrap_servers` it uses that Kafka in place of an embedded one.

    `settings` are the variables of a worker in this world; more can be given, as an operator would set them.
    """

    def __init__(self, bootstrap_servers: str | None = None, settings: Mapping[str, str] | None = None) -> None:
        dry_run = (settings or {}).get("SAVING_ALERTS_DRY_RUN") == "true"
        consent_topic = (settings or {}).get("SAVING_ALERTS_CONSENT_TOPIC")
        erases = "SAVING_ALERTS_ERASURE_SECRET" in (settings or {})
        self.topics = Topics.named(
            SOURCE_TOPIC, TOPIC_PREFIX, dry_run=dry_run, consent_changes=consent_topic, erases=erases
        )
        self.redis = EmbeddedRedis()
        self.s3 = EmbeddedS3()
        self.coupon_api = CouponApi(catalogue_of({}))
        self.push_api = PushApi()
        self._given_servers = bootstrap_servers
        self._settings = dict(settings or {})
        self._closing = ExitStack()
        self._workers: list[WorkerProcess] = []

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self.folder = Path(opening.enter_context(tempfile.TemporaryDirectory(prefix="saving-alerts-world-")))
            self.bootstrap_servers = self._given_servers or self._embed_kafka(opening)
            for server in (self.redis, self.s3, self.coupon_api, self.push_api):
                opening.enter_context(server)
            self._closing = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    @property
    def environment(self) -> dict[str, str]:
        return {
            **clean_environment(),
            **self.s3.environment,
            "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SAVING_ALERTS_REDIS_URL": self.redis.url,
            "SAVING_ALERTS_S3_BUCKET": self.s3.bucket,
            "SAVING_ALERTS_S3_ENDPOINT_URL": self.s3.endpoint_url,
            "SAVING_ALERTS_COUPON_API_URL": self.coupon_api.url,
            "SAVING_ALERTS_PUSH_API_URL": self.push_api.url,
            **self._settings,
        }

    def write_environment(self, worker: WorkerProcess) -> Path:
        """A file for a shell to source: with it `saving-alerts` is there, and knows this world and this worker."""
        ours = {name: value for name, value in self.environment.items() if name.startswith(OUR_VARIABLES)}
        ours["SAVING_ALERTS_WEB_PORT"] = worker.page.rsplit(":", 1)[1]
        lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(ours.items())]
        lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')
        path = self.folder / "demo.env"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    def publish_reference_data(self) -> None:
        """What the product managers and the data team put into S3."""
        self.s3.put("rules.json", rules_json())
        self.s3.put("merchants.jsonl", merchants_jsonl())

    def teach_apis(self, traffic: Traffic) -> None:
        """Both stubs know the users of this traffic and how to treat them."""
        self.coupon_api.coupons = catalogue_of(traffic.coupons)
        for user_id, script in traffic.coupon_api_behaviours.items():
            self.coupon_api.behave(*script, user_id=user_id)
        for user_id, script in traffic.push_api_behaviours.items():
            self.push_api.behave(*script, user_id=user_id)

    def start_worker(self, settings: Mapping[str, str] | None = None, build: Build = OURS) -> WorkerProcess:
        """A new worker process of this world; it is killed at the latest with the world."""
        name, environment = f"worker-{len(self._workers) + 1}", {**self.environment, **(settings or {})}
        worker = WorkerProcess(name, self.folder, environment, self._workers)
        worker.build = build
        self._workers.append(worker)
        return self._closing.enter_context(worker)

    def _embed_kafka(self, opening: ExitStack) -> str:
        servers = opening.enter_context(EmbeddedKafka()).bootstrap_servers
        admin = AdminClient({"bootstrap.servers": servers})
        for topic in self.topics.all:  # it has no CreateTopics: a topic appears when somebody asks for it
            admin.list_topics(topic.name, timeout=METADATA_TIMEOUT_SECONDS)
        return servers
