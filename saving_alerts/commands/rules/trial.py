"""`saving-alerts rules try`: one push of a rule to a test user, as a shopper would get it."""

import asyncio
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

import click

from saving_alerts.adapters.datadog import NoMetrics
from saving_alerts.adapters.push_api import PushApi
from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import BadNewsError, CommandRefusedError
from saving_alerts.commands.files import FILE
from saving_alerts.commands.output import say
from saving_alerts.commands.rules.file import good_rules
from saving_alerts.commands.rules.moments import moment_notes
from saving_alerts.commands.rules.preview import known_merchant, listening_rules, sample_coupon, texts_of
from saving_alerts.commands.texts import ID
from saving_alerts.domain.alerts import Push, TrialOf, idempotency_key, trial_push
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.messages import Message, render
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.variants import text_for
from saving_alerts.ports.push_sender import Accepted, Attempt, Refused, Throttled, TooLate, Unclear
from saving_alerts.settings import Settings
from saving_alerts.worker.clock import SystemClock
from saving_alerts.worker.open_adapters import push_api_policy

LIVES_FOR = timedelta(minutes=5)  # somebody looks at a phone meanwhile


@click.command("try")
@FILE
@click.option("--user", required=True, type=ID, help="A test user: one of SAVING_ALERTS_TEST_USERS.")
@click.option("--merchant", required=True, type=ID, help="The merchant's id.")
@click.option("--rule", "rule_id", type=ID, help="The rule's id, where several listen at the merchant.")
@click.option("--variant", type=ID, help="Which of several texts in turn; without it the one this user always reads.")
@click.option("--locale", default="en", show_default=True, help="The shopper's locale, like de or de-AT.")
@click.option(
    "--merchants",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file in place of S3's directory.",
)
def try_(
    file: Path,
    user: str,
    merchant: str,
    rule_id: str | None,
    variant: str | None,
    locale: str,
    merchants: Path | None,
) -> None:
    """Send one push of a rule to a test user, with a sample coupon.

    Title and category say that it is a test. It asks nobody but the push API, claims nothing and charges nobody. Kill
    switches do not stop it.

    \b
    Example:
      saving-alerts rules try rules.json --user u-test-1 --merchant m-123 --rule coffee --locale de

    Exit code: 0, or 1 when the push API did not accept it, or 2 when it could not be asked.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    _, rules = good_rules(file)
    settings = _settings_for(user)
    rule = _chosen(listening_rules(rules, merchant), merchant, rule_id)
    named, text = _chosen_text(rule, user, variant)
    push = _push(_trial(rules, rule, user, locale, named), text, known := known_merchant(merchants, merchant))
    say(*(f"shoppers get it: {note}" for note in moment_notes(rule, known, now())))
    if settings.dry_run:
        say(f"a dry run: nothing was sent. {push.title}: {push.body}")
        return
    say(_in_words(asyncio.run(_sent(settings, push)), rule, user))


def _settings_for(user: str) -> Settings:
    """Refuses who may be a shopper."""
    settings = settings_or_exit()
    if user not in settings.listed_test_users:
        raise CommandRefusedError(f"{user} is no test user: SAVING_ALERTS_TEST_USERS lists who may get a test push")
    return settings


def _chosen(listening: list[Rule], merchant: str, rule_id: str | None) -> Rule:
    names = ", ".join(rule.id for rule in listening) or "none"
    chosen = [rule for rule in listening if rule_id in {None, rule.id}]
    if len(chosen) != 1:
        raise CommandRefusedError(f"which rule? Enabled at {merchant}: {names}; say one with --rule")
    return chosen[0]


def _chosen_text(rule: Rule, user: str, variant: str | None) -> tuple[str | None, Message]:
    if variant is None:
        return text_for(rule.message, user)
    found = texts_of(rule)
    if variant not in found:
        names = ", ".join(name for name in found if name) or "none: it has one text"
        raise CommandRefusedError(f"which text? {rule.id} has no variant {variant}; there are: {names}")
    return variant, found[variant]


def _trial(rules: RuleSet, rule: Rule, user: str, locale: str, variant: str | None) -> TrialOf:
    return TrialOf(
        user_id=user,
        rule_id=rule.id,
        rules_version=rules.version,
        locale=locale,
        event_id=f"test-{uuid.uuid4().hex}",
        variant=variant,
    )


def _push(trial: TrialOf, message: Message, merchant: Merchant) -> Push:
    title, body = render(message, trial.locale, merchant, sample_coupon(merchant.merchant_id))
    host = merchant.deep_link_hosts[0] if merchant.deep_link_hosts else "example.test"
    return trial_push(trial, title, body, f"https://{host}/", now(), LIVES_FOR)


async def _sent(settings: Settings, push: Push) -> Attempt:
    api = PushApi.over_http(push_api_policy(settings), SystemClock(), NoMetrics())
    try:
        key = idempotency_key(push.user_id, push.trace.event_id)
        return await api.attempt(push, key, datetime.fromisoformat(push.not_after))
    finally:
        await api.close()


def _in_words(attempt: Attempt, rule: Rule, user: str) -> str:
    """Raises BadNewsError for what is no yes."""
    match attempt:
        case Accepted(status):
            return f"accepted with {status}: a test push of {rule.id} is on its way to {user}; nobody was charged"
        case Refused(status, text):
            raise BadNewsError(f"the push API refused it with {status}: {text}")
        case Throttled(retry_after):
            wait = f"{retry_after.total_seconds():g} s"
            raise BadNewsError(f"nothing was sent: the push API cannot be reached, or asks to wait for {wait}")
        case TooLate():
            raise BadNewsError("the push API calls it too late: look at the clock of this machine")
        case Unclear(text):
            raise BadNewsError(f"it may have arrived, and nobody can say: {text}")
        case _:
            assert_never(attempt)
