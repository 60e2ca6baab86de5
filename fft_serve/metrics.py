"""Counters for Prometheus, of one app."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The counters of an app: no label has a value of a request, so that their number is limited."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        names = ["method", "route", "status"]
        self.requests = Counter("fft_serve_requests", "Requests.", names, registry=self.registry)
        self.seconds = Histogram(
            "fft_serve_request_seconds", "Seconds to the end of the answer.", ["route"], buckets=_SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.running = Gauge("fft_serve_requests_running", "Requests that are answered now.", registry=self.registry)
        self.rows = Counter("fft_serve_rows", "Rows that were sent.", ["model"], registry=self.registry)
        self.broken = Gauge(
            "fft_serve_project_broken", "1 while the files of the project have errors.", registry=self.registry
        )

    def response(self) -> Response:
        """Return all counters in the text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)
