"""`rules try`: one push to a listed test user, marked as a test, and nobody else is asked or charged."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from demo.stub_apis.faults import Behaviour
from demo.stub_apis.push_api import PushApi as PushApiStub
from saving_alerts.commands.rules.group import rules
from saving_alerts.domain.rules.variants import text_for
from saving_alerts.domain.rules_file.compiler import read_rules
from tests.support.broken_rules import GOOD

MERCHANT = b'{"merchant_id": "m-123", "names": {"en": "Coffee & Co"}, "deep_link_hosts": ["shop.example"]}\n'
VARIANTS = [{"id": name, "texts": {"en": {"title": name, "body": "$coupon"}}} for name in ("plain", "friendly")]
IN_TURN = GOOD | {"rules": [GOOD["rules"][0] | {"message": {"fallback": "en", "variants": VARIANTS}}]}


@pytest.fixture
def api() -> Iterator[PushApiStub]:
    with PushApiStub() as stub:
        yield stub


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules.json").write_text(json.dumps(GOOD))
    (tmp_path / "merchants.jsonl").write_bytes(MERCHANT)
    return tmp_path


@pytest.mark.usefixtures("folder")
class TestTry:
    @staticmethod
    def run(api: PushApiStub, user: str = "u-test", more: tuple[str, ...] = (), **settings: str) -> Result:
        environment = {
            "SAVING_ALERTS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "SAVING_ALERTS_REDIS_URL": "redis://127.0.0.1:1/0",
            "SAVING_ALERTS_S3_BUCKET": "nowhere",
            "SAVING_ALERTS_COUPON_API_URL": "http://127.0.0.1:1",
            "SAVING_ALERTS_PUSH_API_URL": api.url,
            "SAVING_ALERTS_TEST_USERS": "u-test, u-other",
        }
        where = ["--merchant", "m-123", "--merchants", "merchants.jsonl", "--rule", GOOD["rules"][0]["id"]]
        return CliRunner().invoke(
            rules, ["try", "rules.json", "--user", user, *where, *more], env=environment | settings
        )

    def test_a_test_user_gets_one_push_that_is_marked(self, api: PushApiStub) -> None:
        result = self.run(api)

        assert result.exit_code == 0, result.stderr
        assert "nobody was charged" in result.stdout
        (accepted,) = api.accepted
        assert accepted.push.user_id == "u-test"
        assert accepted.push.title.startswith("[Test] ")
        assert accepted.push.category == "saving_alert_test"
        assert accepted.push.deep_link == "https://shop.example/"
        assert (api.violations, accepted.late) == ([], False)

    @pytest.mark.parametrize("variant", ["plain", "friendly"])
    def test_a_text_in_turn_can_be_chosen(self, api: PushApiStub, folder: Path, variant: str) -> None:
        (folder / "rules.json").write_text(json.dumps(IN_TURN))

        result = self.run(api, more=("--variant", variant))

        assert result.exit_code == 0, result.stderr
        (accepted,) = api.accepted
        assert (accepted.push.title, accepted.push.trace.variant) == (f"[Test] {variant}", variant)

    def test_without_a_choice_it_is_the_text_that_this_user_always_reads(self, api: PushApiStub, folder: Path) -> None:
        (folder / "rules.json").write_text(json.dumps(IN_TURN))
        read_rule = read_rules(json.dumps(IN_TURN).encode()).rules[0]

        self.run(api)
        self.run(api, user="u-other")

        chosen = [text_for(read_rule.message, user)[0] for user in ("u-test", "u-other")]
        assert [each.push.trace.variant for each in api.accepted] == chosen

    def test_an_unknown_text_is_refused_with_those_that_there_are(self, api: PushApiStub, folder: Path) -> None:
        (folder / "rules.json").write_text(json.dumps(IN_TURN))

        result = self.run(api, more=("--variant", "rude"))

        assert (result.exit_code, api.requests) == (2, [])
        assert "has no variant rude; there are: plain, friendly" in result.stderr

    def test_it_can_be_sent_again(self, api: PushApiStub) -> None:
        self.run(api)
        self.run(api)

        assert len(api.accepted) == 2

    def test_nobody_else_gets_one(self, api: PushApiStub) -> None:
        result = self.run(api, user="u-42")

        assert (result.exit_code, api.requests) == (2, [])
        assert "u-42 is no test user: SAVING_ALERTS_TEST_USERS" in result.stderr

    def test_without_a_list_nobody_is_a_test_user(self, api: PushApiStub) -> None:
        assert self.run(api, SAVING_ALERTS_TEST_USERS="").exit_code == 2

    def test_a_refusal_is_told(self, api: PushApiStub) -> None:
        api.behave(Behaviour(fault="status", status=400))

        result = self.run(api)

        assert result.exit_code == 1
        assert "the push API refused it with 400" in result.stderr
