"""Routes of client galleries, the photographer's side."""

from __future__ import annotations

from typing import Final

from kilo_gql.domain import (
    galleries,
    gallery_approvals,
    gallery_marks,
    gallery_photos,
    gallery_sections,
)
from kilo_gql.rest import bodies as b
from kilo_gql.rest import gallery_bodies as yb
from kilo_gql.rest import gallery_views as yv
from kilo_gql.rest import views as v
from kilo_gql.rest.machinery import RestRoute as R
from kilo_gql.rest.views import PageView

_GALLERY = "/galleries/{galleryId}"
_SECTION = f"{_GALLERY}/sections/{{sectionId}}"
_PROJECT = "/projects/{projectId}"

GALLERIES: Final[list[R]] = [
    R("GET", f"{_PROJECT}/galleries", galleries.list_galleries, PageView(yv.GalleryView), query=b.PageQuery),
    R(
        "POST",
        f"{_PROJECT}/galleries",
        galleries.create_gallery,
        yv.GalleryView,
        body=yb.CreateGalleryBody,
        status=201,
    ),
    R("GET", _GALLERY, galleries.get_gallery, yv.GalleryView),
    R("PATCH", _GALLERY, galleries.update_gallery, yv.GalleryView, body=yb.UpdateGalleryBody),
    R("DELETE", _GALLERY, galleries.delete_gallery, v.NoView, status=204),
    R("POST", f"{_GALLERY}:publish", galleries.publish_gallery, yv.GalleryView),
    R("POST", f"{_GALLERY}:unpublish", galleries.unpublish_gallery, yv.GalleryView),
    R("POST", f"{_GALLERY}:endSessions", galleries.end_gallery_sessions, yv.GalleryView),
    R("POST", f"{_GALLERY}:arrange", gallery_photos.arrange_gallery, yv.GalleryView, body=yb.GalleryAssetsBody),
    R("POST", f"{_GALLERY}:sort", gallery_photos.sort_gallery, yv.GalleryView, body=yb.SortGalleryBody),
    R(
        "PUT",
        f"{_GALLERY}/watermarkImage",
        gallery_marks.set_gallery_watermark_image,
        yv.GalleryView,
        body=yb.WatermarkImageBody,
        max_body=gallery_marks.BASE64_MAX + 1_000,
    ),
    R(
        "GET",
        f"{_GALLERY}/assets",
        gallery_photos.list_gallery_assets,
        PageView(yv.GalleryAssetView),
        query=b.PageQuery,
    ),
    R(
        "POST",
        f"{_GALLERY}/assets",
        gallery_photos.add_gallery_assets,
        yv.GalleryView,
        body=yb.AddGalleryAssetsBody,
    ),
    R(
        "DELETE",
        f"{_GALLERY}/assets",
        gallery_photos.remove_gallery_assets,
        yv.GalleryView,
        body=yb.GalleryAssetsBody,
    ),
    R(
        "POST",
        f"{_GALLERY}/assets:place",
        gallery_sections.place_gallery_assets,
        yv.GalleryView,
        body=yb.PlaceGalleryAssetsBody,
    ),
    R(
        "GET",
        f"{_GALLERY}/assets:changed",
        gallery_approvals.changed_since_approved,
        PageView(yv.GalleryAssetView),
        query=b.PageQuery,
    ),
    R(
        "POST",
        f"{_GALLERY}/assets:repin",
        gallery_approvals.repin_gallery_assets,
        yv.GalleryView,
        body=yb.RepinGalleryAssetsBody,
    ),
    R(
        "POST",
        f"{_GALLERY}/sections",
        gallery_sections.create_gallery_section,
        yv.GalleryView,
        body=yb.GallerySectionBody,
    ),
    R(
        "POST",
        f"{_GALLERY}/sections:arrange",
        gallery_sections.arrange_gallery_sections,
        yv.GalleryView,
        body=yb.GallerySectionsBody,
    ),
    R("PATCH", _SECTION, gallery_sections.rename_gallery_section, yv.GalleryView, body=yb.GallerySectionBody),
    R("DELETE", _SECTION, gallery_sections.delete_gallery_section, yv.GalleryView),
]
