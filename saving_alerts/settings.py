"""All settings, read once at the start from the environment, into which `__main__` loads `.env`; frozen afterwards.

A setting's variable is its name in upper case with the prefix `SAVING_ALERTS_`. `.env.example` repeats what it means.
A secret may stand in a file: its variable has `_FILE` behind it then, and names the file.
"""

import os
import socket
from collections.abc import Iterable
from typing import Any, Literal, Self, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from saving_alerts import ENVIRONMENT_PREFIX
from saving_alerts.access_settings import AccessSettings
from saving_alerts.domain.erasures import MIN_SECRET_CHARACTERS, Tokens
from saving_alerts.domain.results.links import PARAMETER_PATTERN
from saving_alerts.domain.rules.deep_links import NEVER_SCHEMES, SCHEMES_PATTERN
from saving_alerts.failpoints import Failpoints, FailpointSignal
from saving_alerts.fitting_settings import misfits
from saving_alerts.kafka.connection import KafkaConnection
from saving_alerts.kafka.topics import Topics
from saving_alerts.kafka.unpacking_limit import DEFAULT_MAX_UNPACKED_BYTES
from saving_alerts.secret_files import SUFFIX as SECRET_FILE_SUFFIX
from saving_alerts.secret_files import SecretFileError, secrets_from_files

TAG_VALUE_PATTERN = r"^[^,|#\s]+$"
TAGS_PATTERN = r"^[A-Za-z][^,|#:\s]*:[^,|#\s]+(,[A-Za-z][^,|#:\s]*:[^,|#\s]+)*$"


class SettingsRefusedError(Exception):
    """A variable is missing or wrong. The text has a line for each such variable, with an example."""


