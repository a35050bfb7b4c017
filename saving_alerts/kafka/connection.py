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
        """None for an unencrypted connection. Raises OSError with the setting where `ca_file` cannot be used."""
        if not self.security_protocol.endswith("SSL"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise OSError(f"SAVING_ALERTS_KAFKA_CA_FILE={self.ca_file} is no PEM file to be read: {error}") from error
