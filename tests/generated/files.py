"""Every file that is written from the code, with what it must hold."""

from collections.abc import Iterator
from pathlib import Path

from tests.generated import apis, async_api, manifests, notice, reference, rules_mistakes, schemas, sizing

ROOT = Path(__file__).parents[2]


def generated() -> Iterator[tuple[Path, str]]:
    for each in (
        manifests.files(),
        schemas.files(),
        async_api.files(),
        apis.files(),
        notice.files(),
        reference.files(),
        sizing.files(),
        rules_mistakes.files(),
    ):
        yield from ((ROOT / path, text) for path, text in each)
