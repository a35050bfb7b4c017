"""The jars of Apache Kafka, fetched from Maven Central once and kept in `.cache/`."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp

from tests.support.requirements import require

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache"
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
    """The folder with the jars of the version in `pom.xml`; the first call downloads 54 MB."""
    folder = CACHE / f"kafka-{_kafka_version()}"
    if not folder.exists():
        _download(folder)
    return folder / "libs"


def _download(folder: Path) -> None:
    CACHE.mkdir(exist_ok=True)
    part = Path(mkdtemp(prefix=f"{folder.name}.part-", dir=CACHE))
    try:
        _copy_dependencies(part / "libs")
        part.rename(folder)
    except OSError:
        # Another test run was faster: its folder is as complete as ours.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _copy_dependencies(libs: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={libs}"]
    command = ["mvn", "-B", "-q", "-f", str(POM), *goal]
    maven = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_SECONDS, check=False)
    if maven.returncode:
        raise RuntimeError(f"Maven could not fetch Kafka:\n{maven.stdout}{maven.stderr}")


def _kafka_version() -> str:
    version: str = re.findall(r"<kafka.version>(.+)</kafka.version>", POM.read_text())[0]
    return version


def _java_version() -> int:
    """The major version; 0 without Java, 1 for Java 8 and before, which called themselves 1.8."""
    if shutil.which("java") is None:
        return 0
    answer = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False)
    # A macOS without Java has a `java` that only says where to get one.
    return int((re.findall(r'version "(\d+)', answer.stderr) or ["0"])[0])
