"""Headless Chromium: it loads a page, lets its scripts run for a while, and returns the document."""

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from tests.support.requirements import require

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_SECONDS = 60
LIGHT, DARK = "--blink-settings=preferredColorScheme=1", "--blink-settings=preferredColorScheme=0"


@dataclass(frozen=True, slots=True)
class Visit:
    """The document after so long, and what its scripts or the browser complained of."""

    document: str
    complaints: list[str]


def chromium() -> str:
    """The program; where there is none the test is skipped, or fails in CI."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    require(None if found else "there is no browser here: please install chromium")
    return str(found)


async def visit(url: str, seconds: float, profile: Path, *options: str) -> Visit:
    """The page after so many seconds of its own time, which passes faster than ours while it only waits.

    `options` are more of the browser's command line: LIGHT, DARK.
    """
    process = await asyncio.create_subprocess_exec(
        chromium(),
        "--headless=new",
        "--no-sandbox",  # it would not start as root; the page is our own
        "--disable-gpu",
        "--disable-dev-shm-usage",  # a container has little of it
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={seconds * 1000:.0f}",
        *options,
        "--dump-dom",
        url,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        document, log = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Visit(document.decode(), re.findall(r":CONSOLE.*", log.decode(errors="replace")))
