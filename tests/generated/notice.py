"""NOTICE: what the image of a worker has besides our own code, under which licence, from the installed metadata."""

import re
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import metadata
from pathlib import Path
from typing import NamedTuple, cast

LOCK = Path(__file__).parents[2] / "requirements" / "runtime.lock"
HEAD = """Saving alerts
Licensed under the Apache License, Version 2.0: see LICENSE.

The worker's image also has the packages of requirements/runtime.lock, under the licences named here by their own
metadata. Their texts stand in the image, in the `.dist-info` folder of each package. `make generated` writes this list.

"""
# Of the classifiers of PyPI; the others are in the words of their package.
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Repoze Public License": "BSD-derived (Repoze)",
}


class Package(NamedTuple):
    """One line of the lock."""

    name: str
    version: str


def files() -> Iterator[tuple[str, str]]:
    packages = locked()
    width = max(len(f"{each.name} {each.version}") for each in packages)
    lines = (f"{f'{each.name} {each.version}':{width}}  {licence_of(each.name)}\n" for each in packages)
    yield "NOTICE", HEAD + "".join(lines)


def locked() -> list[Package]:
    """What is installed on Linux: the lock has the marker of what is for other systems."""
    found = re.findall(r"^([\w.-]+)==(\S+)(.*)", LOCK.read_text(), re.MULTILINE)
    return [Package(name, version) for name, version, rest in found if "win32" not in rest]


def licence_of(name: str) -> str:
    # mypy's stubs know less of it than email.message has
    found = cast("Message", metadata(name))
    if expression := found.get("License-Expression"):
        return str(expression)
    classifiers = [each.rpartition(" :: ")[2] for each in found.get_all("Classifier", []) if "License ::" in each]
    if classifiers:
        joint = " OR " if found.get("License") == "Dual License" or len(classifiers) > 1 else ""
        return joint.join(_CLASSIFIERS.get(each, each) for each in classifiers)
    return str(found.get("License", "")).splitlines()[0]
