"""A TCP balancer in front of several machines: HAProxy, which asks each machine whether uploads should come to it."""

import shutil
from pathlib import Path

CONF = """
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 2s
    timeout check 10s
    timeout client 60s
    timeout server 60s
    retries 2
    option redispatch
frontend outside
    bind 127.0.0.1:{port}
    default_backend machines
backend machines
    balance roundrobin
    option httpchk
    http-check send meth GET uri /readyz?parts=disk,machine ver HTTP/1.1 hdr Host 127.0.0.1
    http-check expect status 200
    default-server check inter 300ms fastinter 100ms fall 1 rise 1
{servers}
"""


def write_conf(folder: Path, port: int, machines: list[tuple[str, int]]) -> None:
    """Write HAProxy's configuration for machines at these addresses."""
    servers = "\n".join(f"    server m{n} {host}:{at}" for n, (host, at) in enumerate(machines))
    (folder / "haproxy.cfg").write_text(CONF.format(port=port, servers=servers))


def command(folder: Path) -> list[str]:
    """Return HAProxy's command."""
    return [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f", str(folder / "haproxy.cfg")]
