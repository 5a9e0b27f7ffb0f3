"""The interface of middleware, CORS and security headers."""
