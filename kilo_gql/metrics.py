"""Prometheus metrics of one process. Gauges about the database are read when they are scraped."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _Counts(Protocol):
    @property
    def subscriptions(self) -> int: ...


class _Fanout(Protocol):
    @property
    def counts(self) -> _Counts: ...


class Sockets(Protocol):
    """Who knows how many websockets and subscriptions are open."""

    @property
    def sockets(self) -> int: ...

    @property
    def fanout(self) -> _Fanout: ...


class Metrics:
    """A registry of its own, so that two applications in one process do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("kilo_requests_total", "HTTP requests.", ["door", "status"], registry=self.registry)
        self.seconds = Histogram(
            "kilo_request_seconds", "Time to answer.", ["door"], buckets=_SECONDS, registry=self.registry
        )
        self.queued = Gauge("kilo_jobs_queued", "Jobs that wait.", ["queue"], registry=self.registry)
        self.queue_lag = Gauge(
            "kilo_queue_lag_seconds", "Age of the oldest job that could run.", ["queue"], registry=self.registry
        )
        self.event_lag = Gauge(
            "kilo_event_lag_seconds", "Age of the oldest event without a number.", registry=self.registry
        )
        self.sockets = Gauge("kilo_websockets", "Open websockets.", registry=self.registry)
        self.subscriptions = Gauge("kilo_subscriptions", "Subscriptions that are followed.", registry=self.registry)
        self.streams = Gauge("kilo_sse_streams", "Open SSE streams.", registry=self.registry)

    def watch(self, socket: Sockets) -> None:
        """Read the websocket gauges from their owner when they are scraped."""
        self.sockets.set_function(lambda: socket.sockets)
        self.subscriptions.set_function(lambda: socket.fanout.counts.subscriptions)

    def render(self) -> bytes:
        return generate_latest(self.registry)
