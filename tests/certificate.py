"""A throw-away certificate for this machine's loopback, so that TLS can be played for real."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files; whoever trusts `certificate` as its authority trusts the server that holds both."""

    certificate: Path
    key: Path


def make(folder: Path) -> Certificate:
    """By openssl, for 127.0.0.1 and localhost, good for two days."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command += ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run(command, capture_output=True, timeout=WITHIN_S, check=True)
    return made
