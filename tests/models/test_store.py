"""Models are installed whole, checked and licensed, or not at all."""

from __future__ import annotations

import fcntl
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from kilo_gql.errors import BadRequest, Conflict, KiloError, NotFound, Unavailable
from kilo_gql.model_catalogue import CATALOGUE, Model, ModelKind, find
from kilo_gql.model_store import MANIFEST, ModelStore
from ml.embedding import bpe, hub
from tests.models.conftest import WEIGHTS, Hub, make_model

SHA = hashlib.sha256(WEIGHTS).hexdigest()
WORDS = hashlib.sha256(b"words").hexdigest()


def refused(error: type[KiloError], code: str) -> pytest.RaisesExc[KiloError]:
    return pytest.RaisesExc(error, check=lambda found: found.code == code)


def visible(models: ModelStore) -> list[str]:
    """What stands in the folder, but for what is being put together."""
    return sorted(path.name for path in models.root.glob("*") if not path.name.startswith("."))


def test_a_pulled_model_is_there_with_its_manifest(models: ModelStore, model: Model) -> None:
    seen: list[tuple[str, int, int | None]] = []
    made = models.pull(model, on_progress=lambda *step: seen.append(step))
    assert [(file.name, file.sha256, file.byte_size) for file in made.files] == [
        ("weights.bin", SHA, len(WEIGHTS)),
        ("words.txt", WORDS, 5),  # not known before: pinned now
    ]
    assert (made.licence, made.revision, made.research_accepted) == ("MIT", "r1", False)
    assert seen[-2:] == [("weights.bin", len(WEIGHTS), len(WEIGHTS)), ("words.txt", 5, 5)]
    assert models.manifest("toy") == made
    assert models.installed() == [made]
    assert models.damaged("toy") == []
    assert models.path("toy", SHA).read_bytes() == WEIGHTS
    assert sorted(path.name for path in (models.root / "toy").iterdir()) == [MANIFEST, "weights.bin", "words.txt"]


def test_a_cut_download_goes_on_where_it_was(models: ModelStore, model: Model, hub: Hub) -> None:
    hub.cut = 1 << 20
    with refused(Unavailable, "download_failed"):
        models.pull(model)
    assert visible(models) == []
    models.pull(model)
    assert hub.asked == [None, f"bytes={1 << 20}-", None]
    assert models.path("toy", SHA).read_bytes() == WEIGHTS


def test_a_server_without_ranges_starts_anew(models: ModelStore, model: Model, hub: Hub) -> None:
    hub.cut, hub.ranges = 1000, False
    with refused(Unavailable, "download_failed"):
        models.pull(model)
    assert models.pull(model).sha256 == SHA


def test_other_bytes_are_refused_and_forgotten(models: ModelStore, model: Model, hub: Hub) -> None:
    hub.files["/weights.bin"] = b"something else"
    with refused(BadRequest, "checksum_mismatch"):
        models.pull(model)
    assert visible(models) == []
    hub.files["/weights.bin"] = WEIGHTS
    assert models.pull(model).sha256 == SHA
    assert hub.asked[1] is None  # nothing of the other bytes was taken up


def test_a_research_licence_is_accepted_or_nothing_is_done(models: ModelStore, hub: Hub) -> None:
    research = make_model(hub.url, research_only=True)
    with refused(BadRequest, "research_licence"):
        models.pull(research)
    with refused(BadRequest, "research_licence"):
        models.add(research, {})
    assert (hub.asked, models.root.exists()) == ([], False)
    assert models.pull(research, accept_research=True).research_accepted


def test_what_is_not_pinned_is_not_pulled(models: ModelStore, hub: Hub) -> None:
    with refused(BadRequest, "model_not_pinned"):
        models.pull(make_model(hub.url, revision=None))
    assert hub.asked == []


def test_models_come_over_https(tmp_path: Path, model: Model, hub: Hub) -> None:
    with refused(BadRequest, "insecure_source"):
        ModelStore(tmp_path / "models").pull(model)
    assert hub.asked == []


