"""The generator: seeded random operations over the schema, as clients write them."""

from .generate import STRATA, generate
from .operation import SUBSTRING_KINDS, Operation

__all__ = ["STRATA", "SUBSTRING_KINDS", "Operation", "generate"]
