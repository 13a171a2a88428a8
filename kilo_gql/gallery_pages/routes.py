"""Where the pages of client galleries are found."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Route

from kilo_gql.gallery_pages import assets, downloads, forms, live, views
from kilo_gql.gallery_pages.visiting import guarded

ROUTES: Final[list[BaseRoute]] = [
    Route(assets.ROUTE, assets.serve, methods=["GET"]),
    Route(live.ROUTE, live.GalleryEvents()),
    *(
        Route("/g/{slug}" + path, guarded(view), methods=["GET"])
        for path, view in {
            "": views.gallery,
            "/photos/{asset_id}": views.photo,
            "/compare": views.compare,
            "/downloads": downloads.downloads,
            "/guest": views.guest,
            "/selection/{list_id}": views.selection,
        }.items()
    ),
    *(
        Route("/g/{slug}" + path, guarded(view), methods=["POST"])
        for path, view in {
            "/auth": forms.authenticate,
            "/guest": forms.name,
            "/visit": forms.visit_noted,
            "/photos/{asset_id}/favorite": forms.favorite,
            "/photos/{asset_id}/comments": forms.comment,
            "/photos/{asset_id}/comments/{comment_id}/delete": forms.take_back,
            "/selection/{list_id}/submit": forms.submit,
            "/selection/{list_id}/{asset_id}": forms.select,
        }.items()
    ),
]
