"""The Prometheus metrics that `/metrics` returns. The only package that imports prometheus-client.

Every application has a registry of its own. If `PROMETHEUS_MULTIPROC_DIR` is set before this is
imported, several processes count into files in that folder, and each returns the sums of all.
https://prometheus.github.io/client_python/multiprocess/
"""

from .graphql import MAX_OPERATIONS
from .metrics import MULTIPROCESS_FOLDER, Metrics

__all__ = ["MAX_OPERATIONS", "MULTIPROCESS_FOLDER", "Metrics"]
