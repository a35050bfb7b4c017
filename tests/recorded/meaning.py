"""What a decoded value says, in plain JSON: comparable with what another release read in the same bytes."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec


def meaning(value: object) -> object:
    """Every field of a struct by its name in the bytes, also those that have their default; moments in UTC."""
    match value:
        case msgspec.Struct():
            names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            return {written: meaning(getattr(value, name)) for written, name in names}
        case Mapping():
            return {str(name): meaning(each) for name, each in value.items()}
        case list() | tuple():
            return [meaning(each) for each in value]
        case datetime():
            return value.astimezone(UTC).isoformat()
        case bytes():
            return b64encode(value).decode()
    return str(value) if isinstance(value, str) else value


def lost(expected: object, found: object, path: str = "$") -> list[str]:
    """Where `found` does not say what `expected` says. It may say more: later releases add fields."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{path}.{name} is gone" for name in expected if name not in found]
        shared = [(name, each) for name, each in expected.items() if name in found]
        return missing + [fault for name, each in shared for fault in lost(each, found[name], f"{path}.{name}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [fault for number, (old, new) in pairs for fault in lost(old, new, f"{path}[{number}]")]
    return [] if expected == found else [f"{path} was {expected!r} and is {found!r}"]
