"""``kilo models`` as processes."""

from __future__ import annotations

import json
from pathlib import Path

from kilo_gql.config import Settings
from tests.safety.test_commands import kilo


async def test_the_commands(settings: Settings, database_url: str, tmp_path: Path) -> None:
    home = settings.home
    code, said = await kilo(home, database_url, "models", "list", "--json")
    listed = {model["name"]: model for model in json.loads(said)}
    assert (code, listed["yunet"]["licence"], listed["yunet"]["installed"]) == (0, "Apache-2.0", None)
    assert (listed["mobileclip2-s0"]["researchOnly"], listed["mobileclip2-s0"]["pullable"]) == (True, False)
    code, said = await kilo(home, database_url, "models", "pull", "mobileclip2-s0", "--yes")
    assert (code, "research alone" in said, "--accept-research-licence" in said) == (1, True, True), said
    strange = tmp_path / "strange.bin"
    strange.write_bytes(b"x")
    code, said = await kilo(home, database_url, "models", "add", "yunet", "--file", str(strange))
    assert (code, "strange.bin is no file of yunet" in said) == (1, True), said
    weights = tmp_path / "open_clip_model.safetensors"
    weights.write_bytes(b"weights")
    add = ("models", "add", "siglip2-vit-b-16", "--file", str(weights))
    code, said = await kilo(home, database_url, *add)
    assert (code, "also needs the file open_clip_config.json" in said) == (1, True), said
    (config := tmp_path / "open_clip_config.json").write_text("{}")
    code, said = await kilo(home, database_url, *add, "--file", str(config))
    assert (code, "siglip2-vit-b-16 is installed" in said) == (0, True), said
    code, said = await kilo(home, database_url, "models", "use", "siglip2-vit-b-16")
    # there is no photo that it would have to be built for
    assert (code, "is serving" in said) == (0, True), said
    code, said = await kilo(home, database_url, "models", "use", "siglip2-vit-b-16", "--off")
    assert (code, "out of use" in said) == (0, True), said
    (home / "models" / "siglip2-vit-b-16" / weights.name).write_bytes(b"rotten")
    code, said = await kilo(home, database_url, "models", "verify")
    assert (code, "damaged: open_clip_model.safetensors" in said) == (1, True), said
    code, said = await kilo(home, database_url, "models", "use", "siglip2-vit-b-16")
    assert (code, "is damaged" in said) == (1, True), said
    code, said = await kilo(home, database_url, "models", "remove", "siglip2-vit-b-16")
    assert (code, (home / "models" / "siglip2-vit-b-16").exists()) == (0, False), said
    code, said = await kilo(home, database_url, "models", "use", "yunet")
    assert (code, "is not installed" in said) == (1, True), said
