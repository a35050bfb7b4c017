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


@pytest.mark.parametrize(
    ("values", "named"),
    [
        pytest.param({"GROUP_HEARTBEAT_SECONDS": "4"}, "GROUP_HEARTBEAT_SECONDS", id="heartbeat-too-rare"),
        pytest.param({"DRAIN_SECONDS": "54"}, "DRAIN_SECONDS", id="no-time-for-the-last-commits"),
        pytest.param({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_USERNAME", id="login-without-name"),
        pytest.param(
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USERNAME": "worker"},
            "KAFKA_SASL_PASSWORD",
            id="login-without-password",
        ),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(
    environment: Environment, values: dict[str, str], named: str
) -> None:
    environment.sets(**values)

    assert f"SAVING_ALERTS_{named}" in refusal()[0]


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
