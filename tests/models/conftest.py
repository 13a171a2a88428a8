"""A small catalogue whose files come from a real server that can be told to cut, to lie and to be slow."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which

import pytest

from kilo_gql.model_catalogue import Model, ModelFile, ModelKind
from kilo_gql.model_store import ModelStore

WEIGHTS = bytes(range(256)) * 8192  # 2 MiB


@dataclass
class Hub:
    """``cut``: bytes after which the next answer breaks off. ``asked``: the Range header of each request.

    ``moved``: where everything is now.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut: int | None = None
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    moved: str | None = None


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving() as state:
        yield state


@pytest.fixture
def secure_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The same over HTTPS, with a certificate that clients of this test take for good."""
    if which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    asked = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=hub", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(["openssl", *asked, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with serving(context) as state:
        yield state


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Hub]:
    """A hub at work. ``context``: over HTTPS."""
    state = Hub(files={"/weights.bin": WEIGHTS, "/words.txt": b"words"})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.moved is not None:
                self.send_response(302)
                self.send_header("Location", state.moved + self.path)
                self.end_headers()
                return
            body = state.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut, state.cut = state.cut, None
            self.wfile.write(body[start:] if cut is None else body[start:cut])

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    state.url = f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def model(hub: Hub) -> Model:
    return make_model(hub.url)


def make_model(url: str, *, research_only: bool = False, revision: str | None = "r1") -> Model:
    return Model(
        name="toy",
        kind=ModelKind.EMBEDDING,
        title="A toy",
        files=(
            ModelFile("weights.bin", f"{url}/weights.bin", hashlib.sha256(WEIGHTS).hexdigest()),
            ModelFile("words.txt", f"{url}/words.txt"),
        ),
        revision=revision,
        licence="apple-amlr" if research_only else "MIT",
        licence_url="https://example.org/licence",
        research_only=research_only,
        loader="concept-v1",
        dim=64,
    )


@pytest.fixture
def models(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path / "models", insecure=True)
