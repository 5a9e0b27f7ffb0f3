"""The server below ASGI: uvicorn with limits, time-outs, back-pressure and graceful shutdown.

uvicorn gets the classes of `direct_protocol` and `websocket_protocol`; the other modules are their
bases.
"""

from .connection import RequestPart
from .graceful_shutdown import GracefulServer, Supervisor
from .http1 import Http1Protocol
from .websocket_input import FairInputProtocol

__all__ = ["FairInputProtocol", "GracefulServer", "Http1Protocol", "RequestPart", "Supervisor"]
