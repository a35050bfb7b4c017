"""What a command imports is all that it costs before it does anything: no command loads what it does not use."""

import os
import subprocess
import sys
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

PROJECT = Path(__file__).parents[2]
FAUST = {"faust", "mode"}
S3 = {"aioboto3", "aiobotocore", "boto3", "botocore"}
CLIENTS = {"aiohttp", "redis", "datadog", "jinja2"}
KAFKA = {"aiokafka"}
SETTINGS = {"pydantic_settings"}
NEVER = FAUST | S3 | CLIENTS

# What a worker without an agent for its metrics has no use for, before somebody opens its page.
UNUSED_BY_A_WORKER = {
    "aioboto3",
    "boto3",
    "s3transfer",
    "requests",
    "datadog",
    "jinja2",
    "demo",
    "confluent_kafka",
    "moto",
}

CASES = (
    (["worker", "--help"], UNUSED_BY_A_WORKER),
    (["--help"], NEVER | KAFKA | SETTINGS | {"pydantic", "msgspec", "rich", "stamina", "cel_expr_python"}),
    (["rules", "--help"], NEVER | KAFKA | SETTINGS | {"pydantic", "msgspec", "rich", "stamina", "cel_expr_python"}),
    (["rules", "check", str(PROJECT / "demo" / "rules.json")], NEVER | KAFKA | SETTINGS | {"rich", "stamina"}),
    (["rules", "publish", "--help"], FAUST | KAFKA | {"redis", "datadog", "jinja2"}),
    (["merchants", "--help"], NEVER | KAFKA | SETTINGS | {"pydantic", "msgspec", "rich", "stamina", "cel_expr_python"}),
    (["merchants", "publish", "--help"], FAUST | KAFKA | {"datadog", "jinja2"}),
    (["explain", "--help"], NEVER | {"rich"}),
    (["audit", "--help"], NEVER),
    (["kill", "list", "--help"], NEVER | {"rich"}),
    (["kill", "on", "--help"], NEVER | {"rich"}),
    (["dead-letters", "list", "--help"], NEVER | {"rich"}),
    (["topics", "create", "--help"], NEVER | {"rich"}),
)


@pytest.fixture
def environment() -> dict[str, str]:
    """Without a variable of ours, which would have to be looked at."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SAVING_ALERTS_")}


@pytest.mark.parametrize(("arguments", "unused"), CASES, ids=[" ".join(arguments[:2]) for arguments, _ in CASES])
def test_a_command_imports_nothing_that_it_does_not_use(
    arguments: list[str], unused: set[str], environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "saving_alerts", *arguments]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)

    found = imported(done.stderr)

    assert "click" in found
    assert not found & unused


def test_settings_are_read_where_a_variable_looks_like_ours(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SAVING_ALERTS_NONSENSE=1\n")
    command = [sys.executable, "-m", "saving_alerts", "rules", "schema"]

    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stderr == "warning: SAVING_ALERTS_NONSENSE is set, but there is no such setting\n"


def imported(importtime: str) -> set[str]:
    """The packages, from lines like `import time:  1234 |  5678 |   click.core`."""
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in importtime.splitlines() if "|" in line}


def test_bytecode_is_made_where_a_worker_is_installed() -> None:
    """In a container nothing can be written, and each start would compile 1,400 modules."""
    build = (PROJECT / "Dockerfile").read_text(encoding="utf-8").partition("AS world-build")[0]
    setup = (PROJECT / "Makefile").read_text(encoding="utf-8")

    assert "UV_COMPILE_BYTECODE=1" in build
    assert build.partition("PYC_INVALIDATION_MODE=")[2].split()[0] in PycInvalidationMode.__members__  # as uv wants it
    assert "--compile-bytecode" in setup
    assert "compileall -q saving_alerts" in setup
