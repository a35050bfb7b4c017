"""One reader, fuzzed under atheris: inputs that reach new lines of the product are kept, and mutated further."""

import os
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["saving_alerts", "packaging"], enable_loader_override=False):
    from tests.fuzzing.mutations import ODD, mutated
    from tests.fuzzing.readers import READERS, Reader

MAX_BYTES = 64 * 1024  # the longest event, row, line and memo that is read
MAX_MIB = 1024  # of the process: what takes more is a finding
MAX_SECONDS = 10  # for one input: what takes longer is a finding
OUR_SHARE = 0.5  # of the mutations; the others are libFuzzer's own, which know what was compared


def fuzz(name: str, seconds: float, findings: str) -> None:
    """Fuzz for so many seconds of the processor, and end the process: with 0 if nothing was found.

    What is found is printed with its traceback, and kept in a file in the folder `findings`.
    """
    Path(findings).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder), READERS[name])
        options = (
            f"-artifact_prefix={findings}/{name}-",
            f"-max_len={MAX_BYTES}",
            f"-rss_limit_mb={MAX_MIB}",
            f"-timeout={MAX_SECONDS}",
            "-verbosity=0",
        )
        atheris.Setup([sys.argv[0], *options, str(corpus)], _Runs(name, seconds), custom_mutator=_mutated)
        atheris.Fuzz()


class _Runs:
    """What libFuzzer calls with every input. It has no end of its own that counts the processor's time."""

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._read = READERS[name].read
        self._runs = 0
        self._ends_at = time.process_time() + seconds
        self._began = time.process_time()

    def __call__(self, raw: bytes) -> None:
        self._read(raw)
        self._runs += 1
        if time.process_time() > self._ends_at:
            used = time.process_time() - self._began
            print(f"{self._name}: {self._runs:,} inputs in {used:.0f} s of the processor, nothing found", flush=True)  # noqa: T201
            os._exit(0)


def _corpus(folder: Path, reader: Reader) -> Path:
    for number, raw in enumerate((*reader.seeds, *ODD)):
        (folder / f"seed-{number}").write_bytes(raw)
    return folder


def _mutated(raw: bytes, most: int, seed: int) -> bytes:
    random = Random(seed)
    if random.random() < OUR_SHARE:
        return mutated(raw, random, 2)[:most]
    found: bytes = atheris.Mutate(raw, len(raw))
    return found
