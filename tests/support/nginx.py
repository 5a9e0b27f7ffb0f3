"""An nginx of the machine as a caching reverse proxy, configured as its users do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
_STOP_TIMEOUT_S = 10

# `proxy_cache_valid` makes nginx store all that does not forbid it, errors, too.
_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=news:1m max_size=50m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_cache news;
            proxy_cache_valid any 1m;
            proxy_cache_revalidate on;
            proxy_cache_use_stale error timeout updating http_500 http_503;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


@contextmanager
def run_nginx(upstream: str, folder: Path) -> Iterator[str]:
    """Run a caching proxy in front of a server until the block ends; its base URL.

    Skips loudly where nginx is not installed.
    """
    if _NGINX is None:
        pytest.skip("NGINX IS NOT INSTALLED: caching by a proxy is not tested")
    user = "user root;" if os.geteuid() == 0 else ""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        text = _CONFIGURATION.format(user=user, folder=folder, port=port, upstream=upstream)
        (folder / "nginx.conf").write_text(text)
        process = subprocess.Popen(
            [_NGINX, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
            # nginx takes over sockets that listen, as it does when it is upgraded.
            env={**os.environ, "NGINX": f"{listener.fileno()};"},
            pass_fds=[listener.fileno()],
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_STOP_TIMEOUT_S)
