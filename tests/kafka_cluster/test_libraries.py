"""Which Kafka is taken, and what happens on a machine that cannot run one."""

import re
from pathlib import Path

import pytest

from tests.kafka_cluster.libraries import (
    VERSION_VARIABLE,
    java_and_maven_missing,
    kafka_jars,
    kafka_version,
    require_java_and_maven,
)

ROOT = Path(__file__).parents[2]


def install(folder: Path, tool: str, stderr: str) -> None:
    script = folder / tool
    script.write_text(f"#!/bin/sh\necho '{stderr}' >&2\n")
    script.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, with nothing in it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("java_says", "missing"),
    [
        pytest.param('openjdk version "17.0.15" 2025-04-15', None, id="new enough"),
        pytest.param('openjdk version "11.0.2" 2019-01-15', "a JDK (17 or later)", id="too old"),
        pytest.param('java version "1.8.0_202"', "a JDK (17 or later)", id="ancient"),
        pytest.param("Unable to locate a Java Runtime.", "a JDK (17 or later)", id="only a placeholder"),
    ],
)
def test_the_sentence_depends_on_what_java_says(programs: Path, java_says: str, missing: str | None) -> None:
    install(programs, "mvn", "")
    install(programs, "java", java_says)

    sentence = java_and_maven_missing()

    assert sentence == (missing and f"Apache Kafka does not run here: please install {missing}")


def test_an_empty_machine_is_told_everything_at_once(programs: Path) -> None:
    assert java_and_maven_missing() == ("Apache Kafka does not run here: please install a JDK (17 or later) and Maven")


def test_on_a_laptop_missing_tools_skip_the_test(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(pytest.skip.Exception, match="please install"):
        require_java_and_maven()


def test_in_ci_missing_tools_fail_the_test(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.fail.Exception, match="please install"):
        require_java_and_maven()


def supported() -> tuple[str, str]:
    """The oldest and the newest Kafka, as `make test-long` runs them."""
    (oldest, newest), *_ = re.findall(r"^KAFKAS := (\S+) (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return oldest, newest


def test_the_oldest_kafka_is_taken_unless_another_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSION_VARIABLE, "")
    assert kafka_version() == supported()[0]

    monkeypatch.setenv(VERSION_VARIABLE, "4.9.9")
    assert kafka_version() == "4.9.9"


def test_each_version_has_its_own_jars(monkeypatch: pytest.MonkeyPatch, programs: Path) -> None:
    """Maven is told the version; here it says no."""
    (programs / "mvn").write_text("#!/bin/sh\necho asked for $*\nexit 1\n")
    (programs / "mvn").chmod(0o755)
    monkeypatch.setenv(VERSION_VARIABLE, "4.9.9")

    with pytest.raises(RuntimeError, match=r"fetch Kafka 4\.9\.9:\nasked for .*-Dkafka\.version=4\.9\.9 "):
        kafka_jars()


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/kubernetes/overlays/local/kafka.yaml"])
def test_containers_have_the_newest(file: str) -> None:
    versions = re.findall(r"image: apache/kafka:(\S+)", (ROOT / file).read_text())

    assert versions == [supported()[1]]
