"""Installed models: one folder each, with a manifest that says what every file must hash to. Blocking.

A folder appears whole or not at all: files are fetched and checked beside it, made to last, and renamed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx
import msgspec

from kilo_gql.errors import BadRequest, Conflict, NotFound, Unavailable
from kilo_gql.folder import said_plainly
from kilo_gql.model_catalogue import Model, ModelFile

MANIFEST: Final = "manifest.json"
_INCOMING: Final = ".incoming"
_BLOCK: Final = 1 << 20
_PATIENCE: Final = httpx.Timeout(30.0)
#: Bytes so far, bytes in all (None: the server does not say).
OnProgress = Callable[[str, int, int | None], None]


class InstalledFile(msgspec.Struct, frozen=True):
    """``sha256`` in hexadecimal."""

    name: str
    sha256: str
    byte_size: int


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What was installed, from where, and under which licence. ``research_accepted``: for a research-only one."""

    name: str
    kind: str
    revision: str | None
    licence: str
    licence_url: str
    research_accepted: bool
    installed_at: datetime
    files: list[InstalledFile]

    @property
    def sha256(self) -> str:
        """Of the model itself, its first file."""
        return self.files[0].sha256


class ModelStore:
    """The models of one machine, in the folder ``root``. ``insecure``: also fetch over plain HTTP."""

    def __init__(self, root: Path, *, insecure: bool = False) -> None:
        self.root = root
        self._insecure = insecure

    def installed(self) -> list[Manifest]:
        """By name."""
        return [found for path in sorted(self.root.glob(f"*/{MANIFEST}")) if (found := _read(path)) is not None]

    def manifest(self, name: str) -> Manifest | None:
        """None: not installed."""
        return _read(self.root / name / MANIFEST)

    def path(self, name: str, sha256: str) -> Path:
        """The model's first file. Raises NotFound ``model_not_installed`` if this very one is not on this machine."""
        found = self.manifest(name)
        if found is None or found.sha256 != sha256:
            raise NotFound(
                f"The model {name} is not installed on this machine.",
                code="model_not_installed",
                details={"model": name, "sha256": sha256},
                remediation=[f"Run `kilo models pull {name}` on every machine that runs workers."],
            )
        return self.root / name / found.files[0].name

    def pull(self, model: Model, *, accept_research: bool = False, on_progress: OnProgress | None = None) -> Manifest:
        """Download and install a model; goes on where an earlier download was cut.

        Raises BadRequest ``research_licence``, ``model_not_pinned``, ``checksum_mismatch``; Unavailable; Conflict
        ``model_busy`` while another process installs it.
        """
        self._licensed(model, accept_research)
        if not model.pullable:
            raise BadRequest(
                f"No revision of {model.name} is pinned, so it is not downloaded.",
                code="model_not_pinned",
                remediation=[f"Get it from {model.licence_url} and run `kilo models add {model.name} --file FILE`."],
            )
        with self._alone(model) as incoming:
            for file in model.files:
                self._download(file, incoming / file.name, on_progress or _silent)
            return self._install(model, incoming, accept_research)

    def add(self, model: Model, files: Mapping[str, Path], *, accept_research: bool = False) -> Manifest:
        """Install a model from local ``files`` by name; those left out are downloaded where that can be.

        Raises as ``pull`` does, and BadRequest ``model_file_missing``.
        """
        self._licensed(model, accept_research)
        with self._alone(model) as incoming:
            for file in model.files:
                if (source := files.get(file.name)) is not None:
                    _copy(source, incoming / file.name)
                elif file.url is not None and file.sha256 is not None:
                    self._download(file, incoming / file.name, _silent)
                else:
                    raise BadRequest(
                        f"{model.name} also needs the file {file.name}.",
                        code="model_file_missing",
                        details={"file": file.name},
                        remediation=[f"Give it with --file {file.name}."],
                    )
            return self._install(model, incoming, accept_research)

    def damaged(self, name: str) -> list[str]:
        """The installed files that are missing or hash to something else. Raises NotFound if it is not installed."""
        found = self.manifest(name)
        if found is None:
            raise NotFound(f"The model {name} is not installed.", code="model_not_installed")
        folder = self.root / name
        return [file.name for file in found.files if _sha256(folder / file.name) != file.sha256]

    def remove(self, name: str) -> None:
        """Delete an installed model. Raises NotFound if there is none."""
        if self.manifest(name) is None:
            raise NotFound(f"The model {name} is not installed.", code="model_not_installed")
        with said_plainly():
            # the manifest goes first: what is left of a cut removal is no model
            (self.root / name / MANIFEST).unlink()
            shutil.rmtree(self.root / name)

    # --- steps -------------------------------------------------------------------------------------------------------

    def _licensed(self, model: Model, accepted: bool) -> None:
        if model.research_only and not accepted:
            raise BadRequest(
                f"{model.name} may be used for research alone ({model.licence}).",
                code="research_licence",
                details={"licence": model.licence, "licenceUrl": model.licence_url},
                remediation=["Take another model.", "If yours is research: --accept-research-licence."],
            )

    @contextmanager
    def _alone(self, model: Model) -> Iterator[Path]:
        """The folder in which a model is put together, for one process at a time. A cut download stays in it."""
        incoming = self.root / _INCOMING / f"{model.name}@{(model.revision or 'local').replace('/', '-')}"
        with said_plainly():
            incoming.mkdir(parents=True, exist_ok=True)
            with (self.root / _INCOMING / f"{model.name}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Conflict(f"Another process installs {model.name} right now.", code="model_busy") from None
                yield incoming

    def _download(self, file: ModelFile, target: Path, on_progress: OnProgress) -> None:
        if target.exists() and (file.sha256 is None or _sha256(target) == file.sha256):
            return
        part = target.with_name(f"{target.name}.part")
        try:
            _fetch(file, part, on_progress, [] if self._insecure else [_secure])
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unavailable(
                f"{file.name} could not be downloaded: {str(error) or type(error).__name__}",
                code="download_failed",
                remediation=["Try again: it goes on where it was.", "Or bring the file: `kilo models add`."],
            ) from error
        _checked(file, part)
        part.rename(target)

    def _install(self, model: Model, incoming: Path, accepted: bool) -> Manifest:
        files = []
        for file in model.files:
            sha256 = _checked(file, incoming / file.name)
            files.append(InstalledFile(file.name, sha256, (incoming / file.name).stat().st_size))
        manifest = Manifest(
            model.name,
            model.kind.value,
            model.revision,
            model.licence,
            model.licence_url,
            model.research_only and accepted,
            datetime.now(UTC),
            files,
        )
        for stray in set(incoming.iterdir()) - {incoming / file.name for file in files}:
            stray.unlink()
        (incoming / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
        for path in incoming.iterdir():
            _lasting(path)
        _lasting(incoming)
        home = self.root / model.name
        if home.exists():
            old = incoming.with_name(f"{incoming.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            home.rename(old)
            incoming.rename(home)
            shutil.rmtree(old)
        else:
            incoming.rename(home)
        _lasting(self.root)
        return manifest


def _silent(name: str, done: int, size: int | None) -> None:
    """Nobody watches."""


def _read(path: Path) -> Manifest | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except msgspec.MsgspecError as error:
        raise Conflict(
            f"The manifest {path.parent.name}/{path.name} cannot be read: {error}",
            code="model_damaged",
            remediation=["Remove the folder and install the model again."],
        ) from error


def _secure(request: httpx.Request) -> None:
    if request.url.scheme != "https":
        raise BadRequest("Models are fetched over HTTPS alone.", code="insecure_source")


def _fetch(file: ModelFile, part: Path, on_progress: OnProgress, checks: list[Callable[[httpx.Request], None]]) -> None:
    """Append what is missing; a server that sends the whole file again starts it anew.

    ``checks`` see each request before it is sent, also those that a redirection leads to.
    """
    assert file.url is not None
    have = part.stat().st_size if part.exists() else 0
    wanted = {"Range": f"bytes={have}-"} if have else {}
    hub = httpx.Client(follow_redirects=True, timeout=_PATIENCE, event_hooks={"request": checks})
    with hub, hub.stream("GET", file.url, headers=wanted) as response:
        if response.status_code == 416:  # it was all there
            return
        response.raise_for_status()
        partial = response.status_code == 206
        done = have if partial else 0
        length = response.headers.get("content-length")
        size = done + int(length) if length is not None else None
        with part.open("ab" if partial else "wb") as out:
            for block in response.iter_bytes(_BLOCK):
                out.write(block)
                done += len(block)
                on_progress(file.name, done, size)


def _checked(file: ModelFile, path: Path) -> str:
    """The file's SHA-256; a file that is not what it should be is deleted."""
    found = _sha256(path)
    if found is None:
        raise NotFound(f"The file {path.name} is not there.", code="model_file_missing")
    if file.sha256 is not None and found != file.sha256:
        path.unlink()
        raise BadRequest(
            f"{file.name} has SHA-256 {found}, not {file.sha256}.",
            code="checksum_mismatch",
            details={"file": file.name, "sha256": found, "expected": file.sha256},
            remediation=["Get the file from its source again: it is another one, or it was changed on its way."],
        )
    return found


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BadRequest(f"There is no file {source}.", code="model_file_missing", details={"file": str(source)})
    shutil.copyfile(source, target)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _lasting(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
