"""graphql-core's executor in time slices: it shares the event loop with other requests.

The base class completes an object or a list without a pause. Here an object, and each item of a
list, is completed only while the time slice lasts. The rest continues in a coroutine, in later
slices. So a small operation is executed as in the base class, and a long one blocks the event loop
for one slice at a time.

These methods are no public interface of graphql-core; see `gql.adapters.graphql_core`. Tests
compare the results with those of the base class.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from gql.adapters.graphql_core import (
    break_executor_cycle,
    collect_iterator_awaitables,
    gather_with_cancel,
)
from gql.adapters.strawberry import ExecutionContext
from gql.scheduler import Job

_execute_fields = ExecutionContext.execute_fields
"""The method of the base class. `super()` for each object would take as long as the clock."""


class SlicedExecutor(ExecutionContext):
    """Executes an operation in the time slices of its context's job.

    Attributes:
        job: Gets the time slices.
    """

    job: Job

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        break_executor_cycle(self)
        self.use_context(self.context_value)

    def use_context(self, context: Any) -> None:
        """Set the context; without a job there, the executor has a scheduler of its own."""
        self.context_value = context
        self.job = getattr(context, "job", None) or Job()

    def execute_fields(
        self,
        parent_type: Any,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> Any:
        """Execute the fields of an object; an awaitable where it has to wait for a slice."""
        if self.job.slice_is_over():
            return self._fields_later(
                parent_type, source_value, path, grouped_field_set, position_context
            )
        return _execute_fields(
            self, parent_type, source_value, path, grouped_field_set, position_context
        )

    async def _fields_later(self, *arguments: Any) -> Any:
        await self.job.next_slice()
        fields = _execute_fields(self, *arguments)
        return await fields if self.is_awaitable(fields) else fields

    async def complete_awaitable_value(  # noqa: PLR0913, PLR0917
        self,
        return_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        result: Awaitable[Any],
        position_context: Any,
    ) -> Any:
        """Complete the value of a field whose resolver waits. Many may be resolved at once."""
        try:
            resolved = await result
            if self.job.slice_is_over():
                await self.job.next_slice()
            completed = self.complete_value(
                return_type, field_details_list, info, path, resolved, position_context
            )
            return await completed if self.is_awaitable(completed) else completed
        except Exception as error:  # noqa: BLE001  # as in the base class
            self.handle_field_error(error, return_type, field_details_list, path)
            return None

    def complete_iterable_value(  # noqa: PLR0913, PLR0917
        self,
        item_type: Any,
        field_details_list: Any,
        info: Any,
        path: Any,
        items: Iterable[Any],
        position_context: Any,
    ) -> Any:
        """Complete the items of a list; returns an awaitable if that outlasts the slice."""
        completion = _ListCompletion(
            self, (item_type, field_details_list, info), path, iter(items), position_context
        )
        is_complete = completion.advance()
        if is_complete and not completion.awaitable:
            return completion.values
        return completion.finish(is_complete=is_complete)


class _ListCompletion:
    """The completion of a list.

    Attributes:
        values: The items so far, completed or awaitable.
        awaitable: The indices of awaitable items.
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
        """Complete one item or more, until the slice is over; return whether the list ended."""
        executor, values, awaitable = self._executor, self.values, self.awaitable
        item_type, field_details_list, info = self._arguments
        list_path, position = self._path, self._position
        is_awaitable, complete_item = executor.is_awaitable, executor.complete_list_item_value
        slice_is_over = executor.job.slice_is_over
        index = len(values)
        try:
            for item in self._items:
                path = list_path.add_key(index, None)
                if is_awaitable(item):
                    values.append(
                        executor.complete_awaitable_list_item_value(
                            item, item_type, field_details_list, info, path, position
                        )
                    )
                    awaitable.append(index)
                elif complete_item(
                    item, values, item_type, field_details_list, info, path, position
                ):
                    awaitable.append(index)
                index += 1
                if slice_is_over():
                    return False
        except Exception:
            # Started awaitables are settled in the background, as in the base class.
            started = [values[index] for index in awaitable]
            started += collect_iterator_awaitables(self._items, executor.is_awaitable)
            if started:
                executor.settle_in_background(started)
            raise
        return True

    async def finish(self, *, is_complete: bool) -> list[Any]:
        """Complete the rest of the list in further slices; return all values."""
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
