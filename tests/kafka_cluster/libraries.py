"""The jars of Apache Kafka, fetched from Maven Central once for each version and kept in `.cache/`."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

from tests.support.requirements import require

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache"
# `make test-kafka KAFKA_VERSION=4.4.0` sets it.
VERSION_VARIABLE = "KAFKA_VERSION"
MINIMUM_JAVA_VERSION = 17
DOWNLOAD_TIMEOUT_SECONDS = 600


def java_and_maven_missing() -> str | None:
    """What to install before a Kafka can be started here, as a sentence; None when everything is there."""
    there = {
        f"a JDK ({MINIMUM_JAVA_VERSION} or later)": _java_version() >= MINIMUM_JAVA_VERSION,
        "Maven": shutil.which("mvn") is not None,
    }
    missing = " and ".join(tool for tool, found in there.items() if not found)
    return f"Apache Kafka does not run here: please install {missing}" if missing else None


def require_java_and_maven() -> None:
    """Skip the test with that sentence, or fail it in CI."""
    require(java_and_maven_missing())


def kafka_jars() -> Path:
    """The folder with the jars of `kafka_version()`; the first call downloads 54 MB."""
    version = kafka_version()
    folder = CACHE / f"kafka-{version}"
    if not folder.exists():
        _download(version, folder)
    return folder / "libs"


def kafka_version() -> str:
    """The version in `pom.xml`, or another that the environment variable `KAFKA_VERSION` names."""
    in_pom: str = re.findall(r"<kafka.version>(.+)</kafka.version>", POM.read_text())[0]
    return os.environ.get(VERSION_VARIABLE) or in_pom


def _download(version: str, folder: Path) -> None:
    CACHE.mkdir(exist_ok=True)
    part = Path(mkdtemp(prefix=f"{folder.name}.part-", dir=CACHE))
    try:
        _copy_dependencies(version, part / "libs")
        part.rename(folder)
    except OSError:
        # Another test run was faster: its folder is as complete as ours.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy_dependencies(version: str, libs: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-Dkafka.version={version}", f"-DoutputDirectory={libs}"]
    command = ["mvn", "-B", "-q", "-f", str(POM), *goal]
    maven = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_SECONDS, check=False)
    if maven.returncode:
        raise RuntimeError(f"Maven could not fetch Kafka {version}:\n{maven.stdout}{maven.stderr}")


def _java_version() -> int:
    """The major version; 0 without Java, 1 for Java 8 and before, which called themselves 1.8."""
    if shutil.which("java") is None:
        return 0
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    # A macOS without Java has a `java` that only says where to get one.
    return int((re.findall(r'version "(\d+)', answer.stderr) or ["0"])[0])
