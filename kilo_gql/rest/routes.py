"""The route table: which documented path is which operation. Everything REST can do is on this page."""

from __future__ import annotations

from typing import Final

from kilo_gql.domain import api_tokens, auth, invitations, jobs, members, projects, sessions, studios, users
from kilo_gql.rest import bodies as b
from kilo_gql.rest import views as v
from kilo_gql.rest.machinery import RestRoute
from kilo_gql.rest.views import ListView, PageView

_PROJECT = "/projects/{projectId}"
_STUDIO = "/studios/{studioId}"

ROUTES: Final[list[RestRoute]] = [
    # --- Auth ---
    RestRoute("POST", "/auth/login", auth.start_login, v.LoginStartedView, body=b.LoginStartBody, tag="Auth"),
    RestRoute(
        "POST", "/auth/verify", auth.verify_login, v.SignedInView, body=b.LoginVerifyBody, device=True, tag="Auth"
    ),
    RestRoute("POST", "/auth/refresh", sessions.refresh, v.SignedInView, body=b.RefreshBody, tag="Auth"),
    RestRoute("POST", "/auth/logout", sessions.sign_out, v.NoView, status=204, tag="Auth"),
    RestRoute("GET", "/me", users.me, v.UserView, tag="Auth"),
    RestRoute("PATCH", "/me", users.update_me, v.UserView, body=b.UpdateMeBody, tag="Auth"),
    RestRoute("GET", "/auth/sessions", sessions.list_sessions, ListView(v.SessionView), tag="Auth"),
    RestRoute("DELETE", "/auth/sessions/{sessionId}", sessions.revoke_session, v.NoView, status=204, tag="Auth"),
    RestRoute("GET", "/auth/tokens", api_tokens.list_api_tokens, ListView(v.ApiTokenView), tag="Auth"),
    RestRoute(
        "POST", "/auth/tokens", api_tokens.create_api_token, v.NewApiTokenView, body=b.CreateApiTokenBody, status=201,
        tag="Auth",
    ),
    RestRoute("DELETE", "/auth/tokens/{tokenId}", api_tokens.revoke_api_token, v.NoView, status=204, tag="Auth"),
    # --- Projects ---
    RestRoute("GET", "/projects", projects.list_projects, PageView(v.ProjectView), query=b.ProjectsQuery, tag="Projects"),
    RestRoute(
        "POST", "/projects", projects.create_project, v.ProjectView, body=b.CreateProjectBody, status=201,
        tag="Projects",
    ),
    RestRoute("GET", _PROJECT, projects.get_project, v.ProjectView, tag="Projects"),
    RestRoute("PATCH", _PROJECT, projects.update_project, v.ProjectView, body=b.UpdateProjectBody, tag="Projects"),
    RestRoute("DELETE", _PROJECT, projects.delete_project, v.ProjectView, tag="Projects"),
    RestRoute("POST", f"{_PROJECT}/archive", projects.archive_project, v.ProjectView, tag="Projects"),
    RestRoute("POST", f"{_PROJECT}/restore", projects.restore_project, v.ProjectView, tag="Projects"),
    RestRoute("GET", f"{_PROJECT}/stats", projects.get_stats, v.StatsView, tag="Projects"),
    # --- Members ---
    RestRoute("GET", f"{_PROJECT}/members", members.list_members, ListView(v.MemberView), tag="Members"),
    RestRoute(
        "PUT", f"{_PROJECT}/members/{{userId}}", members.set_member_role, v.MemberView, body=b.RoleBody, tag="Members"
    ),
    RestRoute("DELETE", f"{_PROJECT}/members/{{userId}}", members.remove_member, v.NoView, status=204, tag="Members"),
    RestRoute("GET", f"{_PROJECT}/invitations", invitations.list_invitations, ListView(v.InvitationView), tag="Members"),
    RestRoute(
        "POST", f"{_PROJECT}/invitations", invitations.invite_member, v.InvitationView, body=b.InviteBody, status=201,
        tag="Members",
    ),
    RestRoute("DELETE", "/invitations/{invitationId}", invitations.revoke_invitation, v.NoView, status=204, tag="Members"),
    RestRoute("POST", "/invitations:accept", invitations.accept_invitation, v.MemberView, body=b.AcceptBody, tag="Members"),
    # --- Studios ---
    RestRoute("GET", "/studios", studios.list_studios, PageView(v.StudioView), query=b.PageQuery, tag="Studios"),
    RestRoute("POST", "/studios", studios.create_studio, v.StudioView, body=b.StudioBody, status=201, tag="Studios"),
    RestRoute("PATCH", _STUDIO, studios.rename_studio, v.StudioView, body=b.StudioBody, tag="Studios"),
    RestRoute("GET", f"{_STUDIO}/members", studios.list_studio_members, ListView(v.StudioMemberView), tag="Studios"),
    RestRoute(
        "POST", f"{_STUDIO}/members", studios.add_studio_member, v.StudioMemberView, body=b.StudioMemberBody,
        status=201, tag="Studios",
    ),
    RestRoute("GET", _STUDIO, studios.get_studio, v.StudioView, tag="Studios"),
    RestRoute(
        "PUT", f"{_STUDIO}/members/{{userId}}", studios.set_studio_role, v.StudioMemberView, body=b.RoleBody,
        tag="Studios",
    ),
    RestRoute(
        "DELETE", f"{_STUDIO}/members/{{userId}}", studios.remove_studio_member, v.NoView, status=204, tag="Studios"
    ),
    # --- Jobs ---
    RestRoute("GET", f"{_PROJECT}/jobs", jobs.list_jobs, PageView(v.JobView), query=b.JobsQuery, tag="Jobs"),
    RestRoute("POST", f"{_PROJECT}/jobs:retryFailed", jobs.retry_failed_jobs, v.CountView, tag="Jobs"),
    RestRoute(
        "POST", f"{_PROJECT}/jobs:drill", jobs.start_drill, v.JobView, body=b.DrillBody, status=202, tag="Jobs"
    ),
    RestRoute("GET", "/jobs/{jobId}", jobs.get_job, v.JobView, tag="Jobs"),
    RestRoute("POST", "/jobs/{jobId}/cancel", jobs.cancel_job, v.JobView, tag="Jobs"),
    RestRoute("POST", "/jobs/{jobId}/retry", jobs.retry_job, v.JobView, tag="Jobs"),
]  # fmt: skip
