"""The permission matrix: who may do what, through which door. One row for each way in; ``test_matrix`` walks them all.

A cell is the status of the answer, with its code where that is not the status's own (``409:last_owner``). The columns
are ``CALLERS``: anonymous, stranger (signed in, but in none of this), guest (of a client gallery; until gallery links
can be opened no door makes one, so the test puts its proof where the doors look bearers up), viewer, editor, owner.

Arguments are in REST's words for both doors; ``@name`` is a thing of ``tests.support.world``, ``@me`` whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.world import CALLERS

_CODES: Final = {401: "unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict"}


@dataclass(frozen=True)
class Case:
    """One way of asking. ``cells``: what each of ``CALLERS`` is answered."""

    name: str
    cells: str
    arguments: Mapping[str, Any]

    def expected(self) -> dict[str, tuple[int, str | None]]:
        """Status and code by caller; no code is success."""
        pairs = (cell.partition(":") for cell in self.cells.split())
        found = [(int(status), code or _CODES.get(int(status))) for status, _, code in pairs]
        return dict(zip(CALLERS, found, strict=True))


@dataclass(frozen=True)
class Row:
    """An operation with the root field and the route that lead to it (None: that door does not)."""

    operation: str
    field: str | None
    route: str | None
    cases: tuple[Case, ...]


def row(operation: str, field: str | None, route: str | None, cells: str, /, **arguments: Any) -> Row:
    """A row with one case."""
    return Row(operation, field, route, (Case("", cells, arguments),))


def rows(operation: str, field: str | None, route: str | None, **cases: tuple[str, Mapping[str, Any]]) -> Row:
    """A row whose answer depends on more than the caller's role."""
    return Row(operation, field, route, tuple(Case(name, *case) for name, case in cases.items()))


#                 anonymous stranger guest viewer editor owner
ANYBODY: Final = "200 200 200 200 200 200"
SIGNED_IN: Final = "401 200 403 200 200 200"
READ: Final = "401 404 403 200 200 200"
WORK: Final = "401 404 403 403 200 200"
MANAGE: Final = "401 404 403 403 403 200"
#: The thing is the owner's alone.
MINE: Final = "401 404 403 404 404 200"

#: Guests of a gallery: who looks, who acts, and behind a password. A member looks at a preview, and does nothing.
DEED: Final = "200 200 200 403:preview_only 403:preview_only 403:preview_only"
BEHIND: Final = "401:gallery_locked 401:gallery_locked 200 200 200 200"
DEED_BEHIND: Final = "401:gallery_locked 401:gallery_locked 200 403:preview_only 403:preview_only 403:preview_only"
#: Of what takes a session; the guest's is of another gallery.
DEED_WITHOUT: Final = (
    "401:guest_session_needed 401:guest_session_needed 401:guest_session_needed "
    "403:preview_only 403:preview_only 403:preview_only"
)

_P: Final = {"projectId": "@project"}
_S: Final = {"studioId": "@studio"}
_A: Final = {"assetId": "@asset"}
_C: Final = {"clusterId": "@cluster"}
_O: Final = {"shareSlug": "@shared_slug"}
_L: Final = {"shareSlug": "@locked_slug"}
_PHOTO: Final = {"assetId": "@shared_asset"}
_GG: Final = {"galleryId": "@shared_gallery"}
_GL: Final = {**_GG, "listId": "@shared_list"}
_Y: Final = {"galleryId": "@gallery"}
_H: Final = {**_Y, "sectionId": "@section"}
_W: Final = {"webhookId": "@webhook"}
_MEMBER: Final = {**_P, "userId": "@member_id"}
_COLLEAGUE: Final = {**_S, "userId": "@colleague_id"}

