"""The server: what newsgraph changes in uvicorn, below ASGI.

uvicorn is given `gql.server.direct_protocol` and `gql.server.websocket_protocol` by name; they
stand on what is here.
"""

from .connection import Part
from .graceful_shutdown import GracefulServer, Supervisor
from .http1 import Http1Protocol
from .websocket_input import FairInputProtocol

__all__ = ["FairInputProtocol", "GracefulServer", "Http1Protocol", "Part", "Supervisor"]
