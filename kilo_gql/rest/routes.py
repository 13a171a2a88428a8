"""The route table: which documented path is which operation. Everything REST can do is on this page."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kilo_gql.domain import api_tokens, auth, invitations, jobs, members, projects, sessions, studios, users
from kilo_gql.rest import bodies as b
from kilo_gql.rest import views as v
from kilo_gql.rest.machinery import RestRoute as R
from kilo_gql.rest.views import ListView, PageView

_PROJECT = "/projects/{projectId}"
_STUDIO = "/studios/{studioId}"


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
        R("GET", f"{_PROJECT}/stats", projects.get_stats, v.StatsView),
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
        "Jobs",
        R("GET", f"{_PROJECT}/jobs", jobs.list_jobs, PageView(v.JobView), query=b.JobsQuery),
        R("POST", f"{_PROJECT}/jobs:retryFailed", jobs.retry_failed_jobs, v.CountView),
        R("POST", f"{_PROJECT}/jobs:drill", jobs.start_drill, v.JobView, body=b.DrillBody, status=202),
        R("GET", "/jobs/{jobId}", jobs.get_job, v.JobView),
        R("POST", "/jobs/{jobId}/cancel", jobs.cancel_job, v.JobView),
        R("POST", "/jobs/{jobId}/retry", jobs.retry_job, v.JobView),
    ),
]
