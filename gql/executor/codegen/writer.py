"""Step 4: code generation, one Python function for each selection on an object.

A function reads the fields of a document, checks each as graphql-core does (type, range, non-null)
and builds the response object. Values of links are parameters, rendered before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class FunctionWriter:
    """Writes a function: its lines, and the global values that it refers to.

    Attributes:
        lines: The lines of the function's body.
        globals: The values that it refers to, by name.
    """

    def __init__(self, globals: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self.globals = dict(globals)
        self._count = 0

    def new_name(self, prefix: str, value: Any = None) -> str:
        """A new name for a local variable, or for a global value."""
        self._count += 1
        name = f"{prefix}{self._count}"
        if value is not None:
            self.globals[name] = value
        return name

    def line(self, depth: int, code: str) -> None:
        """Add a line to the body; a depth of 0 is the function's own."""
        self.lines.append("    " * (depth + 1) + code)

    def compile(self, parameters: list[str]) -> Callable[..., Any]:
        """Compile the function."""
        source = "\n".join([f"def render({', '.join(parameters)}):", *self.lines])
        exec(compile(source, "<plan>", "exec"), self.globals)  # noqa: S102  # our own text: response keys and names are validated and quoted
        return self.globals.pop("render")  # type: ignore[no-any-return]  # in its globals it would be a reference cycle
