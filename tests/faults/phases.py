"""What is written while one build of several works, and read while another one does."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

import redis

from demo.stub_apis.coupon_api import Coupons
from demo.traffic.coupons import good_coupon
from demo.traffic.directory import MERCHANTS
from demo.traffic.paced_producer import Record
from demo.traffic.templates import Template
from demo.workers.worker_process import Build, command_line
from saving_alerts.domain.events import EventType
from saving_alerts.domain.reasons import Reason
from tests.faults.case import Case

ANSWER_TIMEOUT_SECONDS = 60
PUSHED_BEFORE = 60
SAMPLE = 20
KILLED_MERCHANTS = [each.merchant_id for each in MERCHANTS[1:] if not each.merchant_id.startswith("m-9")]
_BY_ID = {merchant.merchant_id: merchant for merchant in MERCHANTS}


def coupons_for_all(user_id: str, merchant_id: str) -> Coupons:
    return [good_coupon(Random(user_id), _BY_ID[merchant_id])]


@dataclass(slots=True)
class Phases:
    """Each phase leaves pushes, a switch, a dead letter and decisions, and finds those of the phases before it."""

    case: Case
    pushed: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    letters: list[str] = field(default_factory=list)

    def play(self, build: Build) -> None:
        """While the workers, or some of them, are of this build, whose commands are used."""
        number = len(self.killed)
        self._wait_for_pushes()
        self._turn_on(build, KILLED_MERCHANTS[number])
        self._write_what_no_stage_can_read(f"unreadable-{number}")
        self._ask_again(number)
        self.pushed = [push.push.user_id for push in self.case.pushes()][-SAMPLE:]

    def read(self, build: Build) -> None:
        """The commands of the build find everything."""
        switches = self._command(build, "kill", "list")
        letters = self._command(build, "dead-letters", "list")
        told = self._command(build, "explain", "--user", self.pushed[0])
        audited = self._command(build, "audit")
        assert [merchant for merchant in self.killed if merchant not in switches] == []
        assert letters.count("invalid") >= len(self.letters), letters
        assert "pushed" in told
        assert " 0" in audited

    def forget_in_redis(self) -> None:
        """From now on only the Table knows who was pushed."""
        with redis.Redis.from_url(self.case.deployment.world.redis.url) as client:
            for key in client.scan_iter("*:claims:*"):
                client.delete(key)

    def nobody_is_pushed_again(self, name: str) -> None:
        """Whoever was pushed in an earlier phase has had the one push of the day."""
        asked = {f"{user}-{name}": user for user in self.pushed}
        self.case.write([self._visit(event, user, MERCHANTS[0].merchant_id) for event, user in asked.items()])
        self._wait_for(dict.fromkeys(asked, Reason.CAPPED))

    def _ask_again(self, number: int) -> None:
        """Switches of every phase stop pushes in this one, and pushes of the last one count."""
        events = {self.case.user(f"killed-{number}-{merchant}"): merchant for merchant in self.killed}
        self.case.write([self._visit(event, event, merchant) for event, merchant in events.items()])
        self._wait_for(dict.fromkeys(events, Reason.KILLED))
        self.nobody_is_pushed_again(f"again-{number}")

    def _turn_on(self, build: Build, merchant: str) -> None:
        self._command(build, "kill", "on", "merchant", merchant, "--reason", "wrong prices", "--by", "ines", "--wait")
        self.killed.append(merchant)

    def _write_what_no_stage_can_read(self, name: str) -> None:
        self.case.write([Record(name, name.encode(), lambda: b"no JSON")])
        self._wait_for({name: Reason.INVALID})
        self.letters.append(name)

    def _wait_for_pushes(self) -> None:
        wanted = len(self.case.pushes()) + PUSHED_BEFORE
        self.case.deployment.wait_until(
            lambda: len(self.case.pushes()) >= wanted, ANSWER_TIMEOUT_SECONDS, "pushes go out"
        )

    def _wait_for(self, wanted: dict[str, Reason]) -> None:
        self.case.deployment.wait_until(
            lambda: all(self.case.reason(name) for name in wanted), ANSWER_TIMEOUT_SECONDS, "all are answered"
        )
        assert {name: self.case.reason(name) for name in wanted} == wanted

    def _visit(self, event_id: str, user_id: str, merchant_id: str) -> Record:
        template = Template(event_id, user_id, EventType.GEOFENCE_ENTERED, merchant_id, details=0)
        return Record(event_id, user_id.encode(), lambda: template.value(datetime.now(UTC)))

    def _command(self, build: Build, *arguments: str) -> str:
        ended = command_line(list(arguments), self.case.deployment.environment, build)
        assert ended.returncode == 0, f"{' '.join(arguments)}: {ended.stdout}{ended.stderr}"
        return ended.stdout
