"""Step 5: the room for all that is kept, and who makes way for whom."""

from __future__ import annotations

from weakref import WeakSet

from .fragments import DocumentFragments


class FragmentCache:
    """All kept results together, within `capacity_bytes`. `clock`: the time, in results that came.

    Room is made at the cost of the plan that was not used for longest, its oldest results first.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self.clock = 0
        self.sections = WeakSet[DocumentFragments]()  # those that hold something
        self._version = ""
        self._at_version = WeakSet[DocumentFragments]()

    def turn_to(self, version: str, section: DocumentFragments) -> None:
        """A plan is used for a state. When it is another one, all plans let go of the last: pages
        and lists that are kept hold on to a whole store, whether or not their plan is used again.
        """
        if version != self._version:
            for other in self._at_version:
                other.forget_state()
            self._at_version = WeakSet()
            self._version = version
        self._at_version.add(section)

    def __len__(self) -> int:
        return sum(len(section.entries) for section in self.sections)

    def grow(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count what is new, and make room for it."""
        self.sections.add(section)
        self.clock += 1
        self.size_bytes += size_bytes
        section.size_bytes += size_bytes
        if self.size_bytes > self.capacity_bytes:
            self._make_room()

    def shrink(self, section: DocumentFragments, size_bytes: int) -> None:
        """Count what is gone."""
        self.size_bytes -= size_bytes
        section.size_bytes -= size_bytes
        if not section.size_bytes:
            self.sections.discard(section)

    def _make_room(self) -> None:
        # A tenth more than needed, so that a full cache does not sort its plans at every result.
        goal = self.capacity_bytes * 9 // 10
        for section in sorted(self.sections, key=lambda each: each.used):
            if self.size_bytes <= goal:
                return
            section.make_room(self.size_bytes - goal)
