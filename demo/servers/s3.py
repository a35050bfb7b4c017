"""An S3 server in threads of this process: moto, for the demo and the tests."""

import logging
from http.client import HTTPConnection
from types import TracebackType
from typing import Any, Protocol, Self

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from demo.servers.free_port import FreePort

BUCKET = "saving-alerts"
REQUEST_TIMEOUT_SECONDS = 5


class _S3Client(Protocol):
    """The operations of boto3's client that are used here."""

    def create_bucket(self, *, Bucket: str) -> object: ...  # noqa: N803 - boto3's names
    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> object: ...  # noqa: N803
    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]: ...  # noqa: N803
    def list_objects_v2(self, *, Bucket: str, Prefix: str) -> dict[str, Any]: ...  # noqa: N803
    def delete_object(self, *, Bucket: str, Key: str) -> object: ...  # noqa: N803


class EmbeddedS3:
    """An S3 on 127.0.0.1 with one bucket, which keeps its address and objects across `stop` and `start`.

    `environment` holds the credentials and the region a client (or a worker process) needs. moto keeps one store
    per process: two of these at a time would share their objects, one after the other start empty.
    """

    bucket = BUCKET

    def __init__(self) -> None:
        self._port = FreePort()
        self._server: ThreadedMotoServer | None = None
        self.endpoint_url = f"http://127.0.0.1:{self._port.number}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "saving-alerts",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def __enter__(self) -> Self:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.start()
        self._client = self._connect()
        self._client.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.start()
        self._delete_everything()
        self.stop()
        self._port.close()

    def empty(self) -> None:
        """As at the start: the bucket, and nothing in it; the server must be running."""
        self._delete_everything()
        self._client.create_bucket(Bucket=BUCKET)

    def start(self) -> None:
        """Return when the server answers; does nothing if it runs."""
        if self._server is None:
            self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port.number, verbose=False)
            self._server.start()

    def stop(self) -> None:
        """An outage: connections are refused until `start`, the objects stay."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def put(self, key: str, body: bytes) -> None:
        """Write an object; the server must be running."""
        self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """The body of an object; the server must be running."""
        return bytes(self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read())

    def has(self, key: str) -> bool:
        """Whether there is such an object; the server must be running."""
        return bool(self._client.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"])

    def delete(self, key: str) -> None:
        """Delete an object, there or not; the server must be running."""
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def _connect(self) -> _S3Client:
        client: _S3Client = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            config=Config(read_timeout=REQUEST_TIMEOUT_SECONDS, retries={"total_max_attempts": 1}),
        )
        return client

    def _delete_everything(self) -> None:
        connection = HTTPConnection("127.0.0.1", self._port.number, timeout=REQUEST_TIMEOUT_SECONDS)
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
        connection.close()