def test_no_redirection_leads_away_from_https(tmp_path: Path, hub: Hub, secure_hub: Hub) -> None:
    models = ModelStore(tmp_path / "models")
    assert models.pull(make_model(secure_hub.url)).sha256 == SHA
    secure_hub.moved = hub.url
    with refused(BadRequest, "insecure_source"):
        ModelStore(tmp_path / "others").pull(make_model(secure_hub.url))
    assert hub.asked == []


def test_local_files_pass_the_same_checks(models: ModelStore, model: Model, tmp_path: Path) -> None:
    weights, words = tmp_path / "weights.bin", tmp_path / "words.txt"
    weights.write_bytes(b"something else")
    words.write_bytes(b"words")
    with refused(BadRequest, "checksum_mismatch"):
        models.add(model, {"weights.bin": weights, "words.txt": words})
    assert weights.read_bytes() == b"something else"  # the file of the one who brought it stays
    weights.write_bytes(WEIGHTS)
    with refused(BadRequest, "model_file_missing"):
        models.add(model, {"weights.bin": weights})
    with refused(BadRequest, "model_file_missing"):
        models.add(model, {"weights.bin": tmp_path / "absent", "words.txt": words})
    assert visible(models) == []
    assert models.add(model, {"weights.bin": weights, "words.txt": words}).sha256 == SHA


def test_damage_is_found(models: ModelStore, model: Model) -> None:
    models.pull(model)
    (models.root / "toy" / "weights.bin").write_bytes(b"x")
    (models.root / "toy" / "words.txt").unlink()
    assert models.damaged("toy") == ["weights.bin", "words.txt"]
    assert models.pull(model).sha256 == SHA
    assert models.damaged("toy") == []
    (models.root / "toy" / MANIFEST).write_text("{")
    with refused(Conflict, "model_damaged"):
        models.installed()


def test_only_the_very_weights_count(models: ModelStore, model: Model) -> None:
    with refused(NotFound, "model_not_installed"):
        models.path("toy", SHA)
    models.pull(model)
    with refused(NotFound, "model_not_installed"):
        models.path("toy", "0" * 64)
    models.remove("toy")
    assert models.installed() == []
    with refused(NotFound, "model_not_installed"):
        models.remove("toy")


def test_one_process_installs_a_model_at_a_time(models: ModelStore, model: Model) -> None:
    incoming = models.root / ".incoming"
    incoming.mkdir(parents=True)
    with (incoming / "toy.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with refused(Conflict, "model_busy"):
            models.pull(model)
    assert models.pull(model).sha256 == SHA


def test_the_catalogue_keeps_its_word() -> None:
    with refused(NotFound, "model_unknown"):
        find("nothing")
    assert {name for name, model in CATALOGUE.items() if model.research_only} == {"mobileclip2-s0"}
    for name, model in CATALOGUE.items():
        assert name == model.name
        assert all(file.url is None or file.url.startswith("https://") for file in model.files)
        assert all(file.sha256 is None or len(file.sha256) == 64 for file in model.files)
        # what is pulled is a pinned revision: by its address, or by the hash of what is there
        assert all(file.sha256 or (model.revision or "") in (file.url or "") for file in model.files if model.pullable)
        assert (model.dim is not None) == (model.kind is ModelKind.EMBEDDING) == (model.loader is not None)
    assert not replace(CATALOGUE["yunet"], revision=None).pullable


def test_what_is_installed_is_what_its_loader_asks_for() -> None:
    files = {name: [file.name for file in model.files] for name, model in CATALOGUE.items()}
    loaders = {name: model.loader for name, model in CATALOGUE.items()}
    for name in files:
        if loaders[name] == "hub":
            assert files[name] == [hub.WEIGHTS, hub.CONFIG], name
        elif loaders[name] == "vit":
            assert files[name][1:] == [bpe.FILENAME], name
