"""A merchant directory as the commands read it: with the limits of the workers, and with a bar on a terminal."""

from saving_alerts.commands.exits import BadNewsError
from saving_alerts.commands.output import say
from saving_alerts.commands.progress import Watcher, progress_bars
from saving_alerts.ports.accepted_directory import AcceptedDirectory
from saving_alerts.reference_data.merchants_file import MerchantsFileReader, MerchantsLimits
from saving_alerts.reference_data.merchants_store import read_directory
from saving_alerts.settings import Settings


def read_with_bar(what: str, body: bytes, limits: MerchantsLimits) -> MerchantsFileReader:
    with progress_bars() as bars:
        return read_directory(body, limits, Watcher(bars).begin(what, body.count(b"\n")))


def limits_of(settings: Settings) -> MerchantsLimits:
    return MerchantsLimits(settings.max_bad_merchant_lines, settings.max_merchant_lines)


def good_directory(what: str, body: bytes, settings: Settings) -> AcceptedDirectory:
    """Version and number of merchants of a file that workers take, but for what it has lost; what is left out is said.

    Any other file ends the command with the reason.
    """
    if len(body) > settings.max_merchants_bytes:
        most = settings.max_merchants_bytes
        raise BadNewsError(f"{what}: {len(body)} bytes, and the workers of these settings read {most}")
    reader = read_with_bar(f"checking {what}", body, limits_of(settings))
    if reader.refusal is not None:
        raise BadNewsError(f"{what} would be refused, so nothing was done: {reader.refusal}")
    if reader.left_out is not None:
        say(f"{what}: {reader.left_out}")
    return AcceptedDirectory(version=reader.version, merchants=reader.merchant_count)
