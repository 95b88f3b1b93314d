"""More connections than one address has ports: the loopback has more addresses."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OF_ITS_OWN = ["unshare", "--user", "--map-root-user", "--net"]  # a network in which nobody else uses ports
FEW_PORTS = "ip link set lo up && echo 40000 40099 >/proc/sys/net/ipv4/ip_local_port_range && exec "
WITHIN_S = 60


def test_links_come_from_further_addresses_before_the_ports_run_out() -> None:
    if shutil.which("ip") is None and os.environ.get("CI"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "iproute2"], check=True, timeout=WITHIN_S)
    probed = subprocess.run(
        [*OF_ITS_OWN, "sh", "-c", f"{FEW_PORTS} true"], capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    if probed.returncode:
        pytest.skip(f"no network of one's own here: {probed.stderr.strip()}")
    script = f"{FEW_PORTS} {sys.executable} -m gevent.monkey --module tests.swarm_scripts.many_links 250"
    said = subprocess.run(
        [*OF_ITS_OWN, "sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=WITHIN_S
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {"links": 250, "sources": 3, "accepted": 250}
