"""A page in headless Chromium, watched over its DevTools protocol, without a driver."""

import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.alone import alone
from tests.played import WITHIN_S, until

INSTALL_WITHIN_S = 300
QUIET = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=1500,600",
)  # fmt: skip


@cache
def chromium() -> str:
    """The program; skips the test, with the mend, where a user has none. In CI it is installed."""
    install = ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    with alone("apt"):
        if os.environ.get("CI") and shutil.which("chromium") is None:
            for command in (("apt-get", "update", "-qq"), install):
                subprocess.run(command, capture_output=True, timeout=INSTALL_WITHIN_S, check=True)
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("no chromium on this machine; apt-get install chromium")
    return found


class Page:
    """What stands on one page."""

    def __init__(self, talk: ClientConnection) -> None:
        self._talk = talk
        self._numbers = itertools.count(1)

    def text(self) -> str:
        """As a person sees it; cells of a table are apart by tabs, its rows by lines."""
        found = self._ask("Runtime.evaluate", expression="document.body ? document.body.innerText : ''")
        return str(found["result"]["value"])

    def rightmost(self, selector: str, width: int) -> float:
        """How far to the right the widest of these elements reaches in a window of that width, in pixels."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        rights = f"[...document.querySelectorAll({selector!r})].map(each => each.getBoundingClientRect().right)"
        found = self._ask("Runtime.evaluate", expression=f"Math.max(...{rights})")
        return float(found["result"]["value"])

    def picture(self) -> str:
        """A PNG in base64."""
        return str(self._ask("Page.captureScreenshot")["data"])

    def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        self._talk.send(json.dumps({"id": number, "method": method, "params": params}))
        while (answer := json.loads(self._talk.recv(timeout=WITHIN_S))).get("id") != number:
            pass
        assert "result" in answer, answer
        return answer["result"]


@contextmanager
def page(url: str, profile: Path) -> Iterator[Page]:
    """The page at that address, in a browser of its own whose profile is that new folder."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    command = [chromium(), *QUIET, *sandbox, f"--user-data-dir={profile}", url]
    with (profile.with_suffix(".log")).open("wb") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        port = until(lambda: _port(profile), "Chromium listens")
        with connect(until(lambda: _socket(port, url), "the page is opened"), max_size=None) as talk:
            yield Page(talk)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait(WITHIN_S)


def _port(profile: Path) -> str | None:
    told = profile / "DevToolsActivePort"
    return told.read_text().split("\n")[0] if told.exists() and "\n" in told.read_text() else None


def _socket(port: str, url: str) -> str | None:
    """Where one can talk with the page at that address, once there is one."""
    pages = httpx.get(f"http://127.0.0.1:{port}/json", timeout=WITHIN_S).json()
    return next((page["webSocketDebuggerUrl"] for page in pages if page["url"] == url), None)
