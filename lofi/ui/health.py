"""Whether the app is ready, and its figures for a Prometheus server. Nothing of a film or a patient is in them."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from time import time

from fastapi import APIRouter, Response

_BOUNDS = (0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """Requests by route and status, and how long they took. Routes are those of the list, so there are few."""

    def __init__(self) -> None:
        self.began = time()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._lock = Lock()

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request that was answered; ``route`` "" where it was not let in."""
        with self._lock:
            self._requests[method if route else "", route, status] += 1
            self._seconds += seconds
            for bound in _BOUNDS:
                self._buckets[bound] += seconds <= bound

    def text(self, ready: bool) -> str:
        """In Prometheus' own words."""
        with self._lock:
            requests, buckets, seconds = dict(self._requests), dict(self._buckets), self._seconds
        total = sum(requests.values())
        lines = [
            *("# HELP lofi_ready Whether model and gallery are open.", "# TYPE lofi_ready gauge"),
            f"lofi_ready {int(ready)}",
            *("# HELP lofi_start_time_seconds When the app was started.", "# TYPE lofi_start_time_seconds gauge"),
            f"lofi_start_time_seconds {self.began:.0f}",
            *("# HELP lofi_resident_memory_bytes Memory in use.", "# TYPE lofi_resident_memory_bytes gauge"),
            f"lofi_resident_memory_bytes {resident()}",
            *("# HELP lofi_requests_total Requests answered.", "# TYPE lofi_requests_total counter"),
            *(
                f'lofi_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
                for (method, route, status), count in sorted(requests.items())
            ),
            *("# HELP lofi_request_seconds Time until answered.", "# TYPE lofi_request_seconds histogram"),
            *(f'lofi_request_seconds_bucket{{le="{bound}"}} {buckets.get(bound, 0)}' for bound in _BOUNDS),
            f'lofi_request_seconds_bucket{{le="+Inf"}} {total}',
            f"lofi_request_seconds_sum {seconds:.6f}",
            f"lofi_request_seconds_count {total}",
        ]
        return "\n".join(lines) + "\n"


def resident() -> int:
    """Bytes of memory that this process holds; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096
    except (OSError, ValueError, IndexError):
        return 0


def health_routes(ready: Callable[[], bool], metrics: Metrics) -> APIRouter:
    """``GET /healthz``: 200 once model and gallery are open, 503 before; ``GET /metrics``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/healthz")
    async def healthz() -> Response:
        up = ready()
        return Response("ready\n" if up else "not ready\n", 200 if up else 503, media_type="text/plain; charset=utf-8")

    @router.get("/metrics")
    async def figures() -> Response:
        return Response(metrics.text(ready()), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
