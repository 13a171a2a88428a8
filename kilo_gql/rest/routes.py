"""The route table: which documented path is which operation. What galleries and delivery add stands beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kilo_gql.domain import (
    api_tokens,
    asset_index,
    asset_pages,
    assets,
    auth,
    auto_cull,
    clocks,
    cluster_edits,
    clusters,
    consents,
    cull_statistics,
    cull_undo,
    culling,
    embeddings,
    filmstrip,
    finalizing,
    invitations,
    jobs,
    media,
    members,
    model_cards,
    pairs,
    preparing,
    project_stats,
    projects,
    rankers,
    ratings,
    renders,
    sessions,
    sidecars,
    signals,
    studios,
    trash,
    uploads,
    users,
)
from kilo_gql.rest import asset_bodies as ab
from kilo_gql.rest import asset_index as ai
from kilo_gql.rest import asset_views as av
from kilo_gql.rest import auto_cull as ac
from kilo_gql.rest import bodies as b
from kilo_gql.rest import cluster_bodies as cb
from kilo_gql.rest import cluster_views as cv
from kilo_gql.rest import cull_bodies as kb
from kilo_gql.rest import cull_statistics as cs
from kilo_gql.rest import cull_views as kv
from kilo_gql.rest import delivery_routes, gallery_routes, share_routes
from kilo_gql.rest import embedding_views as ev
from kilo_gql.rest import media_bodies as mb
from kilo_gql.rest import media_views as mv
from kilo_gql.rest import ranker_bodies as rb
from kilo_gql.rest import ranker_views as rv
from kilo_gql.rest import sidecars as rs
from kilo_gql.rest import signal_views as gv
from kilo_gql.rest import upload_bodies as ub
from kilo_gql.rest import upload_views as uv
from kilo_gql.rest import views as v
from kilo_gql.rest.machinery import RestRoute as R
from kilo_gql.rest.views import ListView, PageView

_PROJECT = "/projects/{projectId}"
_STUDIO = "/studios/{studioId}"
_ASSET = "/assets/{assetId}"
_CLUSTER = "/clusters/{clusterId}"


def _tagged(tag: str, *routes: R) -> list[R]:
    return [replace(route, tag=tag) for route in routes]


ROUTES: Final[list[R]] = [
    *_tagged(
        "Auth",
        R("POST", "/auth/login", auth.start_login, v.LoginStartedView, body=b.LoginStartBody),
        R("POST", "/auth/verify", auth.verify_login, v.SignedInView, body=b.LoginVerifyBody, device=True),
        R("POST", "/auth/refresh", sessions.refresh, v.SignedInView, body=b.RefreshBody),
        R("POST", "/auth/logout", sessions.sign_out, v.NoView, status=204),
        R("GET", "/me", users.me, v.UserView),
        R("PATCH", "/me", users.update_me, v.UserView, body=b.UpdateMeBody),
        R("GET", "/auth/sessions", sessions.list_sessions, ListView(v.SessionView)),
        R("DELETE", "/auth/sessions/{sessionId}", sessions.revoke_session, v.NoView, status=204),
        R("GET", "/auth/tokens", api_tokens.list_api_tokens, ListView(v.ApiTokenView)),
        R(
            "POST",
            "/auth/tokens",
            api_tokens.create_api_token,
            v.NewApiTokenView,
            body=b.CreateApiTokenBody,
            status=201,
        ),
        R("DELETE", "/auth/tokens/{tokenId}", api_tokens.revoke_api_token, v.NoView, status=204),
    ),
    *_tagged(
        "Projects",
        R("GET", "/projects", projects.list_projects, PageView(v.ProjectView), query=b.ProjectsQuery),
        R("POST", "/projects", projects.create_project, v.ProjectView, body=b.CreateProjectBody, status=201),
        R("GET", _PROJECT, projects.get_project, v.ProjectView),
        R("PATCH", _PROJECT, projects.update_project, v.ProjectView, body=b.UpdateProjectBody),
        R("DELETE", _PROJECT, projects.delete_project, v.ProjectView),
        R("POST", f"{_PROJECT}/archive", projects.archive_project, v.ProjectView),
        R("POST", f"{_PROJECT}/restore", projects.restore_project, v.ProjectView),
        R("GET", f"{_PROJECT}/stats", project_stats.get_stats, v.StatsView),
    ),
    *_tagged(
        "Members",
        R("GET", f"{_PROJECT}/members", members.list_members, ListView(v.MemberView)),
        R("PUT", f"{_PROJECT}/members/{{userId}}", members.set_member_role, v.MemberView, body=b.RoleBody),
        R("DELETE", f"{_PROJECT}/members/{{userId}}", members.remove_member, v.NoView, status=204),
        R("GET", f"{_PROJECT}/invitations", invitations.list_invitations, ListView(v.InvitationView)),
        R(
            "POST",
            f"{_PROJECT}/invitations",
            invitations.invite_member,
            v.InvitationView,
            body=b.InviteBody,
            status=201,
        ),
        R("DELETE", "/invitations/{invitationId}", invitations.revoke_invitation, v.NoView, status=204),
        R("POST", "/invitations:accept", invitations.accept_invitation, v.MemberView, body=b.AcceptBody),
    ),
    *_tagged(
        "Studios",
        R("GET", "/studios", studios.list_studios, PageView(v.StudioView), query=b.PageQuery),
        R("POST", "/studios", studios.create_studio, v.StudioView, body=b.StudioBody, status=201),
        R("PATCH", _STUDIO, studios.rename_studio, v.StudioView, body=b.StudioBody),
        R("GET", f"{_STUDIO}/members", studios.list_studio_members, ListView(v.StudioMemberView)),
        R(
            "POST",
            f"{_STUDIO}/members",
            studios.add_studio_member,
            v.StudioMemberView,
            body=b.StudioMemberBody,
            status=201,
        ),
        R("GET", _STUDIO, studios.get_studio, v.StudioView),
        R("PUT", f"{_STUDIO}/members/{{userId}}", studios.set_studio_role, v.StudioMemberView, body=b.RoleBody),
        R("DELETE", f"{_STUDIO}/members/{{userId}}", studios.remove_studio_member, v.NoView, status=204),
    ),
    *_tagged(
        "Assets",
        R(
            "POST",
            f"{_PROJECT}/assets:prepareUpload",
            preparing.prepare_upload,
            uv.PreparedView,
            body=ub.PrepareUploadBody,
        ),
        R(
            "POST",
            f"{_PROJECT}/assets:finalizeUpload",
            finalizing.finalize_upload,
            uv.FinalizedView,
            body=ub.FinalizeUploadBody,
        ),
        R(
            "GET",
            f"{_PROJECT}/uploads",
            uploads.list_unfinished_uploads,
            PageView(uv.UnfinishedUploadView),
            query=b.PageQuery,
        ),
        R("DELETE", "/uploads/{uploadId}", uploads.cancel_upload, v.NoView, status=204),
        R("GET", f"{_PROJECT}/assets", asset_pages.list_assets, PageView(av.AssetView), query=ab.AssetsQuery),
        R(
            "GET",
            f"{_PROJECT}/assets:index",
            asset_index.asset_index,
            ai.AssetIndexView,
            query=ai.IndexQuery,
            conditional=True,
            respond=ai.respond,
        ),
        R("POST", "/assets:byIds", asset_pages.get_assets, ListView(av.AssetView), body=ab.AssetIdsBody),
        R("GET", _ASSET, assets.get_asset, av.AssetDetailView),
        R("PATCH", _ASSET, assets.update_asset, av.AssetDetailView, body=ab.UpdateAssetBody),
        R("GET", f"{_ASSET}/signals", signals.get_signals, gv.SignalsView),
        R("GET", f"{_PROJECT}/filmstrip", filmstrip.filmstrip, PageView(gv.FilmFrameView), query=b.PageQuery),
        R("POST", f"{_ASSET}/ratings", ratings.rate_asset, av.RatingView, body=ab.UpsertRatingBody),
        R("POST", f"{_PROJECT}/assets:trash", trash.trash_assets, v.CountView, body=ab.AssetIdsBody),
        R("POST", f"{_PROJECT}/assets:restore", trash.restore_assets, v.CountView, body=ab.AssetIdsBody),
        R("POST", f"{_PROJECT}/assets:purge", trash.purge_assets, v.CountView, body=ab.AssetIdsBody),
        R("POST", f"{_PROJECT}/assets:retry", trash.retry_assets, v.CountView, body=ab.AssetIdsBody),
        R("GET", f"{_ASSET}/sidecar", sidecars.asset_sidecar, rs.SidecarView, respond=rs.respond),
        R("POST", "/assets:pair", pairs.pair_assets, av.AssetDetailView, body=ab.PairBody),
        R("POST", f"{_ASSET}/unpair", pairs.unpair_asset, av.AssetDetailView),
        R("POST", f"{_PROJECT}/ratings:bulk", ratings.rate_assets, v.CountView, body=ab.RateAssetsBody),
        R("GET", f"{_ASSET}/files", media.list_asset_files, mv.AssetFilesView),
        R("GET", f"{_PROJECT}/media:grant", media.media_grant, mv.MediaGrantView),
        R("POST", f"{_ASSET}/renditions", renders.render_asset, mv.RenderingView, body=mb.RenderBody),
        R("POST", f"{_ASSET}/develop", renders.develop_asset, v.JobView, status=202),
    ),
    *_tagged(
        "Clusters",
        R("GET", f"{_PROJECT}/clusters", clusters.list_clusters, PageView(cv.ClusterView), query=cb.ClustersQuery),
        R("POST", "/clusters:byIds", clusters.get_clusters, ListView(cv.ClusterView), body=cb.ClusterIdsBody),
        R("GET", _CLUSTER, clusters.get_cluster, cv.ClusterDetailView),
        R("PATCH", _CLUSTER, cluster_edits.update_cluster, cv.ClusterView, body=kb.UpdateClusterBody),
        R("POST", f"{_CLUSTER}/winner", cluster_edits.set_winner, cv.ClusterView, body=kb.SetWinnerBody),
        R("POST", f"{_CLUSTER}:lock", cluster_edits.lock_cluster, cv.ClusterView),
        R("POST", f"{_CLUSTER}:unlock", cluster_edits.unlock_cluster, cv.ClusterView),
        R("POST", f"{_CLUSTER}:reject", cluster_edits.reject_cluster, cv.ClusterView),
        R("POST", f"{_CLUSTER}:split", cluster_edits.split_cluster, ListView(cv.ClusterView), body=kb.SplitBody),
        R("POST", f"{_CLUSTER}:move", cluster_edits.move_assets, ListView(cv.ClusterView), body=kb.MoveBody),
        R("POST", "/clusters:merge", cluster_edits.merge_clusters, cv.ClusterView, body=kb.MergeBody),
        R("GET", f"{_PROJECT}/grouping", clusters.get_grouping, cv.GroupingView),
        R(
            "POST",
            f"{_PROJECT}/grouping:setClockOffset",
            clocks.set_clock_offset,
            ListView(cv.CameraClockView),
            body=cb.ClockOffsetBody,
        ),
    ),
    *_tagged(
        "Models",
        R("GET", "/models", embeddings.list_models, ListView(ev.ModelView)),
        R("GET", "/embeddingSpaces", embeddings.list_embedding_spaces, ListView(ev.EmbeddingSpaceView)),
        R("GET", "/modelCards", model_cards.list_model_cards, ListView(rv.ModelCardView)),
        R("GET", "/modelCards:byName", model_cards.get_model_card, rv.ModelCardView, query=rb.ModelCardQuery),
    ),
    *_tagged(
        "Rankers",
        R("GET", "/me/ranker", rankers.get_ranker, rv.RankerView),
        R("PATCH", "/me/ranker", rankers.set_ranker_enabled, rv.RankerView, body=rb.RankerBody),
        R("POST", "/me/ranker:reset", rankers.reset_ranker, rv.RankerView),
        R("GET", "/me/consents", consents.list_consents, ListView(rv.ConsentView)),
        R("PUT", "/me/consents", consents.set_consent, rv.ConsentView, body=rb.ConsentBody),
    ),
    *_tagged(
        "Culling",
        R(
            "POST",
            f"{_PROJECT}/cull:applyAction",
            culling.apply_cull_action,
            kv.CullAppliedView,
            body=kb.BulkCullActionBody,
            max_body=kb.MAX_ACTIONS,
        ),
        R("POST", f"{_PROJECT}/cull:undo", cull_undo.undo_cull, kv.CullTurnView),
        R("POST", f"{_PROJECT}/cull:redo", cull_undo.redo_cull, kv.CullTurnView),
        R(
            "GET",
            f"{_PROJECT}/cull:actions",
            cull_undo.list_cull_actions,
            PageView(kv.CullStepView),
            query=b.PageQuery,
        ),
        R("POST", f"{_PROJECT}/cull:planAuto", auto_cull.plan_auto_cull, ac.AutoCullPlanView, body=ac.AutoCullBody),
        R(
            "POST",
            f"{_PROJECT}/cull:applyAuto",
            auto_cull.apply_auto_cull,
            ac.AutoCulledView,
            body=ac.ApplyAutoCullBody,
        ),
        R(
            "GET",
            f"{_PROJECT}/cull:statistics",
            cull_statistics.get_cull_statistics,
            cs.CullStatisticsView,
            query=cs.CullStatisticsQuery,
        ),
    ),
    *_tagged("Client choices", *delivery_routes.CHOICES),
    *_tagged("Exports", *delivery_routes.EXPORTS),
    *_tagged("Galleries", *gallery_routes.GALLERIES),
    *_tagged("Shared galleries", *share_routes.SHARED),
    *_tagged("Gallery guests", *share_routes.GUESTS),
    *_tagged(
        "Jobs",
        R("GET", f"{_PROJECT}/jobs", jobs.list_jobs, PageView(v.JobView), query=b.JobsQuery),
        R("POST", f"{_PROJECT}/jobs:retryFailed", jobs.retry_failed_jobs, v.CountView),
        R("POST", f"{_PROJECT}/jobs:drill", jobs.start_drill, v.JobView, body=b.DrillBody, status=202),
        R("GET", "/jobs/{jobId}", jobs.get_job, v.JobView),
        R("POST", "/jobs/{jobId}/cancel", jobs.cancel_job, v.JobView),
        R("POST", "/jobs/{jobId}/retry", jobs.retry_job, v.JobView),
    ),
    *_tagged("Webhooks", *delivery_routes.WEBHOOKS),
]
