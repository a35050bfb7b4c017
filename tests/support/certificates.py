"""A certificate authority of the tests, and the certificates that it signs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_FOR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a server: its certificate, its key, and both in one file, as Kafka takes them."""

    certificate: Path
    key: Path
    both: Path


@dataclass
class Authority:
    """Signs certificates for servers on this machine. `ca_file` is the PEM file that its clients trust."""

    folder: Path
    name: str
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.ca_file = self.folder / f"{self.name}-ca.pem"
        own = self._builder(self._subject, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        own = own.add_extension(_signs_certificates(), critical=True)
        self.ca_file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *hosts: str, expired: bool = False) -> Certificate:
        """A certificate for these names and IP addresses; `expired` for one that was valid until an hour ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        age = 2 * VALID_FOR if expired else timedelta()
        builder = self._builder(_name(name), key, age)
        names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        signed = builder.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        return self._written(name, signed.public_bytes(serialization.Encoding.PEM), _pem(key))

    @property
    def _subject(self) -> x509.Name:
        return _name(f"{self.name}, an authority of the tests")

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, age: timedelta = timedelta()
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC) - age
        builder = x509.CertificateBuilder(self._subject, subject, key.public_key(), x509.random_serial_number())
        # From 3.13 on Python wants to see whose key it is and who signed it.
        for extension in (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
        ):
            builder = builder.add_extension(extension, critical=False)
        return builder.not_valid_before(now - VALID_FOR).not_valid_after(now + VALID_FOR)

    def _written(self, name: str, certificate: bytes, key: bytes) -> Certificate:
        paths = Certificate(*(self.folder / f"{name}.{kind}" for kind in ("pem", "key", "both.pem")))
        paths.certificate.write_bytes(certificate)
        paths.key.write_bytes(key)
        paths.both.write_bytes(key + certificate)
        return paths


def _signs_certificates() -> x509.KeyUsage:
    others = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **others)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())
