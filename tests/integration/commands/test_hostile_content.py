"""Whatever stands on Kafka, in Redis, in S3 or in an API's answer: no command writes what a terminal obeys."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import click
import msgspec
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from demo.servers.redis import EmbeddedRedis
from demo.servers.s3 import EmbeddedS3
from saving_alerts.__main__ import main
from saving_alerts.domain.reasons import Reason
from saving_alerts.kafka.codecs import encode
from saving_alerts.kafka.topics import Topics
from tests.support.broken_rules import GOOD, TEXT
from tests.support.recorded_deployment import RecordedDeployment
from tests.support.sample_events import event as an_event
from tests.support.terminal import BIDIRECTIONAL, LINE_BREAKS, harm_in

CONTROLS = "".join(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
ALL_HARM = "\x1b]0;owned\x07\x1b[31m" + CONTROLS + "".join(sorted(BIDIRECTIONAL | LINE_BREAKS))
FORGED_LINE = "2026-11-26 10:00:00  offer_viewed  m-150  pushed: the push was accepted"
FORGED = f"m-1\n{FORGED_LINE}"
signs = st.characters(exclude_categories=["Cs"]) | st.sampled_from(ALL_HARM)

# By what is called; {…} is filled in from the world. `worker` and `agents` go on to Faust, and read nothing
# before; `record-results` runs until it is stopped, and writes a log.
CALLS = {
    "audit": ["", "--json"],
    "consent lift": ["", "--yes"],
    "dead-letters list": ["", "--json"],
    "dead-letters replay": ["0:{last}", "--since 1h"],
    "dead-letters show": ["0:{last}", "0:0", "0:{last} --body"],
    "dead-letters skip": ["{topic} 0 0"],
    "demo": [""],
    "erase": ["--user u-1 --prove", "--user u-1 --yes --wait 0"],
    "events check": ["{merchants}", "{merchants} --json", "{rules} --rules {good}"],
    "explain": ["--user u-1", "--user u-1 --full", "--user u-1 --all --full", "--user u-1 --json", "--user u-9"],
    "kill history": [""],
    "kill list": [""],
    "kill off": ["all --reason x --by y"],
    "kill on": ["all --reason x --by y"],
    "merchants accept": ["0123456789ab"],
    "merchants check": ["{merchants}"],
    "merchants history": ["", "--json"],
    "merchants publish": ["{merchants} --by x --note y"],
    "merchants rollback": ["--by x"],
    "rules approve": ["0123456789ab"],
    "rules canary abort": ["--by x --note y"],
    "rules canary promote": ["--by x --note y"],
    "rules canary status": [""],
    "rules check": ["{rules}", "{rules} --json"],
    "rules diff": ["live {good}", "{good} {rules}", "live 0123456789ab"],
    "rules history": ["", "--json"],
    "rules preview": ["{good} --merchant m-1 --merchants {merchants}"],
    "rules propose": ["{good} --note y"],
    "rules publish": ["{good} --by x --note y"],
    "rules results": ["", "--json", "--rule r-1"],
    "rules rollback": ["--by x"],
    "rules schema": [""],
    "rules show": [""],
    "rules try": ["{good} --user u-1 --merchant m-1 --merchants {merchants}"],
    "simulate": ["--rules {good}", "--rules {good} --json", "--rules {good} --csv"],
    "stats": ["--page {page}", "--page {page} --json"],
    "throttle refill": [""],
    "topics check": [""],
    "topics create": [""],
    "topics strimzi": ["topics", "users"],
}
RUN_ON = {"worker", "agents", "record-results"}
# Into a pipe they write bytes as they came, which `test_output.py` tries; on a terminal they show them.
OF_BYTES = {"dead-letters show 0:{last} --body", "rules show"}


def commands_of(group: click.Group, prefix: str = "") -> Iterator[str]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands_of(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}"


def test_every_command_is_tried() -> None:
    assert set(commands_of(main)) == set(CALLS) | RUN_ON


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(text=ALL_HARM)
@example(text=FORGED)
@given(text=st.text(signs, min_size=1, max_size=40))
def test_no_command_writes_what_a_terminal_obeys(
    deployment: RecordedDeployment, s3: EmbeddedS3, redis: EmbeddedRedis, text: str
) -> None:
    world = _World(deployment, s3, redis)
    asyncio.run(world.write(text))
    world.put(text)
    with page_of(text) as page:
        found = {call: world.run(call, page) for call in calls() if call not in OF_BYTES}

    assert {call: harm_in(written) for call, written in found.items() if harm_in(written)} == {}
    forged = [line for written in found.values() for line in written.splitlines() if line.startswith(FORGED_LINE)]
    assert forged == []


def calls() -> list[str]:
    return [f"{command} {arguments}".strip() for command, each in CALLS.items() for arguments in each]


class _World:
    """A deployment whose every record and file holds the text."""

    def __init__(self, deployment: RecordedDeployment, s3: EmbeddedS3, redis: EmbeddedRedis) -> None:
        self.deployment, self.s3, self.redis = deployment, s3, redis
        self.last = 0

    def run(self, call: str, page: str) -> str:
        names = {"last": self.last, "topic": self.deployment.topics.source.name, "page": page}
        files = {name: f"{name}.json" for name in ("merchants", "rules", "good")}
        arguments = [word.format(**names, **files) for word in call.split(" ")]
        result = CliRunner().invoke(main, arguments, env=self._environment(page), input="n\n")
        assert result.exception is None or isinstance(result.exception, SystemExit), f"{call}: {result.exception!r}"
        return result.stdout + result.stderr

    def _environment(self, page: str) -> dict[str, str]:
        return {
            **self.deployment.environment,
            **self.s3.environment,
            "SAVING_ALERTS_S3_BUCKET": self.s3.bucket,
            "SAVING_ALERTS_S3_ENDPOINT_URL": self.s3.endpoint_url,
            "SAVING_ALERTS_STS_ENDPOINT_URL": self.s3.endpoint_url,
            "SAVING_ALERTS_REDIS_URL": self.redis.url,
            "SAVING_ALERTS_TOPIC_PARTITIONS": "4",
            "SAVING_ALERTS_TEST_USERS": "u-1",
            "SAVING_ALERTS_RESULTS": "true",
            "SAVING_ALERTS_ERASURE_SECRET": "0123456789abcdef0123456789abcdef",
            "SAVING_ALERTS_PUSH_API_URL": page,
        }

    async def write(self, text: str) -> None:
        deployment, topics = self.deployment, self.deployment.topics
        decision = deployment.decision(self.last, Reason.PUSH_REFUSED)
        details: dict[str, object] = {"answer": text, text: {text: [text]}}
        hostile = msgspec.structs.replace(
            decision, details=details, merchant_id=text, event_type=text, event_id=text, worker=text
        )
        letter = deployment.dead_letter(self.last, error=f"{text}\n{text}", body=text.encode(), stage=text)
        letter = msgspec.structs.replace(letter, key=text.encode(), headers=(("event_id", text.encode()),), worker=text)
        await deployment.produce_events(
            msgspec.structs.replace(an_event(), user_id="u-1", merchant_id=text[:100]), text.encode()
        )
        await deployment.write_decisions(hostile, text.encode())
        await deployment.write_dead_letters(letter, text.encode())
        async with AIOKafkaProducer(bootstrap_servers=deployment.bootstrap_servers) as producer:
            send = partial(producer.send_and_wait, topics.kill_switches.name, partition=0)
            switch = {"scope": "all", "reason": text, "by": text, "since": "2026-11-26T10:00:00Z"}
            await send(encode(switch), key=b"all")
            await send(encode(switch | {"scope": "rule", "id": text}), key=f"rule:{text}".encode())
            await send(text.encode(), key=text.encode())
            await send(encode({"scope": text}), key=b"rule:r-1")
            results = Topics.named(topics.source.name, deployment.name, results=True).results
            assert results
            for value in (encode(_result(text, decision.decision_id)), text.encode()):
                await producer.send_and_wait(results.name, value, key=text.encode(), partition=0)

    def put(self, text: str) -> None:
        line = {"version": "0" * 12, "by": text, "note": text, "at": datetime.now(UTC).isoformat(), "replaced": text}
        history = json.dumps(line, ensure_ascii=False).encode() + b"\n" + text.encode() + b"\n"
        merchant = json.dumps({"merchant_id": "m-1", "names": {"en": text}}, ensure_ascii=False).encode() + b"\n"
        for document in ("rules", "merchants"):
            self.s3.put(f"{document}/history.jsonl", history)
        self.s3.put("rules.json", TEXT.encode())
        self.s3.put("merchants.jsonl", merchant + text.encode() + b"\n")
        files = {"merchants": merchant, "rules": json.dumps(GOOD | {text: text}).encode(), "good": TEXT.encode()}
        for name, body in files.items():
            with open(f"{name}.json", "wb") as file:  # noqa: PTH123 - the folder of the test
                file.write(body)
        with Redis.from_url(self.redis.url) as client:
            client.set(f"{self.deployment.name}:workers:{text}", text)
            client.set(f"{self.deployment.name}:merchants:accepted", text)


def _result(text: str, decision_id: str) -> dict[str, object]:
    texts = (
        "result_id",
        "event_id",
        "user_id",
        "merchant_id",
        "rule_id",
        "rules_version",
        "coupon_id",
        "variant",
        "store_id",
    )
    now = datetime.now(UTC).isoformat()
    return dict.fromkeys(texts, text) | {
        "decision_id": decision_id,
        "kind": "opened",
        "joined_by": "id",
        "response": {"topic": text, "partition": 0, "offset": 0},
        "happened_at": now,
        "assigned_at": now,
    }


@contextmanager
def page_of(text: str) -> Iterator[str]:
    """A worker's page that says the text wherever it can."""
    body = json.dumps({"worker": text, "version": text}, ensure_ascii=False).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.send_response(400)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing: it would write to our own terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
