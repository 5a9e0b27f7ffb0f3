"""What a whole operation is compiled into, and for how long it is tried."""

from __future__ import annotations

from typing import Any

import orjson

from .arguments import Variables, remember
from .plan import ObjectPlan

MAX_BAILS = 10
"""A plan that has handed on more than these, and more than half of its requests, is given up."""


def _around(root: ObjectPlan) -> tuple[bytes, bytes]:
    mark = orjson.Fragment(b"\0")  # which no JSON has
    [data] = root.render((None,), [mark])
    before, after = orjson.dumps({"data": data}).split(b"\0")
    return before, after


class OperationPlan:
    """A whole operation. `checked`: the variables whose values are coerced before it runs, but for
    texts that were sent for one of `texts`.

    `around`: where the root has one link, the JSON before and behind its value.
    """

    __slots__ = ("__weakref__", "_checked", "around", "bails", "checked", "root", "runs", "texts")

    def __init__(self, root: ObjectPlan, checked: tuple[str, ...], texts: frozenset[str]) -> None:
        self.root = root
        self.around = _around(root) if len(root.links) == 1 else None
        self.checked = checked
        self.texts = texts
        self._checked: dict[Any, None] = {}
        self.runs = 0
        self.bails = 0

    def takes_request(self) -> bool:
        """Whether to run the plan for one more request, or to leave it to the reference.

        Counted in any case, so that a plan which was given up is tried again some day: somebody's
        wrong cursors must not slow it down for everyone and for good.
        """
        self.runs += 1
        return self.bails <= MAX_BAILS or self.bails * 2 <= self.runs

    def check(self, variables: Variables) -> None:
        """See that all variables fit the operation. Raises: SurpriseError: they do not.

        Fields that a request leaves out do not coerce their variables, and the reference does.
        """
        if variables.checked or not self.checked:
            return
        if not (self.texts.issuperset(self.checked) and variables.are_texts(self.checked)):
            key = variables.key(self.checked)
            if key not in self._checked:
                _ = variables.coerced
                remember(self._checked, key, None)
        variables.checked = True
