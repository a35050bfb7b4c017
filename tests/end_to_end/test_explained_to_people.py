"""What real workers decide can be read to the shopper: by the command, and on the page of a worker."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from random import Random
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from demo.checks.decision_consumer import DecisionConsumer
from demo.stub_apis.coupon_api import Coupons
from demo.stub_apis.faults import Behaviour
from demo.traffic.cities import TimeOfDay
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS, merchants_jsonl
from demo.traffic.paced_producer import PacedProducer, Record
from demo.traffic.templates import Template
from demo.workers.worker_process import WorkerProcess, command_line
from demo.world import World
from saving_alerts.domain.events import EventType
from tests.end_to_end.shoppers import long_freshness_rules

TOKEN = "correct-horse-battery"
PER_SECOND = 100
ANSWER_SECONDS = 60
MERCHANT = MERCHANTS[0]


def shopper(user_id: str, number: int = 0, *, at: TimeOfDay = TimeOfDay.DAY, consent: bool = True) -> Record:
    kind, merchant = EventType.GEOFENCE_ENTERED, MERCHANT.merchant_id
    template = Template(f"e-{user_id}-{number}", user_id, kind, merchant, details=7, time_of_day=at, consent=consent)
    return Record(template.event_id, user_id.encode(), lambda: template.value(datetime.now(UTC)))


def coupons(user_id: str, _merchant_id: str) -> Coupons:
    return [] if user_id == "without" else [good_coupon(Random(user_id), MERCHANT)]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(settings={"SAVING_ALERTS_EXPLAIN_TOKEN": TOKEN}) as world:
        world.s3.put("rules.json", long_freshness_rules())
        world.s3.put("merchants.jsonl", merchants_jsonl())
        world.coupon_api.coupons = coupons
        yield world


@pytest.fixture(scope="module")
def worker(world: World) -> WorkerProcess:
    worker = world.start_worker()
    worker.wait_until_ready()
    others = [shopper("without"), shopper("asleep", at=TimeOfDay.NIGHT), shopper("silent", consent=False)]
    producer = PacedProducer(world.bootstrap_servers, world.topics.source.name)
    with DecisionConsumer(world.bootstrap_servers, world.topics.decisions.name) as decisions:
        write_both_of_lucky(world, producer)
        producer.write(others, PER_SECOND)
        decisions.wait_for_answers(len(producer.positions), ANSWER_SECONDS)
    return worker


def write_both_of_lucky(world: World, producer: PacedProducer) -> None:
    """The first is pushed when both were asked about: so the second is capped at its push, too, and not before."""
    world.push_api.behave(Behaviour(fault="hang"), user_id="lucky")
    producer.write([shopper("lucky"), shopper("lucky", 1)], PER_SECOND)
    world.coupon_api.wait_until(lambda: len(world.coupon_api.requests) > 1, ANSWER_SECONDS)
    world.push_api.recover()


def explained(world: World, user: str, *arguments: str) -> str:
    return command_line(["explain", "--user", user, *arguments], world.environment).stdout


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("user", "language", "told"),
    [
        ("lucky", "en", ": we sent you this push: “"),
        ("lucky", "en", "; the next is possible from tomorrow "),
        ("lucky", "de", "Wir haben Ihnen diese Push-Nachricht geschickt: „"),
        ("without", "de", "Es gab keinen Gutschein, den Sie dort in dem Moment hätten einlösen können"),
        ("asleep", "en", "we stay quiet from 22:00 to 08:00, so we sent you no push."),
        ("asleep", "de", "Von 22:00 bis 08:00 Uhr stören wir niemanden"),
        ("silent", "en", "pushes were not allowed for your account"),
    ],
)
def test_a_sentence_can_be_read_to_the_shopper(
    world: World, worker: WorkerProcess, user: str, language: str, told: str
) -> None:
    found = explained(world, user, "--language", language)

    assert told in found
    assert any(name in found.splitlines()[0] for name in MERCHANT.names.values())
    assert "UTC" not in found.splitlines()[0]


@pytest.mark.timeout(180)
def test_the_timeline_has_all_four_stages(world: World, worker: WorkerProcess) -> None:
    found = explained(world, "lucky", "--full")

    stages = ["check the event", "ask for coupons", "apply the rules", "send the push"]
    lines = [line.split("  ") for line in found.splitlines() if "worked" in line]
    assert [next(stage for stage in stages if stage in line) for line in lines[:4]] == stages


@pytest.mark.timeout(180)
def test_the_page_tells_the_same_and_asks_again(world: World, worker: WorkerProcess) -> None:
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    browser.open(f"{worker.page}/explain", urlencode({"token": TOKEN}).encode()).close()

    page = read(browser, f"{worker.page}/explain?user=lucky&event=e-lucky-1&again=1")

    assert "the next is possible from tomorrow" in page
    assert "we would send you this push: “" in page
    assert "at-the-store" in read(browser, f"{worker.page}/rules")
    assert 'href="explain"' in read(browser, f"{worker.page}/stats")


def read(browser: OpenerDirector, address: str) -> str:
    with browser.open(address) as answer:
        text: str = answer.read().decode()
        return text
