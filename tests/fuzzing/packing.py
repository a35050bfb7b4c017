"""Several byte strings as one, for readers that take more than one: a fuzzer knows a single input only."""

END_OF_RECORD = b"\x1e"
END_OF_FIELD = b"\x1f"

Keyed = tuple[bytes, bytes | None]


def packed(*records: Keyed) -> bytes:
    """Keys and values; None is a key without a value."""
    return END_OF_RECORD.join(key if value is None else key + END_OF_FIELD + value for key, value in records)


def unpacked(raw: bytes) -> list[Keyed]:
    """The inverse of `packed`, where no key or value holds one of the two signs."""
    return [_keyed(record) for record in raw.split(END_OF_RECORD)]


def _keyed(record: bytes) -> Keyed:
    key, found, value = record.partition(END_OF_FIELD)
    return key, value if found else None
