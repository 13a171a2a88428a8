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

_P: Final = {"projectId": "@project"}
_S: Final = {"studioId": "@studio"}
_A: Final = {"assetId": "@asset"}
_C: Final = {"clusterId": "@cluster"}
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
    ),
    # --- following ---
    row("open_stream", "Subscription.projectEvents", "GET /realtime", READ, **_P),
    row("get_job", "Subscription.jobProgress", None, READ, jobId="@queued_job"),
)  # fmt: skip
