"""The generator: seeded random operations over the schema, as clients write them."""

from tests.benchmarks.http.operations.generate import STRATA, generate
from tests.benchmarks.http.operations.operation import SUBSTRING_KINDS, Operation

__all__ = ["STRATA", "SUBSTRING_KINDS", "Operation", "generate"]
