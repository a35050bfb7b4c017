"""The ACLs that docs/operating.md gives to workers and commands, for a Kafka of the tests."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from tests.end_to_end.conditions import wait_until

OPERATING = Path(__file__).parents[2] / "docs" / "operating.md"
ADMIN_TIMEOUT_SECONDS = 30
Binding = TypeVar("Binding", bound=AclBinding)
ALWAYS, WITH_CONSENT_CHANGES = "who", "who with consent changes"
WITH_ERASURES, WITH_RESULTS = "who with erasures", "who with results"
_KINDS = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}


class Acl(NamedTuple):
    """One operation on one resource."""

    kind: str
    name: str
    operation: str

    def __str__(self) -> str:
        return f"{self.operation} on {self.kind} {self.name}"


def documented_acls(topics: Sequence[str], who: str = ALWAYS) -> dict[str, tuple[Acl, ...]]:
    """By who they are for: `worker`, or a command; `topics` are all that there are. `who` is the table's head."""
    rows = re.compile(rf"^\| {who} \| on \| may \|\n\|[- |]+\|\n((?:\|.*\|\n)+)", re.MULTILINE)
    (table,) = rows.findall(OPERATING.read_text("utf-8"))
    acls: dict[str, tuple[Acl, ...]] = {}
    for line in table.splitlines():
        whose, resource, operations = (cell.strip() for cell in line.strip("|").split("|"))
        for each in re.findall(r"`([^`]+)`", whose) or [whose]:
            acls[each] = (*acls.get(each, ()), *_row(resource, operations, topics))
    return acls


def _row(resource: str, operations: str, topics: Sequence[str]) -> list[Acl]:
    if resource == "every topic":
        kind, names = "topic", [*topics]
    elif resource == "the cluster":
        kind, names = "cluster", ["kafka-cluster"]
    else:
        kind, names = resource.split(" ", maxsplit=1)[0].rstrip("s"), re.findall(r"`([^`]+)`", resource)
    return [Acl(kind, name, operation) for name in names for operation in operations.split(", ")]


def allow(bootstrap_servers: str, user: str, acls: Iterable[Acl]) -> None:
    """Give the user these as well; return when the broker knows."""
    admin, wanted = AdminClient({"bootstrap.servers": bootstrap_servers}), set(acls)
    for created in admin.create_acls([_binding(AclBinding, user, acl) for acl in wanted]).values():
        created.result(ADMIN_TIMEOUT_SECONDS)
    wait_until(lambda: all(_is_known(admin, user, acl) for acl in wanted), ADMIN_TIMEOUT_SECONDS, "the ACLs are known")


def forbid(bootstrap_servers: str, user: str, acls: Iterable[Acl]) -> None:
    """Take these away from the user; return when the broker knows."""
    admin, gone = AdminClient({"bootstrap.servers": bootstrap_servers}), set(acls)
    for deleted in admin.delete_acls([_binding(AclBindingFilter, user, acl) for acl in gone]).values():
        deleted.result(ADMIN_TIMEOUT_SECONDS)
    wait_until(lambda: not any(_is_known(admin, user, acl) for acl in gone), ADMIN_TIMEOUT_SECONDS, "the ACLs are gone")


def _is_known(admin: AdminClient, user: str, acl: Acl) -> bool:
    return bool(admin.describe_acls(_binding(AclBindingFilter, user, acl)).result(ADMIN_TIMEOUT_SECONDS))


def _binding(kind: type[Binding], user: str, acl: Acl) -> Binding:
    operation = AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", acl.operation).upper()]
    literal, allowed = ResourcePatternType.LITERAL, AclPermissionType.ALLOW
    return kind(_KINDS[acl.kind], acl.name, literal, f"User:{user}", "*", operation, allowed)
