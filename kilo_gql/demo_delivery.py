"""What the demo says about delivering: a gallery as its guest sees it, what they choose, and files to take away.

The photographer's part is done with a bearer, the guest's without an account.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import httpx
from rich.table import Table

_ASSETS: Final = "query Photos($project: UUID!) { assets(projectId: $project, first: 48) { nodes { id } } }"
#: Photos that the guest gives a heart.
_HEARTS: Final = 2
_LOOKS, _PAUSE_S = 480, 0.25


async def what_is_delivered(client: httpx.AsyncClient, project_id: str, folder: Path) -> Table:
    """A table of a gallery and two exports; the exported files are saved in ``folder``.

    Raises TimeoutError if an export is not done in two minutes.
    """
    table = Table("", "", title="What is delivered", title_justify="left", show_header=False)
    ids = await _photos(client, project_id)
    wanted = {"title": "Demo", "assetIds": ids, "allowDownloads": True}
    gallery = await _post(client, f"/v1/projects/{project_id}/galleries", wanted)
    table.add_row("gallery", f"{gallery['assetCount']} photos at {gallery['shareUrl']}")
    table.add_row("as a guest", await _visit(str(client.base_url), gallery["shareSlug"]))
    choices = (await client.get(f"/v1/galleries/{gallery['id']}/choices")).raise_for_status().json()
    table.add_row("for Lightroom's filter", choices["lightroom"])
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    for preset, name in (("web", "demo-web.zip"), ("contact_sheet_pdf", "demo-contact-sheet.pdf")):
        settings = {"galleryId": gallery["id"]} if preset == "contact_sheet_pdf" else {}
        export = {"preset": preset, "assetIds": ids, "settings": settings}
        table.add_row(preset, await _export(client, project_id, export, folder / name))
    return table


async def _photos(client: httpx.AsyncClient, project_id: str) -> list[str]:
    question = {"query": _ASSETS, "variables": {"project": project_id}}
    answer = (await client.post("/graphql", json=question)).raise_for_status().json()
    return [photo["id"] for photo in answer["data"]["assets"]["nodes"]]


async def _post(client: httpx.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await client.post(path, json=body)).raise_for_status().json()
    return made


async def _visit(base_url: str, slug: str) -> str:
    """Open the gallery without an account, look at a picture, give hearts."""
    async with httpx.AsyncClient(base_url=base_url, timeout=30) as guest:
        seen = (await guest.get(f"/v1/share/{slug}")).raise_for_status().json()
        guest.headers["authorization"] = f"Bearer {seen['token']}"
        picture = (await guest.get(seen["assets"][0]["previewUrl"])).raise_for_status()
        for photo in seen["assets"][:_HEARTS]:
            await _post(guest, f"/v1/share/{slug}/favorite", {"assetId": photo["assetId"], "favorite": True})
        page = (await guest.get(f"/g/{slug}")).raise_for_status()
        hearts = len(seen["assets"][:_HEARTS])
        sizes = f"a page of {len(page.text) / 1000:.0f} KB, a preview of {len(picture.content) / 1000:.0f} KB"
        return f"{sizes}, {hearts} hearts"


async def _export(client: httpx.AsyncClient, project_id: str, wanted: dict[str, Any], target: Path) -> str:
    """Export, wait, download, and look whether the file is whole."""
    export = await _post(client, f"/v1/projects/{project_id}/exports", wanted)
    for _ in range(_LOOKS):
        export = (await client.get(f"/v1/exports/{export['id']}")).raise_for_status().json()
        if export["status"] in ("done", "failed"):
            break
        await asyncio.sleep(_PAUSE_S)
    else:
        raise TimeoutError(f"the export {wanted['preset']} did not come to an end")
    if export["status"] == "failed":
        return f"failed: {export['error']}"
    link = (await client.get(f"/v1/exports/{export['id']}/download")).raise_for_status().json()
    data = (await client.get(link["url"])).raise_for_status().content
    await asyncio.to_thread(target.write_bytes, data)
    files = ""
    if target.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            damaged = archive.testzip()
            files = f"{len(archive.namelist())} files, {'whole' if damaged is None else f'damaged: {damaged}'}, "
    return f"{files}{len(data) / 1e6:.1f} MB in {target}"
