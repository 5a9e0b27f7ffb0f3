"""A capacity limiter: how much of something all clients may hold at once, and each of them.

No client may hold more than its share. Clients without a key together leave a part of the whole to
those that have one: addresses cost nothing, keys are given out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gql.errors import AnonymousCapacityError, CapacityError, ClientShareError
from gql.identity.client import Client

RESERVED_FOR_KEYS = 5
"""One part in so many is left to clients with a key."""


class Capacity:
    """How much of one thing is held, by whom, and how much may be.

    Attributes:
        name: Its name, for metrics.
        what: What it counts, in the plural, for people.
        maximum: How much all clients may hold together.
        share: How much one client may hold.
        taken: How much is held.
        refused: Is told of each refusal: the name, and whose bound was reached (`client`,
            `anonymous` or `server`).
    """

    def __init__(
        self,
        name: str,
        what: str,
        maximum: int,
        share: int,
        refused: Callable[[str, str], None] = lambda _name, _bound: None,
    ) -> None:
        self.name = name
        self.what = what
        self.maximum = maximum
        self.share = min(share, maximum)
        self.taken = 0
        self.refused = refused
        self._open_to_all = maximum - maximum // RESERVED_FOR_KEYS
        self._by_client: Counter[Client] = Counter()
        self._by_anonymous = 0

    @contextmanager
    def hold(self, client: Client, amount: int = 1, *, is_arriving: bool = False) -> Iterator[Hold]:
        """Hold an amount until the block ends.

        `is_arriving`: the client has not said yet whether it has a key, so it may take of what is
        left to those that do. Raises: CapacityError.
        """
        hold = Hold(self, client, amount)
        self.take(client, amount, is_arriving=is_arriving)
        try:
            yield hold
        finally:
            self.give_back(hold.client, amount)

    def take(self, client: Client, amount: int, *, is_arriving: bool = False) -> None:
        """Take an amount for a client. Raises: CapacityError."""
        error = self._refusal(client, amount, is_arriving)
        if error is not None:
            self.refused(self.name, error.bound)
            raise error
        self._by_client[client] += amount
        self.taken += amount
        if client.is_anonymous:
            self._by_anonymous += amount

    def _refusal(self, client: Client, amount: int, is_arriving: bool) -> CapacityError | None:
        """Why a client may not take an amount; None: it may."""
        if self.taken + amount > self.maximum:
            return CapacityError(
                f"This server has its {self.maximum} {self.what} already. Try again later."
            )
        if self._by_client[client] + amount > self.share:
            return ClientShareError(
                f"Each {client.kind} may have {self.share} {self.what} on this server, and this "
                f"one has {self._by_client[client]}. End some subscriptions first."
            )
        is_bounded = client.is_anonymous and not is_arriving
        if is_bounded and self._by_anonymous + amount > self._open_to_all:
            return AnonymousCapacityError(
                f"This server has the {self._open_to_all} {self.what} already that clients without "
                "a key may have together. Try again later, or with a key."
            )
        return None

    def give_back(self, client: Client, amount: int) -> None:
        """Give back what a client took."""
        self.taken -= amount
        self._by_client[client] -= amount
        if not self._by_client[client]:
            del self._by_client[client]
        if client.is_anonymous:
            self._by_anonymous -= amount


class Hold:
    """An amount that is held.

    Attributes:
        client: Who holds it.
    """

    __slots__ = ("_amount", "_capacity", "client")

    def __init__(self, capacity: Capacity, client: Client, amount: int) -> None:
        self.client = client
        self._capacity = capacity
        self._amount = amount

    def settle(self, client: Client) -> None:
        """Hold it for this client, now that it has said whether it has a key.

        Raises: CapacityError: that client may not.
        """
        self._capacity.give_back(self.client, self._amount)
        try:
            self._capacity.take(client, self._amount)
        except CapacityError:
            self._capacity.take(self.client, self._amount, is_arriving=True)
            raise
        self.client = client
