"""A worker with a wrong environment does not start, and says which variable is wrong and what it could be."""

import traceback
from pathlib import Path

import pytest

from saving_alerts import ENVIRONMENT_PREFIX as PREFIX
from saving_alerts.settings import (
    Settings,
    SettingsRefusedError,
    example_settings,
    read_settings,
    unknown_variables,
    variable,
)

COMPLETE = {
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "S3_BUCKET": "saving-alerts",
    "COUPON_API_URL": "http://127.0.0.1:8081",
    "PUSH_API_URL": "http://127.0.0.1:8082",
}


class Environment:
    """A complete environment, in a folder without `.env`; `sets` and `lacks` change it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch = monkeypatch
        monkeypatch.chdir(folder)
        for field in Settings.model_fields:
            monkeypatch.delenv(variable(field), raising=False)
            monkeypatch.delenv(f"{variable(field)}_FILE", raising=False)
        self.sets(**COMPLETE)

    def sets(self, **values: str) -> None:
        for name, value in values.items():
            self._monkeypatch.setenv(PREFIX + name, value)

    def lacks(self, *names: str) -> None:
        for name in names:
            self._monkeypatch.delenv(PREFIX + name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    return Environment(monkeypatch, tmp_path)


def refusal() -> list[str]:
    with pytest.raises(SettingsRefusedError) as refused:
        read_settings()
    return str(refused.value).splitlines()


def test_the_required_variables_are_enough(environment: Environment) -> None:
    settings = read_settings()

    assert (settings.kafka_bootstrap_servers, settings.app_id) == ("127.0.0.1:9092", "saving-alerts")


def test_every_missing_variable_is_named_with_an_example(environment: Environment) -> None:
    environment.lacks(*COMPLETE)

    assert refusal() == [
        f"SAVING_ALERTS_{name} is not set, for example SAVING_ALERTS_{name}={example}"
        for name, example in COMPLETE.items()
    ]


def test_an_empty_variable_is_a_missing_one(environment: Environment) -> None:
    environment.sets(REDIS_URL="")

    assert refusal()[0].startswith("SAVING_ALERTS_REDIS_URL is not set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("REDIS_URL", "localhost", id="no-scheme"),
        pytest.param("PUSH_API_URL", "ftp://push", id="another-scheme"),
        pytest.param("WEB_PORT", "65536", id="no-port"),
        pytest.param("WEB_PORT", "http", id="no-number"),
        pytest.param("CLAIM_LEASE_SECONDS", "0", id="no-time"),
        pytest.param("BATCH_MAX_RECORDS", "0", id="no-records"),
        pytest.param("TOPIC_PREFIX", "saving alerts", id="no-topic-name"),
        pytest.param("LOG_FORMAT", "xml", id="no-format"),
        pytest.param("KAFKA_SECURITY_PROTOCOL", "TLS", id="no-protocol"),
    ],
)
def test_a_wrong_variable_is_named(environment: Environment, name: str, value: str) -> None:
    environment.sets(**{name: value})

    (line,) = refusal()
    assert line.startswith(f"SAVING_ALERTS_{name} is wrong: ")


def test_a_wrong_variable_comes_with_its_example(environment: Environment) -> None:
    environment.sets(REDIS_URL="localhost")

    assert refusal()[0].endswith(", for example SAVING_ALERTS_REDIS_URL=redis://127.0.0.1:6379/0")


def test_all_faults_are_named_at_once(environment: Environment) -> None:
    environment.lacks("S3_BUCKET")
    environment.sets(WEB_PORT="0")

    assert [line.split()[0] for line in refusal()] == ["SAVING_ALERTS_S3_BUCKET", "SAVING_ALERTS_WEB_PORT"]


@pytest.mark.parametrize(
    ("lease", "fits"),
    [pytest.param("7.9", False, id="too-short"), pytest.param("8", True, id="just-enough")],
)
def test_a_lease_has_room_for_an_attempt_the_margin_and_a_second(
    environment: Environment, lease: str, *, fits: bool
) -> None:
    environment.sets(CLAIM_LEASE_SECONDS=lease, PUSH_ATTEMPT_SECONDS="5", CLOCK_MARGIN_SECONDS="2")

    if fits:
        assert read_settings().lease_left_to_attempt_seconds == 7
    else:
        assert refusal()[0] == (
            "SAVING_ALERTS_CLAIM_LEASE_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS "
            "+ SAVING_ALERTS_CLOCK_MARGIN_SECONDS + 1"
        )


# Each pair just not fitting, and just fitting.
PAIRS = [
    (
        {"CLAIM_LEASE_SECONDS": ("8.9", "9"), "REDIS_TIMEOUT_SECONDS": ("2", "2")},
        (
            "CLAIM_LEASE_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS "
            "+ SAVING_ALERTS_CLOCK_MARGIN_SECONDS + SAVING_ALERTS_REDIS_TIMEOUT_SECONDS, else no attempt could begin"
        ),
    ),
    (
        {"GROUP_HEARTBEAT_SECONDS": ("3.4", "3.3")},
        "GROUP_HEARTBEAT_SECONDS must be at most a third of SAVING_ALERTS_SESSION_TIMEOUT_SECONDS",
    ),
    (
        {
            "CONSENT_TOPIC": ("saving-consent", "saving-consent"),
            "CONSENT_STALE_SECONDS": ("10", "11"),
        },
        (
            "CONSENT_STALE_SECONDS must be more than SAVING_ALERTS_SESSION_TIMEOUT_SECONDS, "
            "else no consent is known whenever a worker is gone"
        ),
    ),
    (
        {"DRAIN_SECONDS": ("51", "50.9")},
        "DRAIN_SECONDS + 9, which the last commits may take, must be less than SAVING_ALERTS_REBALANCE_TIMEOUT_SECONDS",
    ),
    (
        {"DRAIN_SECONDS": ("4.9", "5")},
        (
            "DRAIN_SECONDS must be at least SAVING_ALERTS_PUSH_ATTEMPT_SECONDS, "
            "else attempts are cut off whenever a worker stops"
        ),
    ),
    (
        {"COUPON_API_TOTAL_SECONDS": ("3.9", "4")},
        (
            "COUPON_API_TOTAL_SECONDS must be at least SAVING_ALERTS_COUPON_API_TIMEOUT_SECONDS, "
            "which the first attempt may take"
        ),
    ),
    (
        {"REFERENCE_DATA_STALE_SECONDS": ("30", "31")},
        (
            "REFERENCE_DATA_STALE_SECONDS must be more than SAVING_ALERTS_RELOAD_SECONDS, "
            "else the worker is not ready between two looks at S3"
        ),
    ),
    (
        {"S3_MERCHANTS_KEY": ("rules.json", "m.jsonl")},
        "S3_RULES_KEY and SAVING_ALERTS_S3_MERCHANTS_KEY must be two objects",
    ),
    (
        {"SOURCE_TOPIC": ("saving-alerts.alerts", "saving-alerts.source")},
        "SOURCE_TOPIC must not be a topic of our own: choose another SAVING_ALERTS_TOPIC_PREFIX",
    ),
    (
        {"KAFKA_SECURITY_PROTOCOL": ("SASL_SSL", "SSL")},
        "KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD are needed for SASL",
    ),
    (
        {"KAFKA_SECURITY_PROTOCOL": ("SASL_SSL", "SSL"), "KAFKA_SASL_USERNAME": ("worker", "worker")},
        "KAFKA_SASL_USERNAME and SAVING_ALERTS_KAFKA_SASL_PASSWORD are needed for SASL",
    ),
]


@pytest.mark.parametrize(("values", "words"), PAIRS, ids=lambda each: "-".join(each) if isinstance(each, dict) else "")
def test_settings_that_do_not_fit_each_other_are_refused(
    environment: Environment, values: dict[str, tuple[str, str]], words: str
) -> None:
    environment.sets(**{name: wrong for name, (wrong, _) in values.items()})
    refused = refusal()
    environment.sets(**{name: right for name, (_, right) in values.items()})

    assert refused == [PREFIX + words]
    assert read_settings()


def test_all_that_does_not_fit_is_named_at_once(environment: Environment) -> None:
    environment.sets(GROUP_HEARTBEAT_SECONDS="9", DRAIN_SECONDS="1", S3_MERCHANTS_KEY="rules.json")

    assert [line.split()[0].removeprefix(PREFIX) for line in refusal()] == [
        "DRAIN_SECONDS",
        "GROUP_HEARTBEAT_SECONDS",
        "S3_RULES_KEY",
    ]


def test_a_password_reaches_kafka_and_no_log(environment: Environment) -> None:
    environment.sets(KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT", KAFKA_SASL_USERNAME="worker", KAFKA_SASL_PASSWORD="pass")

    settings = read_settings()

    assert settings.kafka.options()["sasl_plain_password"] == "pass"
    assert "'pass'" not in repr(settings) + repr(settings.kafka)


def test_variables_that_look_like_ours_and_mean_nothing_are_named() -> None:
    unknown = unknown_variables(["SAVING_ALERTS_WEBPORT", "SAVING_ALERTS_WEB_PORT", "PATH", "SAVING_ALERTS_A"])

    assert unknown == ["SAVING_ALERTS_A", "SAVING_ALERTS_WEBPORT"]


def test_the_example_settings_are_complete() -> None:
    settings = example_settings()

    found = settings.model_copy(update={"redis_url": settings.redis_address})
    assert {field: getattr(found, field) for field in map(str.lower, COMPLETE)} == {
        name.lower(): example for name, example in COMPLETE.items()
    }


SECRETS = {"REDIS_URL": "redis://:sesame@127.0.0.1:6379/0", "KAFKA_SASL_PASSWORD": "sesame"}


def test_what_is_secret_is_in_no_text_of_the_settings(environment: Environment) -> None:
    environment.sets(**SECRETS)
    settings = read_settings()

    assert settings.redis_address == SECRETS["REDIS_URL"]
    assert "sesame" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "sesame" not in repr(settings.kafka)


@pytest.mark.parametrize("url", ["redis//:sesame@host", "sesame", "http://:sesame@host", ":sesame@host:6379"])
def test_a_wrong_address_of_redis_does_not_show_its_password(environment: Environment, url: str) -> None:
    environment.sets(REDIS_URL=url)

    with pytest.raises(SettingsRefusedError) as refused:
        read_settings()

    assert "SAVING_ALERTS_REDIS_URL is wrong: it must begin with redis://" in str(refused.value)
    assert "sesame" not in "".join(traceback.format_exception(refused.value))


def test_secrets_may_stand_in_files(environment: Environment, tmp_path: Path) -> None:
    environment.lacks("REDIS_URL")
    (tmp_path / "redis").write_text("rediss://:pw@redis.example:6379/0\n")
    (tmp_path / "kafka").write_text("pässword")
    environment.sets(REDIS_URL_FILE=str(tmp_path / "redis"), KAFKA_SASL_PASSWORD_FILE=str(tmp_path / "kafka"))

    settings = read_settings()

    assert settings.redis_address == "rediss://:pw@redis.example:6379/0"
    assert settings.kafka.sasl_password == "pässword"
    assert unknown_variables([f"{PREFIX}REDIS_URL_FILE", f"{PREFIX}S3_BUCKET_FILE"]) == [f"{PREFIX}S3_BUCKET_FILE"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "cannot be read: No such file or directory", id="no file"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\n \n", "is empty", id="blank"),
        pytest.param(b"\xff\xfe", "is no text", id="no text"),
        pytest.param(b"redis://" + b"x" * 70_000, "is too long for a secret", id="endless"),
    ],
)
def test_a_file_without_a_secret_is_named(
    environment: Environment, tmp_path: Path, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    environment.lacks("REDIS_URL")
    environment.sets(REDIS_URL_FILE=str(path))

    assert refusal() == [f"SAVING_ALERTS_REDIS_URL_FILE is wrong: {path} {problem}"]


def test_a_secret_stands_in_one_place(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("redis://other:6379/0")
    environment.sets(REDIS_URL_FILE=str(tmp_path / "redis"))

    assert refusal() == ["SAVING_ALERTS_REDIS_URL and SAVING_ALERTS_REDIS_URL_FILE are both set: unset one"]


def test_what_stands_in_a_file_is_checked_and_not_shown(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("http://:hunter2@redis")
    environment.lacks("REDIS_URL")
    environment.sets(REDIS_URL_FILE=str(tmp_path / "redis"))

    (line,) = refusal()
    assert line.startswith("SAVING_ALERTS_REDIS_URL is wrong: it must begin with redis://")
    assert "hunter2" not in line
