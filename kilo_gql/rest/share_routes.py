"""Routes about client galleries: what guests do, and what their photographers read of it."""

from __future__ import annotations

from typing import Final

from kilo_gql.domain import (
    favorites,
    gallery_activity,
    gallery_comments,
    gallery_downloads,
    gallery_threads,
    guests,
    selection_answers,
    selection_lists,
    selections,
    shared_galleries,
    shared_photos,
)
from kilo_gql.rest import bodies as b
from kilo_gql.rest import gallery_downloads as db
from kilo_gql.rest import guest_bodies as nb
from kilo_gql.rest import guest_views as nv
from kilo_gql.rest import share_bodies as sb
from kilo_gql.rest import share_views as sv
from kilo_gql.rest import views as v
from kilo_gql.rest.machinery import RestRoute as R
from kilo_gql.rest.views import ListView, PageView

_SHARE = "/share/{shareSlug}"
_GALLERY = "/galleries/{galleryId}"
_COMMENT = f"{_GALLERY}/comments/{{commentId}}"
_LIST = f"{_GALLERY}/lists/{{listId}}"

#: The guests' side: anybody may ask, and the gallery decides.
SHARED: Final[list[R]] = [
    R(
        "GET",
        _SHARE,
        shared_galleries.open_gallery,
        sv.SharedGalleryView,
        query=sb.SharedGalleryQuery,
        guests=True,
    ),
    R(
        "POST",
        f"{_SHARE}/auth",
        guests.authenticate_guest,
        sv.GuestPassView,
        body=sb.GuestAuthBody,
        guests=True,
        address=True,
    ),
    R("POST", f"{_SHARE}/favorite", favorites.favorite_asset, sv.FavoritedView, body=sb.FavoriteBody, guests=True),
    R(
        "POST",
        f"{_SHARE}/comment",
        gallery_comments.comment_asset,
        sv.CommentedView,
        body=sb.CommentBody,
        status=201,
        guests=True,
    ),
    R(
        "GET",
        f"{_SHARE}/photos",
        shared_photos.shared_photos,
        PageView(sv.SharedPhotoView),
        query=sb.SharedPhotosQuery,
        guests=True,
    ),
    R(
        "GET",
        f"{_SHARE}/photos/{{assetId}}",
        shared_photos.shared_photo,
        sv.SharedPhotoView,
        query=sb.SharedPhotoQuery,
        guests=True,
    ),
    R("PUT", f"{_SHARE}/guest", guests.name_guest, sv.SharedGuestView, body=sb.NameGuestBody, guests=True),
    R("POST", f"{_SHARE}/visit", gallery_activity.record_visit, v.NoView, status=204, guests=True),
    R(
        "GET",
        f"{_SHARE}/comments",
        gallery_comments.shared_comments,
        ListView(sv.SharedCommentView),
        query=sb.SharedCommentsQuery,
        guests=True,
    ),
    R(
        "DELETE",
        f"{_SHARE}/comments/{{commentId}}",
        gallery_comments.delete_own_comment,
        v.NoView,
        status=204,
        guests=True,
    ),
    R("GET", f"{_SHARE}/lists", selections.shared_lists, ListView(sv.SharedListView), guests=True),
    R(
        "PUT",
        f"{_SHARE}/lists/{{listId}}/assets/{{assetId}}",
        selections.select_asset,
        sv.SharedListView,
        body=sb.SelectBody,
        guests=True,
    ),
    R(
        "POST",
        f"{_SHARE}/lists/{{listId}}/submit",
        selections.submit_selection,
        sv.SharedListView,
        body=sb.SubmitBody,
        guests=True,
    ),
    R(
        "POST",
        f"{_SHARE}/downloads",
        gallery_downloads.request_download,
        db.DownloadView,
        body=db.DownloadBody,
        guests=True,
    ),
]

#: The photographer's side.
GUESTS: Final[list[R]] = [
    R("GET", f"{_GALLERY}/guests", guests.list_guests, PageView(nv.GalleryGuestView), query=b.PageQuery),
    R(
        "GET",
        f"{_GALLERY}/activity",
        gallery_activity.list_gallery_activity,
        PageView(nv.GalleryActivityView),
        query=b.PageQuery,
    ),
    R(
        "GET",
        f"{_GALLERY}/comments",
        gallery_threads.list_gallery_comments,
        PageView(nv.GalleryCommentView),
        query=nb.CommentsQuery,
    ),
    R(
        "POST",
        f"{_COMMENT}/replies",
        gallery_threads.reply_comment,
        nv.GalleryCommentView,
        body=nb.ReplyBody,
        status=201,
    ),
    R("PATCH", _COMMENT, gallery_threads.resolve_comment, nv.GalleryCommentView, body=nb.ResolveBody),
    R("DELETE", _COMMENT, gallery_threads.delete_comment, v.NoView, status=204),
    R("GET", f"{_GALLERY}/lists", selection_lists.list_selection_lists, ListView(nv.SelectionListView)),
    R(
        "POST",
        f"{_GALLERY}/lists",
        selection_lists.create_selection_list,
        nv.SelectionListView,
        body=nb.CreateListBody,
        status=201,
    ),
    R("PATCH", _LIST, selection_lists.update_selection_list, nv.SelectionListView, body=nb.UpdateListBody),
    R("DELETE", _LIST, selection_lists.delete_selection_list, v.NoView, status=204),
    R(
        "GET",
        f"{_LIST}/selections",
        selection_answers.list_selections,
        PageView(nv.GuestSelectionView),
        query=b.PageQuery,
    ),
    R(
        "GET",
        f"{_LIST}/selections:merged",
        selection_answers.merged_selection,
        PageView(nv.SelectedPhotoView),
        query=b.PageQuery,
    ),
    R("POST", f"{_LIST}/selections/{{guestId}}:reopen", selection_lists.reopen_selection, nv.SelectionView),
]
