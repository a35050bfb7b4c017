"""Secrets that stand in files, where the environment is not the place for them: `SAVING_ALERTS_X_FILE` names the file
of `SAVING_ALERTS_X`, as Kubernetes and Docker mount secrets.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

SUFFIX = "_FILE"
MAX_SECRET_BYTES = 64 * 1024  # far more than any password or token has: a wrong path must not be read to its end


class SecretFileError(Exception):
    """A secret cannot be read from its file. The text has no word of the secret."""


def secrets_from_files(environment: Mapping[str, str], variables: Iterable[str]) -> dict[str, str]:
    """By their variables, the secrets that stand in files. Raises SecretFileError, with a line for each problem."""
    named = {name: path for name in variables if (path := environment.get(name + SUFFIX))}
    problems = [f"{name} and {name}{SUFFIX} are both set: unset one" for name in named if environment.get(name)]
    found = {}
    for name, path in named.items():
        try:
            found[name] = read_secret(path)
        except SecretFileError as error:
            problems.append(f"{name}{SUFFIX} is wrong: {error}")
    if problems:
        raise SecretFileError("\n".join(problems))
    return found


def read_secret(path: str) -> str:
    """What stands in the file, without white space around it. Raises SecretFileError."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode().strip()
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretFileError(f"{path} is no text") from error
    if not text or len(content) > MAX_SECRET_BYTES:
        raise SecretFileError(f"{path} {'is empty' if not text else 'is too long for a secret'}")
    return text
