"""nginx and Envoy in front of the same upstream, configured as the rows say; one worker each, as our gateway has."""

import contextlib
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from bench.servers import Peer, free_port, process, program, wait_for

_NGINX = """
worker_processes 1; pid {folder}/pid; error_log stderr crit; daemon off;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream stub {{ server {upstream}; keepalive 64; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://stub; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
_ENVOY = """
static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          route_config:
            virtual_hosts:
            - {{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: "/" }}, route: {{ cluster: stub }} }}] }}
          http_filters:
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                house:
                  issuer: {issuer}
                  audiences: [doorward]
                  forward: true
                  local_jwks: {{ filename: {folder}/jwks.json }}
                  jwt_cache_config: {{ jwt_cache_size: 1000 }}
              rules: [{{ match: {{ prefix: "/" }}, requires: {{ provider_name: house }} }}]
          - name: envoy.filters.http.local_ratelimit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {{ max_tokens: 1000000000, tokens_per_fill: 1000000000, fill_interval: 60s }}
              filter_enabled: {{ default_value: {{ numerator: 100, denominator: HUNDRED }} }}
              filter_enforced: {{ default_value: {{ numerator: 100, denominator: HUNDRED }} }}
          - name: envoy.filters.http.router
            typed_config: {{ "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }}
  clusters:
  - name: stub
    type: STATIC
    load_assignment:
      cluster_name: stub
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {upstream_port} }} }} }}
"""


@contextlib.contextmanager
def nginx(upstream: str) -> Iterator[Peer | None]:
    """A plain hop, or None where there is no nginx."""
    found = program("nginx", "nginx/usr/sbin/nginx") or program("/usr/sbin/nginx")
    if found is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        config = Path(folder) / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, upstream=upstream.removeprefix("http://"), port=port))
        with process([found, "-c", str(config), "-p", folder, "-e", "stderr"]) as started:
            yield _ready(port, started.pid)


@contextlib.contextmanager
def envoy(upstream: str, issuer: str) -> Iterator[Peer | None]:
    """A hop with JWT verification (cached) and a local rate limit, or None where there is no Envoy."""
    found = program("envoy", "envoy/envoy/_bin/envoy", "venv/lib/*/site-packages/envoy/_bin/envoy")
    if found is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        keys = urllib.request.urlopen(f"{issuer}/.well-known/jwks.json", timeout=10).read()  # noqa: S310  # loopback
        (Path(folder) / "jwks.json").write_bytes(keys)
        config = Path(folder) / "envoy.yaml"
        upstream_port = upstream.rpartition(":")[2]
        config.write_text(_ENVOY.format(folder=folder, issuer=issuer, upstream_port=upstream_port, port=port))
        command = [found, "-c", str(config), "--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id"]
        with process(command) as started:
            yield _ready(port, started.pid)


def _ready(port: int, pid: int) -> Peer:
    url = f"http://127.0.0.1:{port}"
    wait_for(url)
    return Peer(url, pid)
