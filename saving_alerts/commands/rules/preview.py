"""`saving-alerts rules preview`: the messages of a file as a shopper would read them."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import click

from saving_alerts.commands.clock import now
from saving_alerts.commands.deployment import settings_or_exit
from saving_alerts.commands.exits import CommandRefusedError
from saving_alerts.commands.files import FILE
from saving_alerts.commands.merchants.lookup import merchant_in_file, merchant_in_s3
from saving_alerts.commands.output import say
from saving_alerts.commands.rules.file import good_rules
from saving_alerts.commands.rules.moments import moment_notes
from saving_alerts.domain.coupons import Channel, Coupon, Discount, DiscountKind
from saving_alerts.domain.events import EventType
from saving_alerts.domain.merchants import Merchant
from saving_alerts.domain.rules.messages import Message, locale_for, render
from saving_alerts.domain.rules.rule import Rule
from saving_alerts.domain.rules.rule_set import RuleSet
from saving_alerts.domain.rules.variants import shares
from saving_alerts.ports.errors import PortError
from saving_alerts.settings import Settings

SAMPLE_TITLES = {"en": "All coffee beans", "de": "Alle Kaffeebohnen", "fr": "Tous les cafés en grains"}


@click.command()
@FILE
@click.option("--merchant", required=True, help="The merchant's id.")
@click.option("--locale", default="en", show_default=True, help="The shopper's locale, like de or de-AT.")
@click.option(
    "--percent", type=click.FloatRange(0, 100, min_open=True), default=20, help="The sample coupon's discount."
)
@click.option(
    "--amount", type=click.FloatRange(0, min_open=True), help="A fixed amount in EUR in place of a percentage."
)
@click.option(
    "--merchants",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file in place of S3's directory.",
)
def preview(
    file: Path, merchant: str, locale: str, percent: float, amount: float | None, merchants: Path | None
) -> None:
    """Show what each rule that listens at a merchant would say, with a sample coupon.

    The merchant's name comes from the directory in S3, or from a file of the same kind.

    \b
    Example:
      saving-alerts rules preview rules.json --merchant m-123 --locale de
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    _, found = good_rules(file)
    known = known_merchant(merchants, merchant)
    coupon = sample_coupon(merchant, percent, amount)
    if problem := coupon.discount.problem:
        raise CommandRefusedError(f"a coupon with this discount would be passed over: {problem}")
    listening = listening_rules(found, merchant)
    for rule in listening:
        say(*_lines(rule, locale, known, coupon))
    if not listening:
        say(f"no enabled rule listens to any event at {merchant}")


def known_merchant(merchants: Path | None, merchant_id: str) -> Merchant:
    """In the file, or in S3 without one. A merchant that is not there ends the command."""
    found = merchant_in_file(merchants, merchant_id) if merchants else _in_s3(settings_or_exit(), merchant_id)
    if found is None:
        where = str(merchants) if merchants else "S3's directory"
        raise CommandRefusedError(f"there is no merchant {merchant_id} in {where}")
    return found


def listening_rules(found: RuleSet, merchant_id: str) -> list[Rule]:
    """In the order in which they are tried."""
    heard = {rule.id for kind in EventType for rule in found.index.shortlist(kind, merchant_id).rules}
    return [rule for rule in found.rules if rule.id in heard]


def _lines(rule: Rule, locale: str, merchant: Merchant, coupon: Coupon) -> list[str]:
    """Of each of its texts, where there are several in turn."""
    of_each = shares(rule.message)
    return [
        line
        for name, text in texts_of(rule).items()
        for line in _text_lines(rule, text, locale, merchant, coupon, _turn(name, of_each))
    ]


def _turn(variant: str | None, of_each: Mapping[str, float]) -> list[str]:
    return [] if variant is None else [f"text {variant}, for {of_each[variant]:.0%} of the users"]


def texts_of(rule: Rule) -> dict[str | None, Message]:
    """By the id of the variant; its only one by None."""
    return {each.id: each.message for each in rule.message.variants} or {None: rule.message}


def _text_lines(
    rule: Rule, message: Message, locale: str, merchant: Merchant, coupon: Coupon, turn: list[str]
) -> list[str]:
    used = locale_for(message, locale)
    title, body = render(message, locale, merchant, coupon)
    minimum, percent = rule.min_discount_percent, coupon.discount.percent
    notes = [*turn, f"the text for {used}" + (", because there is none for " + locale if used != locale else "")]
    if minimum is not None and (percent is None or percent < minimum):
        notes.append(f"this coupon would be passed over: the rule asks for {minimum:g} %")
    notes += [
        f"the {name} is cut to what a phone shows" for name, text in (("title", title), ("body", body)) if _is_cut(text)
    ]
    notes += moment_notes(rule, merchant, now())
    return [f"{rule.id} ({'; '.join(notes)})", f"    {title}", f"    {body}"]


def _is_cut(text: str) -> bool:
    return text.endswith("…")


def sample_coupon(merchant_id: str, percent: float = 20, amount: float | None = None) -> Coupon:
    percentage = Discount(DiscountKind.PERCENT, percent)
    return Coupon(
        coupon_id="sample",
        merchant_id=merchant_id,
        title=SAMPLE_TITLES,
        discount=percentage if amount is None else Discount(DiscountKind.AMOUNT, amount, "EUR"),
        valid_from=now(),
        valid_until=now() + timedelta(days=1),
        channel=Channel.BOTH,
        deep_link="https://example.test/sample",
    )


def _in_s3(settings: Settings, merchant_id: str) -> Merchant | None:
    try:
        return asyncio.run(merchant_in_s3(settings, merchant_id))
    except PortError as error:
        raise CommandRefusedError(f"the merchant directory: {error}; or give --merchants FILE") from error
