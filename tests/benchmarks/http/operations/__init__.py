"""The operation generator: random operations over the schema, in the styles of clients."""

from tests.benchmarks.http.operations.generate import STRATA, generate
from tests.benchmarks.http.operations.operation import SUBSTRING_KINDS, GeneratedOperation

__all__ = ["STRATA", "SUBSTRING_KINDS", "GeneratedOperation", "generate"]
