"""graphql-core's executor in time slices: it lets others have their turn on the event loop.

The base class completes all that it has in one go. Here an object, and each item of a list, is
completed only while the time slice lasts; the rest goes on in a coroutine, in later slices. So a
small operation is executed as before, and a long one holds the event loop for one slice at a time.

These methods are no public interface of graphql-core. `tests/test_sliced_executor.py` compares them
with those of the base class, and fails where they have come to differ.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from graphql.execution.executor import collect_iterator_awaitables
from graphql.pyutils import gather_with_cancel
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gql.scheduler import Job


class SlicedExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes an operation in the time slices of its context's job.

    Attributes:
        job: what the scheduler gives time slices to.
    """

    job: Job

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.use_context(self.context_value)

    def use_context(self, context: Any) -> None:
        """Execute in this context; one without a job has all slices for itself."""
        self.context_value = context
        self.job = getattr(context, "job", None) or Job()

    def execute_fields(self, *arguments: Any) -> Any:
        """The value of an object; an awaitable where it has to wait for a slice."""
        if self.job.slice_is_over():
            return self._fields_later(arguments)
        return super().execute_fields(*arguments)

    async def _fields_later(self, arguments: tuple[Any, ...]) -> Any:
        await self.job.next_slice()
        fields = super().execute_fields(*arguments)
        return await fields if self.is_awaitable(fields) else fields

    async def complete_awaitable_value(  # noqa: PLR0913, PLR0917  # as in the base class
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Awaitable[Any],
        position_context: Any,
    ) -> Any:
        """The value of a field whose resolver waits: many may have what they need at once."""
        return await super().complete_awaitable_value(
            return_type, field_details_list, info, path, self._in_slice(result), position_context
        )

    async def _in_slice(self, awaitable: Awaitable[Any]) -> Any:
        value = await awaitable
        await self.job.pause()
        return value

    def complete_iterable_value(  # noqa: PLR0913, PLR0917  # as in the base class
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """The values of a list; an awaitable where that takes longer than the slice lasts."""
        completion = _ListCompletion(
            self, (item_type, field_details_list, info), path, iter(items), position_context
        )
        is_complete = completion.advance()
        if is_complete and not completion.awaitable:
            return completion.values
        return completion.finish(is_complete=is_complete)


class _ListCompletion:
    """A list whose items are being completed.

    Attributes:
        values: the items so far, completed or awaitable.
        awaitable: the indices of those that are awaitable.
    """

    __slots__ = ("_arguments", "_executor", "_items", "_path", "_position", "awaitable", "values")

    def __init__(
        self,
        executor: SlicedExecutor,
        arguments: tuple[Any, Any, Any],
        path: Any,
        items: Iterator[Any],
        position: Any,
    ) -> None:
        self._executor = executor
        self._arguments = arguments
        self._path = path
        self._items = items
        self._position = position
        self.values: list[Any] = []
        self.awaitable: list[int] = []

    def advance(self) -> bool:
        """Complete items until the slice is over, one at least; whether there are no more."""
        executor, values, awaitable = self._executor, self.values, self.awaitable
        slice_is_over = executor.job.slice_is_over
        try:
            for item in self._items:
                index = len(values)
                path = self._path.add_key(index, None)
                if executor.is_awaitable(item):
                    values.append(
                        executor.complete_awaitable_list_item_value(
                            item, *self._arguments, path, self._position
                        )
                    )
                    awaitable.append(index)
                elif executor.complete_list_item_value(
                    item, values, *self._arguments, path, self._position
                ):
                    awaitable.append(index)
                if slice_is_over():
                    return False
        except Exception:
            # What was begun goes on to its end in the background, as in the base class.
            begun = [values[index] for index in awaitable]
            begun += collect_iterator_awaitables(self._items, executor.is_awaitable)
            if begun:
                executor.settle_in_background(begun)
            raise
        return True

    async def finish(self, *, is_complete: bool) -> list[Any]:
        """Complete what is left, slice by slice; the values of the whole list."""
        job, values, awaitable = self._executor.job, self.values, self.awaitable
        while not is_complete:
            await job.pause()
            is_complete = self.advance()
        if len(awaitable) == 1:  # without a task of its own
            [index] = awaitable
            values[index] = await values[index]
        elif awaitable:
            completed = await gather_with_cancel(*(values[index] for index in awaitable))
            for index, value in zip(awaitable, completed, strict=True):
                values[index] = value
        return values