class Settings(AccessSettings):
    """All settings. Units are in the names."""

    # Kafka
    kafka_bootstrap_servers: str = Field(examples=["127.0.0.1:9092"], min_length=1)
    """Brokers to begin with, comma separated. Name two or more, so that one may be down at start."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers. Everything but the first needs the settings below."""
    kafka_ca_file: str | None = None
    """A PEM file with the brokers' certificate authority; the system's authorities are trusted without it."""
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in."""
    kafka_sasl_username: str | None = None
    """Who logs in."""
    kafka_sasl_password: SecretStr | None = None
    """The password of that user."""
    app_id: str = Field(default="saving-alerts", pattern=r"^[a-zA-Z0-9._-]+$")
    """The consumer group. Another name is another deployment that reads everything again."""
    source_topic: str = Field(default="saving-events", pattern=r"^[a-zA-Z0-9._-]+$")
    """Where the tracking API puts events."""
    consent_topic: str | None = Field(default=None, examples=["saving-consent"], pattern=r"^[a-zA-Z0-9._-]+$")
    """Where upstream tells who opts out of pushes and in again; unset: consent is as the event says."""
    topic_prefix: str = Field(default="saving-alerts", pattern=r"^[a-zA-Z0-9._-]+$")
    """What the names of our own topics begin with."""
    topic_partitions: int = Field(default=12, ge=1)
    """For `topics create`: how many workers can share the work. All topics have the same number."""
    topic_replication_factor: int = Field(default=3, ge=1)
    """For `topics create`: copies of each record. 1 only where there is one broker."""
    session_timeout_seconds: float = Field(default=10, gt=0)
    """After how long without a heartbeat a worker counts as dead. Shorter finds a crash sooner, and pauses for one."""
    group_heartbeat_seconds: float = Field(default=2, gt=0)
    """How often a worker sends a heartbeat to the group: a fifth of the session timeout, or less."""
    rebalance_timeout_seconds: float = Field(default=60, gt=0)
    """How long the group waits for a member at a rebalance. Longer than the drain and 9 s more."""
    commit_interval_seconds: float = Field(default=1, gt=0)
    """How often offsets are committed. Longer means more echoes after a crash, never a loss."""

    # Consent
    consent_stale_seconds: float = Field(default=30, ge=5, le=600)
    """With a topic of consent changes: when it is not certain that all changes up to so long ago are obeyed, nobody is
    pushed. Longer than the session timeout: a killed worker's share of that topic waits so long."""
    consent_max_opt_outs: int = Field(default=200_000, ge=1)
    """The most opt-outs of one partition that are kept, about 250 bytes of memory each. With more, nobody is pushed."""

    # Erasure
    erasure_secret: SecretStr | None = Field(default=None, min_length=MIN_SECRET_CHARACTERS)
    """Lets `erase` forget users: under it their caps hold without their names. At least 32 random characters, the same
    for all workers and commands. With another one the caps of those who were erased in the last week are forgotten."""

    max_ahead_seconds: float = Field(default=120, ge=10, le=7 * 24 * 3600)
    """How far an event may be dated ahead of this machine's clock. Further ahead it is `invalid`."""

    # Results
    results: bool = False
    """Whether `record-results` joins what shoppers do with their pushes: `topics create` then makes its topics."""
    results_window_hours: float = Field(default=24, gt=0, le=7 * 24)
    """How long after an alert what its user does at the merchant counts as its result."""
    results_max_kept: int = Field(default=500_000, ge=1_000)
    """The most alerts of one process of `record-results`, about 1.1 KB of memory each. With more, the oldest are
    forgotten."""

    # Delivery
    batch_max_records: int = Field(default=500, ge=1, le=10_000)
    """The most records of one partition that are moved as one batch."""
    max_fetch_bytes: int = Field(default=1024 * 1024, ge=64 * 1024)
    """The most bytes of one partition that are fetched at a time, as they stand on Kafka. A batch is fetched whole, so
    more comes where the topic's `max.message.bytes` lets it."""
    max_unpacked_bytes: int = Field(default=DEFAULT_MAX_UNPACKED_BYTES, ge=1024 * 1024)
    """The most bytes that one batch may have once it is decompressed, on any topic. What has more is refused unread."""
    window_max_records: int = Field(default=2_000, ge=1)
    """When so many records of one partition are unfinished in a stage, the intake of that partition stops. Half as
    many may come on top, with one poll."""
    in_flight_max_bytes: int = Field(default=8 * 1024 * 1024, ge=1024 * 1024)
    """When they take so much memory, the intake of that partition stops as well."""
    uncommitted_max_records: int = Field(default=50_000, ge=1)
    """When so many records of one partition are not committed in a stage, because one before them is unfinished, its
    intake stops. A crash delivers them again."""
    uncommitted_max_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    """When they have so many bytes on Kafka, the intake of that partition stops as well."""
    drain_seconds: float = Field(default=6, gt=0)
    """How long claims and attempts in flight may take when partitions are taken away or the worker stops; the rest has
    1 s. The whole group waits for it."""
    standstill_seconds: float = Field(default=60, ge=10)
    """How long a worker may stand still although there is work, before it exits with 70 to be restarted."""

    # Redis
    redis_url: SecretStr = Field(examples=["redis://127.0.0.1:6379/0"])
    """Where claims and heartbeats live. A password and TLS stand in it: `rediss://:pw@host:6379/0?ssl_ca_certs=ca.pem`."""
    redis_timeout_seconds: float = Field(default=0.5, gt=0)
    """How long one call may take. While Redis does not answer, alerts are held, never sent."""
    redis_max_connections: int = Field(default=64, ge=1)
    """The most connections of one worker."""
    claim_lease_seconds: float = Field(default=20, gt=0)
    """How long a claim holds without renewal. A crashed worker's user waits that long."""
    push_attempt_seconds: float = Field(default=5, gt=0)
    """How long one request to the push API may take."""
    clock_margin_seconds: float = Field(default=2, gt=0)
    """By how much the clocks of Redis and of the push API may differ."""

    # S3
    s3_bucket: str = Field(examples=["saving-alerts"], min_length=1)
    """The bucket with rules and merchants. Credentials come from the usual AWS variables."""
    s3_endpoint_url: str | None = None
    """Another address than Amazon's, for a stand-in."""
    s3_rules_key: str = "rules.json"
    """The rules file."""
    rules_need_approval: bool = False
    """Take only rules that one person proposed and another one approved, by the bucket policy of docs/operating.md."""
    sts_endpoint_url: str | None = None
    """Another address than Amazon's STS, which says who proposes and approves; for a stand-in."""
    s3_merchants_key: str = "merchants.jsonl"
    """The merchant directory, one JSON object a line."""
    reload_seconds: float = Field(default=30, gt=0)
    """How often S3 is asked for newer rules and merchants. An unchanged file costs one small request."""
    reference_data_stale_seconds: float = Field(default=600, gt=0)
    """After how long without an answer of S3 the worker is not ready; it goes on working."""
    max_rules_bytes: int = Field(default=2 * 1024 * 1024, ge=1024)
    """A larger rules file is refused unread."""
    rules_check_seconds: float = Field(default=30, gt=0)
    """A rules file that takes longer to check is refused, and checked again at the next look. Most take 0.1 s, the
    worst 16 s (`benchmarks/hostile_files.py`)."""
    max_bad_merchant_lines: int = Field(default=100, ge=0)
    """With more unreadable lines the merchant directory is refused; with fewer they are left out."""
    max_merchants_bytes: int = Field(default=512 * 1024 * 1024, ge=1024)
    """A larger merchant directory is refused. Read, it takes two to ten times as many bytes of memory."""
    max_merchant_lines: int = Field(default=1_000_000, ge=1)
    """A merchant directory with more lines is refused."""
    merchants_max_loss: float = Field(default=0.2, ge=0, le=1)
    """A merchant directory that has lost a larger share of the merchants of the last accepted one is refused until
    `merchants accept`; 1 refuses none."""

    # HTTP APIs
    coupon_api_url: str = Field(examples=["http://127.0.0.1:8081"], pattern=r"^https?://")
    """The Coupon API, without the path."""
    coupon_api_timeout_seconds: float = Field(default=4, gt=0)
    """How long one request may take."""
    coupon_api_total_seconds: float = Field(default=15, gt=0)
    """How long the failed attempts of one event may take together while the API answers others."""
    coupon_api_attempts: int = Field(default=3, ge=1)
    """The most failed attempts of one event while the API answers others."""
    coupon_api_longest_pause_seconds: float = Field(default=60, ge=1, le=600)
    """The longest pause that a `Retry-After` of the Coupon API can bring about. Longer, and one answer expires all."""
    coupon_api_concurrency: int = Field(default=64, ge=1)
    """The most requests of one worker at the same time."""
    deep_link_schemes: str | None = Field(default=None, examples=["shopapp,shopweb"], pattern=SCHEMES_PATTERN)
    """Schemes of apps, comma separated, that a coupon's link may open beside https. Unset: none."""
    link_parameter: str | None = Field(default=None, examples=["alert"], pattern=PARAMETER_PATTERN)
    """By which name a push's link says the decision's id, in its query; unset: the link is the coupon's, unchanged. A
    shop that signs its links, or refuses what it does not know, may not take one."""
    push_api_url: str = Field(examples=["http://127.0.0.1:8082"], pattern=r"^https?://")
    """The push API, without the path."""
    push_api_concurrency: int = Field(default=64, ge=1)
    """The most requests of one worker at the same time."""
    push_api_per_second: int | None = Field(default=None, ge=1)
    """The most attempts that one worker starts in a second; unset: as many as come. Who waits for it holds no claim."""
    gone_device_seconds: float = Field(default=6 * 3600, ge=0, le=30 * 24 * 3600)
    """How long a user is not asked for again whose device the push API has called gone; 0 asks every time."""
    breaker_failures: int = Field(default=10, ge=1)
    """After how many failures in a row an API is left alone."""
    breaker_seconds: float = Field(default=5, gt=0)
    """For how long it is left alone."""

    test_users: str = ""
    """Ids of test users, comma separated: nobody else gets a push of `rules try`."""

    # Around it
    worker_name: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}", max_length=128)
    """How this worker is called on the page and in decisions."""
    web_host: str = "127.0.0.1"
    """Where the page listens. `0.0.0.0` in a container."""
    web_port: int = Field(default=6066, ge=1, le=65_535)
    """The page's port: two workers on one machine need two."""
    page_url: str | None = Field(default=None, examples=["http://worker-1.example:6066"], pattern=r"^https?://")
    """Where other people's browsers find the page; without it `http://` with the host and port above."""
    explain_token: SecretStr | None = Field(default=None, min_length=16, examples=["a-long-random-text"])
    """What support types to open `/explain`; at least 16 characters, the same on all workers. Unset: no such page."""
    heartbeat_seconds: float = Field(default=2, gt=0)
    """How often a worker writes its row of the table of workers. It is silent three times as long after the last."""
    statsd_host: str | None = Field(default=None, examples=["127.0.0.1"])
    """The DogStatsD agent's address or name; a name is looked up again every 30 s. Without it, and without a socket,
    nothing is sent."""
    statsd_port: int = Field(default=8125, ge=1, le=65_535)
    """The agent's UDP port."""
    statsd_socket: str | None = Field(default=None, examples=["/var/run/datadog/dsd.socket"], pattern=r"^/")
    """The agent's Unix socket, in place of host and port."""
    statsd_env: str | None = Field(default=None, examples=["production"], pattern=TAG_VALUE_PATTERN)
    """The tag `env` of every metric; unset: `DD_ENV`, if the machine has it."""
    statsd_service: str = Field(default="saving-alerts", pattern=TAG_VALUE_PATTERN)
    """The tag `service`. The tag `version` is the release, `worker` the worker's name."""
    statsd_tags: str | None = Field(default=None, examples=["team:offers,region:eu"], pattern=TAGS_PATTERN)
    """Tags of your own on every metric, comma separated."""
    dry_run: bool = False
    """Everything but the request to the push API, in a key space of its own: for a first look, or shadow traffic."""
    log_format: Literal["json", "console"] = "json"
    """`json` for machines, `console` for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written to the log. `debug` also has what the drivers do, and may name shoppers."""
    failpoint: str | None = None
    """For tests only: where this worker dies, as `NAME[@STAGE][:TIMES]`."""
    failpoint_signal: FailpointSignal = "KILL"
    """For tests only: `STOP` pauses the worker there instead."""

    @field_validator("redis_url")
    @classmethod
    def _redis_url_has_a_scheme(cls, url: SecretStr) -> SecretStr:
        """Its text must not show what stands there: most of these addresses have a password."""
        if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it must begin with redis://, rediss:// or unix://")
        return url

    @model_validator(mode="after")
    def _fit_each_other(self) -> Self:
        if found := misfits(self):
            raise ValueError("\n".join(found))
        return self

    @model_validator(mode="after")
    def _schemes_are_safe(self) -> Self:
        if unsafe := self.link_schemes & NEVER_SCHEMES:
            raise ValueError(f"SAVING_ALERTS_DEEP_LINK_SCHEMES must not have {', '.join(sorted(unsafe))}: no app's own")
        return self

    @model_validator(mode="after")
    def _failpoint_exists(self) -> Self:
        Failpoints.read(self.failpoint, self.failpoint_signal)
        return self

    @property
    def kafka(self) -> KafkaConnection:
        """The connection of every Kafka client."""
        password = self.kafka_sasl_password
        return KafkaConnection(
            bootstrap_servers=self.kafka_bootstrap_servers,
            security_protocol=self.kafka_security_protocol,
            ca_file=self.kafka_ca_file,
            sasl_mechanism=self.kafka_sasl_mechanism,
            sasl_username=self.kafka_sasl_username,
            sasl_password=password.get_secret_value() if password else None,
        )

    @property
    def has_login(self) -> bool:
        """False where Kafka wants one, and name or password are missing."""
        wanted = self.kafka_security_protocol.startswith("SASL")
        return not wanted or bool(self.kafka_sasl_username and self.kafka_sasl_password)

    @property
    def link_schemes(self) -> frozenset[str]:
        """The schemes of apps that a push may open."""
        return frozenset(self.deep_link_schemes.split(",") if self.deep_link_schemes else ())

    @property
    def redis_address(self) -> str:
        """With the password: for a client, and for nothing that is shown."""
        return self.redis_url.get_secret_value()

    @property
    def listed_test_users(self) -> frozenset[str]:
        return frozenset(filter(None, map(str.strip, self.test_users.split(","))))

    @property
    def topics(self) -> Topics:
        """The topics of this deployment."""
        return Topics.named(
            self.source_topic,
            self.topic_prefix,
            dry_run=self.dry_run,
            consent_changes=self.consent_topic,
            erases=self.erasure_secret is not None,
            results=self.results,
        )

    @property
    def tokens(self) -> Tokens | None:
        """None where users cannot be erased."""
        secret = self.erasure_secret
        return Tokens(secret.get_secret_value()) if secret else None

    @property
    def results_group(self) -> str:
        """The consumer group of `record-results`."""
        return f"{self.app_id}.results"

    @property
    def consent_group(self) -> str:
        """The consumer group that re-keys consent changes."""
        return f"{self.app_id}.consent"

    @property
    def key_prefix(self) -> str:
        """The beginning of all our keys in Redis."""
        return f"{self.app_id}:dry-run:" if self.dry_run else f"{self.app_id}:"

    @property
    def accepted_directory_key(self) -> str:
        """Where Redis keeps which merchant directory was accepted last."""
        return f"{self.key_prefix}merchants:accepted"

    @property
    def poll_max_records(self) -> int:
        """The most records, over all partitions, that are taken from the consumer at a time.

        Half of the window: two of these may be on their way to a window that has just become full
        (docs/adr/0011-a-poll-is-half-a-window.md).
        """
        return max(1, self.window_max_records // 2)

    @property
    def lease_left_to_attempt_seconds(self) -> float:
        """An attempt starts only with this much of the lease left."""
        return self.push_attempt_seconds + self.clock_margin_seconds


def read_settings() -> Settings:
    """The settings from the environment, secrets also from files. Raises SettingsRefusedError."""
    try:
        found = secrets_from_files(os.environ, map(variable, _secret_fields()))
        secrets: dict[str, Any] = {_field(name): SecretStr(value) for name, value in found.items()}
        return Settings(**secrets)
    except SecretFileError as error:
        raise SettingsRefusedError(str(error)) from error
    except ValidationError as error:
        lines = [_line(tuple(map(str, detail["loc"])), detail["type"], detail["msg"]) for detail in error.errors()]
        raise SettingsRefusedError("\n".join(lines)) from error


def _line(location: tuple[str, ...], kind: str, message: str) -> str:
    if not location:
        return message.removeprefix("Value error, ")
    field = Settings.model_fields[location[0]]
    example = f", for example {variable(location[0])}={field.examples[0]}" if field.examples else ""
    wrong = f"is wrong: {message.removeprefix('Value error, ')}"
    return f"{variable(location[0])} {'is not set' if kind == 'missing' else wrong}{example}"


def example_settings() -> Settings:
    """Complete settings without real servers, for commands that only show what the app consists of."""
    required: dict[str, Any] = {
        name: SecretStr(str(field.examples[0])) if field.annotation is SecretStr else field.examples[0]
        for name, field in Settings.model_fields.items()
        if field.is_required() and field.examples
    }
    return Settings.model_construct(**required)


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """Names with our prefix that are no settings: most likely misspelt."""
    known = {variable(field) for field in Settings.model_fields}
    known |= {variable(field) + SECRET_FILE_SUFFIX for field in _secret_fields()}
    return sorted(name for name in environment if name.startswith(ENVIRONMENT_PREFIX) and name not in known)


def _secret_fields() -> list[str]:
    """The settings that may stand in a file instead."""
    fields = Settings.model_fields.items()
    return [name for name, field in fields if SecretStr in (field.annotation, *get_args(field.annotation))]


def _field(variable_name: str) -> str:
    return variable_name.removeprefix(ENVIRONMENT_PREFIX).lower()


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + field.upper()
