"""How to reach Kafka: the one place that turns addresses and credentials into what aiokafka's clients take.

It does not import aiokafka: the settings hand out a connection, and most of what reads them asks nothing of Kafka.
"""

import ssl
from dataclasses import dataclass, field


class KafkaFailedError(Exception):
    """Kafka did not do what was asked. The text is one sentence for an operator."""


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where the brokers are and how to log in; the same for every client."""

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    ca_file: str | None = None
    sasl_mechanism: str = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)

    def options(self) -> dict[str, object]:
        """Keyword arguments for any of aiokafka's clients. Reads `ca_file`, so it can raise OSError."""
        options: dict[str, object] = {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": self.security_protocol,
        }
        if context := self.ssl_context():
            options["ssl_context"] = context
        if self.security_protocol.startswith("SASL"):
            options["sasl_mechanism"] = self.sasl_mechanism
            options["sasl_plain_username"] = self.sasl_username
            options["sasl_plain_password"] = self.sasl_password
        return options

    def ssl_context(self) -> ssl.SSLContext | None:
        """None for an unencrypted connection. Raises OSError where `ca_file` cannot be read."""
        return ssl.create_default_context(cafile=self.ca_file) if self.security_protocol.endswith("SSL") else None
