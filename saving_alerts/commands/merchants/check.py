"""`saving-alerts merchants check`: is a merchant directory as a worker wants it?"""

import sys
from pathlib import Path

import click
import msgspec

from saving_alerts.commands.exits import BAD_NEWS, BadNewsError
from saving_alerts.commands.files import FILE, read_file
from saving_alerts.commands.merchants.reading import read_with_bar
from saving_alerts.commands.output import document, say
from saving_alerts.domain.rules.store_hours import opening_of
from saving_alerts.reference_data.merchants_file import MAX_MERCHANTS_BYTES, MerchantsFileReader, MerchantsLimits

MAX_SHOWN_LINES = 1_000  # bounds the output; the others are counted


@click.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON document, for machines.")
def check(file: Path, *, as_json: bool) -> None:
    """Check a merchant directory as a worker would, and name every bad line in it.

    It needs no settings and no network, and goes by the limits that workers have without settings. FILE can be - for
    the standard input.

    \b
    Example:
      saving-alerts merchants check merchants.jsonl

    Exit code: 0, or 1 when there is a bad line or workers would refuse the file, or 2 when it cannot be read.
    """  # noqa: D301 - click reads the backspace: what follows is not wrapped
    body = read_file(file, MAX_MERCHANTS_BYTES)
    if len(body) > MAX_MERCHANTS_BYTES:
        raise BadNewsError(f"{file}: more than {MAX_MERCHANTS_BYTES} bytes, which is the most that workers read")
    reader = read_with_bar(f"checking {file}", body, MerchantsLimits(max_named_lines=MAX_SHOWN_LINES))
    document(_json(reader)) if as_json else say(*_lines(file, reader))
    if reader.bad_lines or reader.refusal is not None:
        sys.exit(BAD_NEWS)


def _hours(reader: MerchantsFileReader) -> tuple[int, int]:
    """Of how many stores it is known when they are open, and how many there are."""
    merchants = reader.merchants().by_id.values()
    known = sum(opening_of(each, store.store_id) is not None for each in merchants for store in each.stores)
    return known, sum(len(each.stores) for each in merchants)


def _json(reader: MerchantsFileReader) -> str:
    known, stores = _hours(reader)
    document = {
        "ok": reader.reason is None and not reader.bad_lines,
        "version": reader.version,
        "merchants": reader.merchant_count,
        "stores": stores,
        "stores_with_hours": known,
        "refusal": reader.reason,
        "bad_lines": reader.bad_lines,
        "named": reader.named,
    }
    return msgspec.json.encode(document).decode()


def _lines(file: Path, reader: MerchantsFileReader) -> list[str]:
    lines = list(reader.named)
    if more := reader.bad_lines - len(reader.named):
        lines.append(f"and {more:,} more")
    if reader.reason is not None:
        return [*lines, f"{file}: {reader.reason}; workers would refuse it and keep the directory they have"]
    known, stores = _hours(reader)
    hours = f", hours of {known:,} of {stores:,} stores" if known else ""
    found = f"version {reader.version}, {reader.merchant_count:,} merchants{hours}"
    if reader.bad_lines:
        return [*lines, f"{file}: {found}; workers would leave out these {reader.bad_lines:,} bad lines"]
    return [f"{file}: no bad line, {found}"]
