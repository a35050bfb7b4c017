"""A line of the log: which fields it has, and what it never has."""

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from saving_alerts.kafka.codecs import without_values
from saving_alerts.worker.logs import logging_config

WORKER = {"worker": "worker-1", "version": "0.2.0", "group": "saving-alerts"}


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger is everybody's."""
    before, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = before
    logging.root.setLevel(level)


def configure(level: str = "info") -> logging.Logger:
    logging.config.dictConfig(logging_config("json", level, WORKER))
    return logging.getLogger("saving_alerts.somewhere")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_each_line_says_when_how_bad_what_and_which_worker(capsys: pytest.CaptureFixture[str]) -> None:
    configure().warning("it is %s", "late")

    (line,) = lines(capsys)
    assert {"level": "warning", "event": "it is late", "logger": "saving_alerts.somewhere"}.items() <= line.items()
    assert WORKER.items() <= line.items()
    assert str(line["time"]).endswith("Z")


def test_a_line_about_a_record_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    about = {"stage": "validate", "partition": 3, "position": "saving-events/3/41", "event_id": "e-1"}
    configure().error("it failed", extra=about | {"user_id": "u-1"})

    (line,) = lines(capsys)
    assert about.items() <= line.items()
    assert "user_id" not in line


@pytest.mark.parametrize(
    ("level", "written"), [("debug", ["d", "i", "w"]), ("info", ["i", "w"]), ("warning", ["w"]), ("error", [])]
)
def test_the_level_is_a_setting(level: str, written: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    logger = configure(level)
    logger.debug("d")
    logger.info("i")
    logger.warning("w")

    assert [line["event"] for line in lines(capsys)] == written


def test_a_traceback_in_the_log_names_places_and_no_shopper() -> None:
    error = """Traceback (most recent call last):
  File "steps.py", line 7, in validate
    users[user_id]
KeyError: 'u-42'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "steps.py", line 9, in validate
    raise ValueError(user)
saving_alerts.SomeError: u-42 at 52.5, 13.4
u-42 once more"""

    logged = without_values(error)

    assert "u-42" not in logged
    assert 'File "steps.py", line 9, in validate' in logged
    assert logged.splitlines()[-1] == "saving_alerts.SomeError"


def test_a_sentence_of_our_own_is_logged_as_it_is() -> None:
    assert without_values("not tried: it killed the worker") == "not tried: it killed the worker"
