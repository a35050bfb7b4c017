"""A real control plane without nodes: etcd and a kube-apiserver, as processes of the test."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from demo.servers.free_port import FreePort
from demo.workers import child_process
from tests.end_to_end.conditions import wait_until
from tests.kubernetes.manifests import ROOT, Manifest

# `make test-control-plane` builds them.
ETCD, API_SERVER = (ROOT / ".tools" / name for name in ("etcd", "kube-apiserver"))
TOKEN = "of-the-tests"
START_SECONDS = 120
ANSWER_SECONDS = 30


class RefusedByApiServerError(Exception):
    """It does not admit a manifest. The text is its own."""


class ControlPlane:
    """`create` stores a manifest; nothing is run, because there is no scheduler and no node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = ExitStack()
        # Its certificate is of its own making, and it is on this machine.
        self._context = ssl._create_unverified_context()
        etcd, peer, self._port = (self._free_port() for _ in range(3))
        self._etcd = f"http://127.0.0.1:{etcd}"
        self._peer = f"http://127.0.0.1:{peer}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()

    def create(self, manifest: Manifest) -> Manifest:
        """As it stands there then, with all defaults. Raises RefusedByApiServerError."""
        created: Manifest = self._ask("POST", f"{_path(manifest)}?fieldValidation=Strict", manifest)
        return created

    def establish(self, kind: Manifest) -> None:
        """Create a CustomResourceDefinition, and return when its kind is served."""
        self.create(kind)
        path = f"{_path(kind)}/{kind['metadata']['name']}"
        self._wait_until(lambda: _is_established(self._ask("GET", path)), f"{path} is served")

    def _start(self) -> None:
        key = self._folder / "service-account.key"
        key.write_bytes(_new_key())
        (self._folder / "tokens.csv").write_text(f'{TOKEN},admin,admin,"system:masters"\n')
        self._run(ETCD, _etcd_flags(self._etcd, self._peer))
        self._run(API_SERVER, self._api_server_flags(key))
        self._wait_until(self._is_ready, "the API server is ready")

    def _run(self, program: Path, flags: list[str]) -> None:
        folder = self._folder / program.name
        folder.mkdir()
        process = child_process.start([str(program), *flags], folder)
        self._stop.callback(child_process.kill, process)

    def _api_server_flags(self, key: Path) -> list[str]:
        return [
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]

    def _free_port(self) -> int:
        port = FreePort()
        self._stop.callback(port.close)
        return port.number

    def _is_ready(self) -> bool:
        try:
            self._answer("GET", "/readyz", None)
        except (OSError, RefusedByApiServerError):
            return False
        return True

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_until(condition, START_SECONDS, what)
        except TimeoutError as error:
            log = child_process.log_tail(self._folder / API_SERVER.name)
            raise AssertionError(f"{error}\n{log}") from error

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self._answer(method, path, body))

    def _answer(self, method: str, path: str, body: Mapping[str, Any] | None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        url = f"https://127.0.0.1:{self._port}{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=ANSWER_SECONDS) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise RefusedByApiServerError(error.read().decode()) from error


def _new_key() -> bytes:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _etcd_flags(client: str, peer: str) -> list[str]:
    return [
        "--data-dir=data",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def _path(manifest: Manifest) -> str:
    """Where manifests of its kind are created."""
    version, kind = manifest["apiVersion"], manifest["kind"].lower()
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s"
    namespace = manifest["metadata"].get("namespace")
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def _is_established(kind: Manifest) -> bool:
    conditions = kind["status"].get("conditions") or ()  # null until somebody has looked at it
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)