ROWS: Final[tuple[Row, ...]] = (
    # --- signing in ---
    row("start_login", "Mutation.startLogin", "POST /auth/login", ANYBODY, email="new@example.org"),
    row("verify_login", "Mutation.verifyLogin", "POST /auth/verify", ANYBODY, challengeId="@challenge", code="@code"),
    row("refresh", "Mutation.refreshTokens", "POST /auth/refresh", ANYBODY, refreshToken="@refresh_token"),
    row("sign_out", "Mutation.signOut", "POST /auth/logout", SIGNED_IN),
    row("me", "Query.me", "GET /me", SIGNED_IN),
    row("update_me", "Mutation.updateMe", "PATCH /me", SIGNED_IN, displayName="Grace"),
    row("list_sessions", "Query.sessions", "GET /auth/sessions", SIGNED_IN),
    row("revoke_session", "Mutation.revokeSession", "DELETE /auth/sessions/{sessionId}", MINE, sessionId="@session"),
    row("list_api_tokens", "Query.apiTokens", "GET /auth/tokens", SIGNED_IN),
    row("create_api_token", "Mutation.createApiToken", "POST /auth/tokens", SIGNED_IN, name="cron", scopes=["*"]),
    row("revoke_api_token", "Mutation.revokeApiToken", "DELETE /auth/tokens/{tokenId}", MINE, tokenId="@token"),
    # --- projects ---
    row("list_projects", "Query.projects", "GET /projects", SIGNED_IN),
    rows(
        "create_project", "Mutation.createProject", "POST /projects",
        alone=(SIGNED_IN, {"title": "Mine"}),
        in_a_studio=(WORK, {"title": "Ours", **_S}),
    ),
    row("get_project", "Query.project", "GET /projects/{projectId}", READ, **_P),
    rows(
        "update_project", "Mutation.updateProject", "PATCH /projects/{projectId}",
        title=(WORK, {**_P, "title": "Later"}),
        status=(MANAGE, {**_P, "status": "archived"}),
        title_and_status=(MANAGE, {**_P, "title": "Later", "status": "archived"}),
    ),
    row("delete_project", "Mutation.deleteProject", "DELETE /projects/{projectId}", MANAGE, **_P),
    row("archive_project", "Mutation.archiveProject", "POST /projects/{projectId}/archive", MANAGE, **_P),
    row("restore_project", "Mutation.restoreProject", "POST /projects/{projectId}/restore", MANAGE, **_P),
    row("get_stats", None, "GET /projects/{projectId}/stats", READ, **_P),
    # --- members ---
    row("list_members", "Query.members", "GET /projects/{projectId}/members", READ, **_P),
    row(
        "set_member_role", "Mutation.setMemberRole", "PUT /projects/{projectId}/members/{userId}", MANAGE,
        **_MEMBER, role="editor",
    ),
    rows(
        "remove_member", "Mutation.removeMember", "DELETE /projects/{projectId}/members/{userId}",
        another=(MANAGE, _MEMBER),
        oneself=("401 404 403 200 200 409:last_owner", {**_P, "userId": "@me"}),
    ),
    row("list_invitations", "Query.invitations", "GET /projects/{projectId}/invitations", MANAGE, **_P),
    row(
        "invite_member", "Mutation.inviteMember", "POST /projects/{projectId}/invitations", MANAGE,
        **_P, email="new@example.org", role="viewer",
    ),
    row(
        "revoke_invitation", "Mutation.revokeInvitation", "DELETE /invitations/{invitationId}", MANAGE,
        invitationId="@invitation",
    ),
    row(
        "accept_invitation", "Mutation.acceptInvitation", "POST /invitations:accept",
        "401 200 403 403:invited_elsewhere 403:invited_elsewhere 403:invited_elsewhere", code="@invitation_code",
    ),
    # --- studios ---
    row("list_studios", "Query.studios", "GET /studios", SIGNED_IN),
    row("create_studio", "Mutation.createStudio", "POST /studios", SIGNED_IN, name="Mine"),
    row("get_studio", "Query.studio", "GET /studios/{studioId}", READ, **_S),
    row("rename_studio", "Mutation.renameStudio", "PATCH /studios/{studioId}", MANAGE, **_S, name="Later"),
    row("list_studio_members", "Query.studioMembers", "GET /studios/{studioId}/members", READ, **_S),
    row(
        "add_studio_member", "Mutation.addStudioMember", "POST /studios/{studioId}/members", MANAGE,
        **_S, email="@member_email", role="viewer",
    ),
    row(
        "set_studio_role", "Mutation.setStudioRole", "PUT /studios/{studioId}/members/{userId}", MANAGE,
        **_COLLEAGUE, role="editor",
    ),
    rows(
        "remove_studio_member", "Mutation.removeStudioMember", "DELETE /studios/{studioId}/members/{userId}",
        another=(MANAGE, _COLLEAGUE),
        oneself=("401 404 403 200 200 409:last_owner", {**_S, "userId": "@me"}),
    ),
    # --- jobs ---
    row("list_jobs", "Query.jobs", "GET /projects/{projectId}/jobs", READ, **_P),
    row("get_job", "Query.job", "GET /jobs/{jobId}", READ, jobId="@queued_job"),
    row("start_drill", "Mutation.startDrill", "POST /projects/{projectId}/jobs:drill", WORK, **_P, steps=1, stepMs=0),
    row("cancel_job", "Mutation.cancelJob", "POST /jobs/{jobId}/cancel", WORK, jobId="@queued_job"),
    row("retry_job", "Mutation.retryJob", "POST /jobs/{jobId}/retry", WORK, jobId="@failed_job"),
    row("retry_failed_jobs", "Mutation.retryFailedJobs", "POST /projects/{projectId}/jobs:retryFailed", WORK, **_P),
    # --- assets ---
    row("list_assets", "Query.assets", "GET /projects/{projectId}/assets", READ, **_P),
    row("asset_index", "Query.assetIndex", "GET /projects/{projectId}/assets:index", READ, **_P),
    row("get_assets", "Query.assetsByIds", "POST /assets:byIds", SIGNED_IN, ids=["@asset", "@bad"]),
    row("get_asset", "Query.asset", "GET /assets/{assetId}", READ, **_A),
    row("update_asset", "Mutation.updateAsset", "PATCH /assets/{assetId}", WORK, **_A, title="Later"),
    row("rate_asset", "Mutation.rateAsset", "POST /assets/{assetId}/ratings", WORK, **_A, rating=5),
    row(
        "rate_assets", "Mutation.rateAssets", "POST /projects/{projectId}/ratings:bulk", WORK,
        **_P, ids=["@asset", "@raw"], picked=True,
    ),
    row("get_signals", None, "GET /assets/{assetId}/signals", READ, **_A),
    # --- galleries ---
    row("list_galleries", "Query.galleries", "GET /projects/{projectId}/galleries", READ, **_P),
    rows(
        "create_gallery", "Mutation.createGallery", "POST /projects/{projectId}/galleries",
        named=(WORK, {**_P, "title": "Album", "assetIds": ["@asset", "@jpeg"], "password": "peonies"}),
        filtered=(WORK, {**_P, "title": "Album", "from": {"format": "raw"}}),
    ),
    row("get_gallery", "Query.gallery", "GET /galleries/{galleryId}", READ, **_Y),
    row(
        "update_gallery", "Mutation.updateGallery", "PATCH /galleries/{galleryId}", WORK,
        **_Y, title="Later", password=None, coverAssetId="@asset",
    ),
    row("publish_gallery", "Mutation.publishGallery", "POST /galleries/{galleryId}:publish", WORK, **_Y),
    row("unpublish_gallery", "Mutation.unpublishGallery", "POST /galleries/{galleryId}:unpublish", WORK, **_Y),
    row("end_gallery_sessions", "Mutation.endGallerySessions", "POST /galleries/{galleryId}:endSessions", WORK, **_Y),
    row("delete_gallery", "Mutation.deleteGallery", "DELETE /galleries/{galleryId}", WORK, **_Y),
    row(
        "set_gallery_watermark_image", "Mutation.setGalleryWatermarkImage",
        "PUT /galleries/{galleryId}/watermarkImage", WORK, **_Y, pngBase64=None,
    ),
    row("list_gallery_assets", "Query.galleryAssets", "GET /galleries/{galleryId}/assets", READ, **_Y),
    row(
        "add_gallery_assets", "Mutation.addGalleryAssets", "POST /galleries/{galleryId}/assets", WORK,
        **_Y, assetIds=["@single"], sectionId="@section",
    ),
    row(
        "remove_gallery_assets", "Mutation.removeGalleryAssets", "DELETE /galleries/{galleryId}/assets", WORK,
        **_Y, assetIds=["@raw"],
    ),
    row(
        "arrange_gallery", "Mutation.arrangeGallery", "POST /galleries/{galleryId}:arrange", WORK,
        **_Y, assetIds=["@raw", "@asset"],
    ),
    row("sort_gallery", "Mutation.sortGallery", "POST /galleries/{galleryId}:sort", WORK, **_Y, by="name"),
    row(
        "changed_since_approved", "Query.changedSinceApproved", "GET /galleries/{galleryId}/assets:changed", READ, **_Y,
    ),
    row(
        "repin_gallery_assets", "Mutation.repinGalleryAssets", "POST /galleries/{galleryId}/assets:repin", WORK,
        **_Y, assetIds=["@raw"],
    ),
    row(
        "place_gallery_assets", "Mutation.placeGalleryAssets", "POST /galleries/{galleryId}/assets:place", WORK,
        **_Y, assetIds=["@raw"], sectionId="@section",
    ),
    row(
        "create_gallery_section", "Mutation.createGallerySection", "POST /galleries/{galleryId}/sections", WORK,
        **_Y, title="Party",
    ),
    row(
        "arrange_gallery_sections", "Mutation.arrangeGallerySections",
        "POST /galleries/{galleryId}/sections:arrange", WORK, **_Y, sectionIds=["@section"],
    ),
    row(
        "rename_gallery_section", "Mutation.renameGallerySection",
        "PATCH /galleries/{galleryId}/sections/{sectionId}", WORK, **_H, title="Party",
    ),
    row(
        "delete_gallery_section", "Mutation.deleteGallerySection",
        "DELETE /galleries/{galleryId}/sections/{sectionId}", WORK, **_H,
    ),
    # --- a gallery and its guests ---
    rows(
        "open_gallery", "Query.sharedGallery", "GET /share/{shareSlug}",
        open=(ANYBODY, _O),
        locked=(ANYBODY, _L),
    ),
    row(
        "authenticate_guest", "Mutation.authenticateGuest", "POST /share/{shareSlug}/auth", DEED,
        **_L, password="@gallery_password",
    ),
    rows(
        "shared_photos", "Query.sharedPhotos", "GET /share/{shareSlug}/photos",
        open=(ANYBODY, _O),
        locked=(BEHIND, _L),
    ),
    rows(
        "shared_photo", "Query.sharedPhoto", "GET /share/{shareSlug}/photos/{assetId}",
        open=(ANYBODY, {**_O, **_PHOTO}),
        locked=(BEHIND, {**_L, **_PHOTO}),
    ),
    rows(
        "shared_comments", "Query.sharedComments", "GET /share/{shareSlug}/comments",
        open=(ANYBODY, {**_O, **_PHOTO}),
        locked=(BEHIND, {**_L, **_PHOTO}),
    ),
    rows(
        "shared_lists", "Query.sharedLists", "GET /share/{shareSlug}/lists",
        open=(ANYBODY, _O),
        locked=(BEHIND, _L),
    ),
    rows(
        "record_visit", "Mutation.recordVisit", "POST /share/{shareSlug}/visit",
        open=(ANYBODY, _O),
        locked=(BEHIND, _L),
    ),
    rows(
        "name_guest", "Mutation.nameGuest", "PUT /share/{shareSlug}/guest",
        open=(DEED_WITHOUT, {**_O, "name": "Ada"}),
        locked=(DEED_BEHIND, {**_L, "name": "Ada"}),
    ),
    rows(
        "favorite_asset", "Mutation.favoriteAsset", "POST /share/{shareSlug}/favorite",
        open=(DEED, {**_O, **_PHOTO, "favorite": True}),
        locked=(DEED_BEHIND, {**_L, **_PHOTO, "favorite": True}),
    ),
    rows(
        "comment_asset", "Mutation.commentAsset", "POST /share/{shareSlug}/comment",
        open=(DEED, {**_O, **_PHOTO, "text": "Lovely"}),
        locked=(DEED_BEHIND, {**_L, **_PHOTO, "text": "Lovely"}),
    ),
    row(
        "delete_own_comment", "Mutation.deleteOwnComment", "DELETE /share/{shareSlug}/comments/{commentId}",
        DEED_BEHIND, **_L, commentId="@shared_comment",
    ),
    row(
        "select_asset", "Mutation.selectAsset", "PUT /share/{shareSlug}/lists/{listId}/assets/{assetId}", DEED_BEHIND,
        **_L, **_PHOTO, listId="@shared_open_list", selected=True,
    ),
    row(
        "submit_selection", "Mutation.submitSelection", "POST /share/{shareSlug}/lists/{listId}/submit", DEED_BEHIND,
        **_L, listId="@shared_open_list", message="These",
    ),
    row("list_guests", "Query.galleryGuests", "GET /galleries/{galleryId}/guests", READ, **_GG),
    row("list_gallery_activity", "Query.galleryActivity", "GET /galleries/{galleryId}/activity", READ, **_GG),
    row("list_gallery_comments", "Query.galleryComments", "GET /galleries/{galleryId}/comments", READ, **_GG),
    row(
        "reply_comment", "Mutation.replyComment", "POST /galleries/{galleryId}/comments/{commentId}/replies", WORK,
        **_GG, commentId="@shared_comment", text="Thank you",
    ),
    row(
        "resolve_comment", "Mutation.resolveComment", "PATCH /galleries/{galleryId}/comments/{commentId}", WORK,
        **_GG, commentId="@shared_comment", resolved=True,
    ),
    row(
        "delete_comment", "Mutation.deleteComment", "DELETE /galleries/{galleryId}/comments/{commentId}", WORK,
        **_GG, commentId="@shared_comment",
    ),
    row("list_selection_lists", "Query.selectionLists", "GET /galleries/{galleryId}/lists", READ, **_GG),
    row(
        "create_selection_list", "Mutation.createSelectionList", "POST /galleries/{galleryId}/lists", WORK,
        **_GG, title="Album", maxCount=60,
    ),
    row(
        "update_selection_list", "Mutation.updateSelectionList", "PATCH /galleries/{galleryId}/lists/{listId}", WORK,
        **_GL, title="Later",
    ),
    row(
        "delete_selection_list", "Mutation.deleteSelectionList", "DELETE /galleries/{galleryId}/lists/{listId}", WORK,
        **_GL,
    ),
    row(
        "list_selections", "Query.selections", "GET /galleries/{galleryId}/lists/{listId}/selections", READ, **_GL,
    ),
    row(
        "merged_selection", "Query.mergedSelection", "GET /galleries/{galleryId}/lists/{listId}/selections:merged",
        READ, **_GL,
    ),
    row(
        "reopen_selection", "Mutation.reopenSelection",
        "POST /galleries/{galleryId}/lists/{listId}/selections/{guestId}:reopen", WORK,
        **_GL, guestId="@shared_guest",
    ),
    # --- what clients chose ---
    row("get_client_choices", None, "GET /assets/{assetId}/client-choices", READ, **_A),
    row(
        "gallery_choices", "Query.galleryChoices", "GET /galleries/{galleryId}/choices", READ, galleryId="@gallery",
    ),
    row(
        "list_gallery_proposals", "Query.galleryProposals", "GET /projects/{projectId}/gallery-proposals", READ, **_P,
    ),
    row(
        "decide_gallery_proposal", "Mutation.decideGalleryProposal", "POST /gallery-proposals/{proposalId}:decide",
        WORK, proposalId="@proposal", accept=False,
    ),
    row("get_regret", "Query.clientRegret", "GET /projects/{projectId}/client-regret", READ, **_P),
    row("filmstrip", "Query.filmstrip", "GET /projects/{projectId}/filmstrip", READ, **_P),
    # --- clusters ---
    row("list_clusters", "Query.clusters", "GET /projects/{projectId}/clusters", READ, **_P),
    row("get_clusters", "Query.clustersByIds", "POST /clusters:byIds", SIGNED_IN, ids=["@cluster"]),
    row("get_cluster", "Query.cluster", "GET /clusters/{clusterId}", READ, clusterId="@cluster"),
    rows(
        "update_cluster", "Mutation.updateCluster", "PATCH /clusters/{clusterId}",
        title=(WORK, {**_C, "title": "Later"}),
        reviewed=(WORK, {**_C, "reviewed": True}),
        split=(WORK, {**_C, "manualOverrides": {"split": {"assetIds": ["@raw"]}}}),
        merge=(WORK, {**_C, "manualOverrides": {"merge": {"clusterIds": ["@other_cluster"]}}}),
    ),
    row("set_winner", "Mutation.setWinner", "POST /clusters/{clusterId}/winner", WORK, **_C, winnerAssetId="@raw"),
    row("lock_cluster", "Mutation.lockCluster", "POST /clusters/{clusterId}:lock", WORK, **_C),
    row("unlock_cluster", "Mutation.unlockCluster", "POST /clusters/{clusterId}:unlock", WORK, **_C),
    row("reject_cluster", "Mutation.rejectCluster", "POST /clusters/{clusterId}:reject", WORK, **_C),
    row("split_cluster", "Mutation.splitCluster", "POST /clusters/{clusterId}:split", WORK, **_C, assetIds=["@raw"]),
    row(
        "move_assets", "Mutation.moveAssets", "POST /clusters/{clusterId}:move", WORK,
        **_C, assetIds=["@raw"], targetClusterId="@other_cluster",
    ),
    row(
        "merge_clusters", "Mutation.mergeClusters", "POST /clusters:merge", WORK,
        clusterIds=["@cluster", "@other_cluster"],
    ),
    row("get_grouping", "Query.grouping", "GET /projects/{projectId}/grouping", READ, **_P),
    row(
        "set_clock_offset", "Mutation.setClockOffset", "POST /projects/{projectId}/grouping:setClockOffset", WORK,
        **_P, camera="c0ffee", offsetSeconds=60.0,
    ),
    # --- models ---
    row("list_models", "Query.models", "GET /models", SIGNED_IN),
    row("list_embedding_spaces", "Query.embeddingSpaces", "GET /embeddingSpaces", SIGNED_IN),
    row("list_model_cards", "Query.modelCards", "GET /modelCards", SIGNED_IN),
    row("get_model_card", "Query.modelCard", "GET /modelCards:byName", SIGNED_IN, name="ranking"),
    # --- one's own ranker ---
    row("get_ranker", "Query.ranker", "GET /me/ranker", SIGNED_IN),
    row("set_ranker_enabled", "Mutation.setRankerEnabled", "PATCH /me/ranker", SIGNED_IN, enabled=False),
    row("reset_ranker", "Mutation.resetRanker", "POST /me/ranker:reset", SIGNED_IN),
    row("list_consents", "Query.consents", "GET /me/consents", SIGNED_IN),
    row(
        "set_consent", "Mutation.setConsent", "PUT /me/consents", SIGNED_IN,
        purpose="personal_ranking", granted=True,
    ),
    # --- culling by hand ---
    row(
        "apply_cull_action", "Mutation.applyCullAction", "POST /projects/{projectId}/cull:applyAction", WORK,
        **_P, actions=[{"assetId": "@asset", "picked": True}, {"assetId": "@raw", "rating": 3, "rejected": None}],
    ),
    row(
        "undo_cull", "Mutation.undoCull", "POST /projects/{projectId}/cull:undo",
        "401 404 403 403 409:nothing_to_undo 409:nothing_to_undo", **_P,
    ),
    row(
        "redo_cull", "Mutation.redoCull", "POST /projects/{projectId}/cull:redo",
        "401 404 403 403 409:nothing_to_redo 409:nothing_to_redo", **_P,
    ),
    row("list_cull_actions", "Query.cullActions", "GET /projects/{projectId}/cull:actions", READ, **_P),
    # --- culling by the suggestions ---
    row(
        "plan_auto_cull", "Query.autoCullPlan", "POST /projects/{projectId}/cull:planAuto", READ,
        **_P, keepPerMoment=1,
    ),
    row(
        "apply_auto_cull", "Mutation.applyAutoCull", "POST /projects/{projectId}/cull:applyAuto",
        "401 404 403 403 409:plan_changed 409:plan_changed", **_P, keepPerMoment=1, planHash="of another plan",
    ),
    row("get_cull_statistics", "Query.cullStatistics", "GET /projects/{projectId}/cull:statistics", READ, **_P),
    # --- uploads ---
    row(
        "prepare_upload", "Mutation.prepareUpload", "POST /projects/{projectId}/assets:prepareUpload", WORK,
        **_P, files=[{"filename": "new.jpg", "byteSize": 1000}],
    ),
    row(
        "finalize_upload", "Mutation.finalizeUpload", "POST /projects/{projectId}/assets:finalizeUpload", WORK,
        **_P, assets=[{"assetId": "@sent_asset", "checksumSha256": "0" * 64}],
    ),
    row("list_unfinished_uploads", "Query.unfinishedUploads", "GET /projects/{projectId}/uploads", WORK, **_P),
    row("cancel_upload", "Mutation.cancelUpload", "DELETE /uploads/{uploadId}", WORK, uploadId="@begun_upload"),
    # --- files ---
    row("list_asset_files", "Query.assetFiles", "GET /assets/{assetId}/files", READ, **_A),
    row("media_grant", "Query.mediaGrant", "GET /projects/{projectId}/media:grant", READ, **_P),
    row("render_asset", "Mutation.renderAsset", "POST /assets/{assetId}/renditions", READ, **_A),
    row("develop_asset", "Mutation.developAsset", "POST /assets/{assetId}/develop", WORK, assetId="@raw"),
    row(
        "trash_assets", "Mutation.trashAssets", "POST /projects/{projectId}/assets:trash", WORK,
        **_P, ids=["@asset", "@raw"],
    ),
    row(
        "restore_assets", "Mutation.restoreAssets", "POST /projects/{projectId}/assets:restore", WORK,
        **_P, ids=["@trashed"],
    ),
    row(
        "purge_assets", "Mutation.purgeAssets", "POST /projects/{projectId}/assets:purge", MANAGE,
        **_P, ids=["@trashed"],
    ),
    row("retry_assets", "Mutation.retryAssets", "POST /projects/{projectId}/assets:retry", WORK, **_P, ids=["@bad"]),
    row("asset_sidecar", None, "GET /assets/{assetId}/sidecar", READ, **_A),
    row("pair_assets", "Mutation.pairAssets", "POST /assets:pair", WORK, rawId="@single", jpegId="@asset"),
    row("unpair_asset", "Mutation.unpairAsset", "POST /assets/{assetId}/unpair", WORK, assetId="@jpeg"),
    # --- webhooks ---
    row("list_webhooks", "Query.webhooks", "GET /projects/{projectId}/webhooks", MANAGE, **_P),
    row(
        "create_webhook", "Mutation.createWebhook", "POST /projects/{projectId}/webhooks", MANAGE,
        **_P, url="https://hooks.example.org/kilo",
    ),
    row("get_webhook", "Query.webhook", "GET /webhooks/{webhookId}", MANAGE, **_W),
    row("update_webhook", "Mutation.updateWebhook", "PATCH /webhooks/{webhookId}", MANAGE, **_W, description="Later"),
    row("delete_webhook", "Mutation.deleteWebhook", "DELETE /webhooks/{webhookId}", MANAGE, **_W),
    row(
        "rotate_webhook_secret", "Mutation.rotateWebhookSecret", "POST /webhooks/{webhookId}:rotateSecret", MANAGE,
        **_W,
    ),
    row("disable_webhook", "Mutation.disableWebhook", "POST /webhooks/{webhookId}:disable", MANAGE, **_W),
    row("enable_webhook", "Mutation.enableWebhook", "POST /webhooks/{webhookId}:enable", MANAGE, **_W),
    row("send_test_event", "Mutation.sendTestEvent", "POST /webhooks/{webhookId}:ping", MANAGE, **_W),
    row(
        "replay_webhook", "Mutation.replayWebhook", "POST /webhooks/{webhookId}:replay", MANAGE,
        **_W, after="1-0",
    ),
    row(
        "list_webhook_deliveries", "Query.webhookDeliveries", "GET /webhooks/{webhookId}/deliveries", MANAGE, **_W,
    ),
    row(
        "get_webhook_delivery", "Query.webhookDelivery", "GET /webhookDeliveries/{deliveryId}", MANAGE,
        deliveryId="@delivery",
    ),
    row(
        "redeliver", "Mutation.redeliver", "POST /webhookDeliveries/{deliveryId}:redeliver", MANAGE,
        deliveryId="@delivery",
    ),
    # --- exports ---
    row(
        "create_export", "Mutation.createExport", "POST /projects/{projectId}/exports", WORK,
        **_P, preset="web", assetIds=["@asset", "@raw"],
    ),
    row("list_exports", "Query.exports", "GET /projects/{projectId}/exports", READ, **_P),
    row(
        "preview_export", "Query.exportPreview", "POST /projects/{projectId}/exports:preview", READ,
        **_P, preset="instagram_carousel", assetIds=["@asset", "@raw"], settings={"ratio": "1:1"},
    ),
    row("get_export", "Query.export", "GET /exports/{exportId}", READ, exportId="@done_export"),
    row("list_export_items", "Query.exportItems", "GET /exports/{exportId}/items", READ, exportId="@done_export"),
    row(
        "get_export_download", "Query.exportDownload", "GET /exports/{exportId}/download", READ,
        exportId="@done_export",
    ),
    row("retry_export", "Mutation.retryExport", "POST /exports/{exportId}:retry", WORK, exportId="@failed_export"),
    row("cancel_export", "Mutation.cancelExport", "POST /exports/{exportId}:cancel", WORK, exportId="@open_export"),
    row("delete_export", "Mutation.deleteExport", "DELETE /exports/{exportId}", WORK, exportId="@done_export"),
    # --- what guests take home ---
    row(
        "request_download", "Mutation.requestDownload", "POST /share/{shareSlug}/downloads",
        "403:download_not_allowed 403:download_not_allowed 403:download_not_allowed "
        "403:preview_only 403:preview_only 403:preview_only",
        shareSlug="@slug", of="all", rendition="web",
    ),
    # --- anything by its id: what each kind of thing asks for ---
    rows(
        "get_node", "Query.node", None,
        Project=(READ, {"id": "@project"}),
        Job=(READ, {"id": "@failed_job"}),
        Invitation=(MANAGE, {"id": "@invitation"}),
        Studio=(READ, {"id": "@studio"}),
        User=(READ, {"id": "@owner_id"}),
        Session=(MINE, {"id": "@session"}),
        ApiToken=(MINE, {"id": "@token"}),
        Asset=(READ, {"id": "@asset"}),
        Cluster=(READ, {"id": "@cluster"}),
        Gallery=(READ, {"id": "@gallery"}),
        Export=(READ, {"id": "@done_export"}),
        Webhook=(MANAGE, {"id": "@webhook"}),
        WebhookDelivery=(MANAGE, {"id": "@delivery"}),
    ),
    # --- following ---
    row("open_stream", "Subscription.projectEvents", "GET /realtime", READ, **_P),
    row("get_job", "Subscription.jobProgress", None, READ, jobId="@queued_job"),
)  # fmt: skip
