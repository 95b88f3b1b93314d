"""What every test may rely on. The fixture names `session` and `fastsession` are Locust's; leave them free."""

import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.command import say as say

settings.register_profile("any machine", deadline=None)  # a test is as slow as what runs beside it
settings.load_profile("any machine")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell lets what it runs in the background ignore Ctrl-C, and so would every process that a test signals.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def unpatched_process() -> Iterator[None]:
    """Locust patches the process that imports it, so it runs in subprocesses; the tests' own process stays clean."""
    yield
    assert "gevent" not in sys.modules, "a test imported gevent or locust into the tests' own process"
