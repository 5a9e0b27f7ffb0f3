"""A capacity limiter: how much of a resource all clients together, and each of them, may use.

No client may use more than its share. Clients without a key leave a part of the capacity to those
with a key: addresses cost nothing, keys are given out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gql.errors import AnonymousCapacityError, CapacityError, ClientShareError
from gql.identity.client import Client

RESERVED_FOR_KEYS = 5
"""This fraction of the capacity (1/5) is reserved for clients with a key."""


class CapacityLimiter:
    """A limiter of one resource: its capacity, and the share of each client.

    Attributes:
        name: The resource's name in metrics.
        plural: The resource in the plural, for messages.
        maximum: The capacity for all clients together.
        share: The capacity for one client.
        in_use: The amount that is reserved now.
        on_refusal: A callback for each refusal, with the name and the limit that was reached
            (`client`, `anonymous` or `server`).
    """

    def __init__(
        self,
        name: str,
        plural: str,
        maximum: int,
        share: int,
        on_refusal: Callable[[str, str], None] = lambda _name, _bound: None,
    ) -> None:
        self.name = name
        self.plural = plural
        self.maximum = maximum
        self.share = min(share, maximum)
        self.in_use = 0
        self.on_refusal = on_refusal
        self._open_to_all = maximum - maximum // RESERVED_FOR_KEYS
        self._by_client: Counter[Client] = Counter()
        self._by_anonymous = 0

    @contextmanager
    def reserve(
        self, client: Client, amount: int = 1, *, is_unidentified: bool = False
    ) -> Iterator[Reservation]:
        """Reserve an amount until the block ends.

        `is_unidentified`: the client may still send a key, so it may use the capacity that is
        reserved for clients with a key. Raises: CapacityError.
        """
        reservation = Reservation(self, client, amount)
        self.acquire(client, amount, is_unidentified=is_unidentified)
        try:
            yield reservation
        finally:
            self.release(reservation.client, amount)

    def acquire(self, client: Client, amount: int, *, is_unidentified: bool = False) -> None:
        """Acquire an amount for a client. Raises: CapacityError."""
        error = self._refusal(client, amount, is_unidentified)
        if error is not None:
            self.on_refusal(self.name, error.bound)
            raise error
        self._by_client[client] += amount
        self.in_use += amount
        if client.is_anonymous:
            self._by_anonymous += amount

    def _refusal(self, client: Client, amount: int, is_unidentified: bool) -> CapacityError | None:
        """The error for a client that may not acquire an amount; None if it may."""
        if self.in_use + amount > self.maximum:
            return CapacityError(
                f"This server has its {self.maximum} {self.plural} already. Try again later."
            )
        if self._by_client[client] + amount > self.share:
            return ClientShareError(
                f"Each {client.kind} may have {self.share} {self.plural} on this server, and this "
                f"one has {self._by_client[client]}. End some subscriptions first."
            )
        is_bounded = client.is_anonymous and not is_unidentified
        if is_bounded and self._by_anonymous + amount > self._open_to_all:
            return AnonymousCapacityError(
                f"This server has the {self._open_to_all} {self.plural} already that clients "
                "without a key may have together. Try again later, or with a key."
            )
        return None

    def release(self, client: Client, amount: int) -> None:
        """Release an amount of a client."""
        self.in_use -= amount
        self._by_client[client] -= amount
        if not self._by_client[client]:
            del self._by_client[client]
        if client.is_anonymous:
            self._by_anonymous -= amount


class Reservation:
    """A reserved amount.

    Attributes:
        client: The client it is counted for.
    """

    __slots__ = ("_amount", "_limiter", "client")

    def __init__(self, limiter: CapacityLimiter, client: Client, amount: int) -> None:
        self.client = client
        self._limiter = limiter
        self._amount = amount

    def transfer(self, client: Client) -> None:
        """Count the amount for another client, once this one is authenticated.

        Raises: CapacityError: the share of that client is used up.
        """
        self._limiter.release(self.client, self._amount)
        try:
            self._limiter.acquire(client, self._amount)
        except CapacityError:
            self._limiter.acquire(self.client, self._amount, is_unidentified=True)
            raise
        self.client = client
