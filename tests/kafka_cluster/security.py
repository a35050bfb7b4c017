"""TLS, logins and ACLs for a broker of the tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from demo.servers.free_port import FreePort
from tests.support.certificates import Certificate

SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    **dict.fromkeys(SCRAM, "org.apache.kafka.common.security.scram.ScramLoginModule"),
}


@dataclass
class Listener:
    """One more listener of a broker on 127.0.0.1, called `name`, which speaks `protocol`."""

    name: str
    protocol: Literal["SSL", "SASL_SSL", "SASL_PLAINTEXT"]
    certificate: Certificate | None = None
    mechanisms: tuple[str, ...] = ()
    port: FreePort = field(default_factory=FreePort)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port.number}"

    def properties(self, passwords: Mapping[str, str]) -> dict[str, object]:
        """What `server.properties` says of this listener alone."""
        own: dict[str, object] = {}
        if self.certificate:
            own |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": self.certificate.both}
        if self.mechanisms:
            own["sasl.enabled.mechanisms"] = ",".join(self.mechanisms)
        for mechanism in self.mechanisms:
            own[f"{mechanism.lower()}.sasl.jaas.config"] = _jaas(mechanism, passwords)
        return {f"listener.name.{self.name.lower()}.{name}": value for name, value in own.items()}


@dataclass
class Security:
    """More listeners of a broker, and who may log in there: `passwords` by user, the same for every mechanism.

    Who logs in may do nothing without an ACL. Who comes without a login (User:ANONYMOUS: the plain listener of every
    broker here, and SSL without a login) may do everything.
    """

    listeners: tuple[Listener, ...]
    passwords: Mapping[str, str]
    scram_users: tuple[str, ...]

    def properties(self) -> dict[str, object]:
        """What is added to `server.properties`, but for the lists of all listeners."""
        own: dict[str, object] = {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        for listener in self.listeners:
            own |= listener.properties(self.passwords)
        return own

    def format_arguments(self) -> list[str]:
        """What is added to the command that formats the data folder: SCRAM's users stand there."""
        return [
            f"--add-scram={mechanism}=[name={user},password={self.passwords[user]}]"
            for mechanism in SCRAM
            for user in self.scram_users
        ]

    def close(self) -> None:
        for listener in self.listeners:
            listener.port.close()


def _jaas(mechanism: str, passwords: Mapping[str, str]) -> str:
    users = "".join(f' user_{user}="{password}"' for user, password in passwords.items())
    return f"{_LOGIN_MODULES[mechanism]} required{users if mechanism == 'PLAIN' else ''};"
