"""Where load may go: this machine, or a host that somebody has named; and what TLS trusts."""

import contextlib
import ipaddress
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from loadtests.target_file import TargetError

CA_VARIABLE = "ENTREGA_CA"  # in the environment of load processes, as of commands


def check_url(url: str, allowed_hosts: tuple[str, ...] = ()) -> str:
    """The url without a trailing slash. Raises TargetError when it is no http url or its host is not loopback."""
    host = _host(url)
    if host not in allowed_hosts and not _is_loopback(host):
        raise TargetError(f"{host} is not this machine; load goes to loopback only, unless --allow-host {host}")
    return url.rstrip("/")


def trust(ca: Path | str | None) -> ssl.SSLContext:
    """For https and wss: the system's authorities, or those of that file only. Raises TargetError."""
    try:
        return ssl.create_default_context(cafile=str(ca) if ca else None)
    except OSError as error:  # ssl.SSLError among them
        raise TargetError(f"--ca {ca} holds no certificate ({error.strerror or error}); give a PEM file") from None


def _host(url: str) -> str:
    with contextlib.suppress(ValueError):  # what urlsplit makes of a port that is none
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None:
            return parts.hostname
    raise TargetError(f"{url!r} is no address to play against; give http://HOST:PORT or https://HOST:PORT")


def _is_loopback(host: str) -> bool:
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError) as error:
        raise TargetError(f"{host} is no host that can be found ({error}); mend its name") from None
    addresses = map(ipaddress.ip_address, found)
    return all(address.is_loopback or address.is_unspecified for address in addresses)
