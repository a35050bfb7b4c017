"""The settings of the agent as tags and as an address."""

import pytest
from pydantic import ValidationError

from saving_alerts import __version__
from saving_alerts.settings import Settings, example_settings
from saving_alerts.worker.datadog_policy import constant_tags, datadog_policy


def settings(**changed: str) -> Settings:
    return Settings.model_validate({**example_settings().model_dump(), "worker_name": "w-1", **changed})


def test_the_unified_service_tags_and_those_of_ones_own() -> None:
    tags = constant_tags(settings(statsd_env="production", statsd_tags="team:offers,service:mine,url:http://x"))

    assert tags == {
        "env": "production",
        "service": "saving-alerts",
        "version": __version__,
        "worker": "w-1",
        "team": "offers",
        "url": "http://x",
    }


def test_where_no_environment_is_set_the_tag_is_left_to_the_machine() -> None:
    assert "env" not in constant_tags(settings())


def test_a_name_with_its_port_or_a_socket() -> None:
    named, local = (
        datadog_policy(settings(statsd_host="agent", statsd_port="8126")),
        datadog_policy(settings(statsd_socket="/run/dsd.socket")),
    )

    assert named is not None
    assert (named.host, named.port, named.socket_path) == ("agent", 8126, None)
    assert local is not None
    assert local.socket_path == "/run/dsd.socket"


def test_without_an_agent_there_is_none() -> None:
    assert datadog_policy(settings()) is None


@pytest.mark.parametrize(
    "wrong", [{"statsd_tags": "team"}, {"statsd_tags": "a:b,,c:d"}, {"statsd_env": "a b"}, {"statsd_socket": "dsd"}]
)
def test_what_would_break_a_line_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)
