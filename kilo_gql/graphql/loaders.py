"""One batch instead of many reads: made anew for each request, each batch an operation of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from kilo_gql.access import Actor
from kilo_gql.domain import assets, client_choices, clusters, project_stats, signals, users
from kilo_gql.domain.asset_rows import AssetDetail, AssetRow
from kilo_gql.domain.cluster_rows import ClusterDetail, ClusterRow
from kilo_gql.models import Job, User
from kilo_gql.operations import Operation, Throat

V = TypeVar("V")


class Loaders:
    """Named ``<things>_by_<key>``; a loader is made when it is first asked for."""

    def __init__(self, throat: Throat, actor: Actor) -> None:
        self._throat = throat
        self._actor = actor

    def _batch(self, operation: Operation[list[V]]) -> Callable[[list[Any]], Awaitable[list[V]]]:
        async def load(keys: list[Any]) -> list[V]:
            return (await self._throat.execute(self._actor, operation, keys)).value

        return load

    @cached_property
    def details_by_asset(self) -> DataLoader[UUID, AssetDetail | None]:
        return DataLoader(self._batch(assets.details_by_asset))

    @cached_property
    def assets_by_id(self) -> DataLoader[UUID, AssetRow | None]:
        return DataLoader(self._batch(assets.assets_by_id))

    @cached_property
    def clusters_by_asset(self) -> DataLoader[UUID, list[ClusterRow]]:
        return DataLoader(self._batch(clusters.clusters_by_asset))

    @cached_property
    def details_by_cluster(self) -> DataLoader[UUID, ClusterDetail | None]:
        return DataLoader(self._batch(clusters.details_by_cluster))

    @cached_property
    def companions_by_asset(self) -> DataLoader[UUID, list[AssetRow]]:
        return DataLoader(self._batch(assets.companions_by_asset))

    @cached_property
    def failed_jobs_by_asset(self) -> DataLoader[UUID, list[Job]]:
        return DataLoader(self._batch(assets.failed_jobs_by_asset))

    @cached_property
    def signals_by_asset(self) -> DataLoader[UUID, signals.Signals | None]:
        return DataLoader(self._batch(signals.signals_by_asset))

    @cached_property
    def choices_by_asset(self) -> DataLoader[UUID, client_choices.ClientChoices]:
        return DataLoader(self._batch(client_choices.choices_by_asset))

    @cached_property
    def stats_by_project(self) -> DataLoader[UUID, project_stats.Stats]:
        return DataLoader(self._batch(project_stats.stats_by_project))

    @cached_property
    def users_by_id(self) -> DataLoader[UUID, User | None]:
        return DataLoader(self._batch(users.users_by_id))
