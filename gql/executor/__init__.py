"""Compiled execution: the same answers as graphql-core's, at the speed of the HTTP stack.

`collect` finds the fields, `arguments` what they ask, `links` how they reach other documents,
`render` generates the functions that make answers, `compile` puts a plan together, `execution` runs
it, `rows` caches rendered documents, and `pipeline` decides how a request is executed.
"""

from .compiled_executor import CompiledExecutor

__all__ = ["CompiledExecutor"]
