"""The settings of how a worker shows both APIs who it is, and who may see its page. A part of `Settings`."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from saving_alerts import ENVIRONMENT_PREFIX
from saving_alerts.http_access import HttpAccess, headers_in


class AccessSettings(BaseSettings):
    """Tokens, headers, authorities and certificates. The files are looked at when the settings are read."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    coupon_api_token_file: str | None = None
    """A file with the token that the Coupon API asks for, as `Authorization: Bearer`. Read again when it changes."""
    coupon_api_headers: SecretStr | None = Field(default=None, examples=["X-Tenant: shop"])
    """Headers of your own for each request to the Coupon API, `Name: value`, one on a line."""
    coupon_api_ca_file: str | None = None
    """A PEM file with the Coupon API's certificate authority; the system's authorities are trusted without it."""
    coupon_api_cert_file: str | None = None
    """A PEM file with our certificate, where the Coupon API asks for one. Read at the start."""
    coupon_api_key_file: str | None = None
    """Its key, without a password, where it is not in the same file."""
    push_api_token_file: str | None = None
    """A file with the token that the push API asks for, as `Authorization: Bearer`. Read again when it changes."""
    push_api_headers: SecretStr | None = Field(default=None, examples=["X-Tenant: shop"])
    """Headers of your own for each request to the push API, `Name: value`, one on a line."""
    push_api_ca_file: str | None = None
    """A PEM file with the push API's certificate authority; the system's authorities are trusted without it."""
    push_api_cert_file: str | None = None
    """A PEM file with our certificate, where the push API asks for one. Read at the start."""
    push_api_key_file: str | None = None
    """Its key, without a password, where it is not in the same file."""
    web_token_file: str | None = None
    """A file with a token that page and metrics want to see, as `Bearer` or as the password that a browser asks for.
    Health is open to all. Read again when it changes."""

    @field_validator("coupon_api_headers", "push_api_headers")
    @classmethod
    def _headers_can_be_sent(cls, headers: SecretStr | None) -> SecretStr | None:
        headers_in(headers.get_secret_value() if headers else "")
        return headers

    @model_validator(mode="after")
    def _files_can_be_used(self) -> Self:
        found = [
            problem
            for api, access in (
                ("COUPON_API", self.coupon_api_access),
                ("PUSH_API", self.push_api_access),
                ("WEB", HttpAccess(token_file=self.web_token_file)),
            )
            for problem in access.problems(ENVIRONMENT_PREFIX + api)
        ]
        if found:
            raise ValueError("\n".join(found))
        return self

    @property
    def coupon_api_access(self) -> HttpAccess:
        return HttpAccess(
            token_file=self.coupon_api_token_file,
            headers=_sent(self.coupon_api_headers),
            ca_file=self.coupon_api_ca_file,
            certificate_file=self.coupon_api_cert_file,
            key_file=self.coupon_api_key_file,
        )

    @property
    def push_api_access(self) -> HttpAccess:
        return HttpAccess(
            token_file=self.push_api_token_file,
            headers=_sent(self.push_api_headers),
            ca_file=self.push_api_ca_file,
            certificate_file=self.push_api_cert_file,
            key_file=self.push_api_key_file,
        )


def _sent(headers: SecretStr | None) -> dict[str, str]:
    return headers_in(headers.get_secret_value()) if headers else {}
