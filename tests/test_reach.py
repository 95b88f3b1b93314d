"""Waiting for a server that starts in the same job: until it answers, and no longer than that."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread, Timer

import pytest

from loadtests.reach import check_answers
from loadtests.target_file import TargetError
from tests.played import free_port

SOON_S = 0.4
AMPLE_S = 30.0


@contextmanager
def answering(port: int, statuses: list[int]) -> Iterator[None]:
    """A server that gives these statuses, the last one for ever."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(statuses.pop(0) if len(statuses) > 1 else statuses[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody listens."""

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield
        finally:
            server.shutdown()
            serving.join()


def test_whoever_answers_is_there_whatever_it_says() -> None:
    port = int(free_port())
    with answering(port, [503]):
        check_answers(f"http://127.0.0.1:{port}")
    with pytest.raises(TargetError, match=f"nothing answers at http://127.0.0.1:{port} "):
        check_answers(f"http://127.0.0.1:{port}")


def test_plain_http_is_told_from_nobody() -> None:
    port = int(free_port())
    with answering(port, [200]), pytest.raises(TargetError, match="plain http is spoken there"):
        check_answers(f"https://127.0.0.1:{port}")


def test_a_server_that_comes_up_late_is_waited_for() -> None:
    port = int(free_port())
    came: list[float] = []

    def come() -> None:
        with answering(port, [404]):
            came.append(time.monotonic())
            checked.join(AMPLE_S)

    checked = Thread(target=check_answers, args=(f"http://127.0.0.1:{port}", AMPLE_S))
    coming = Timer(SOON_S, come)
    began_s = time.monotonic()
    coming.start()
    checked.start()
    checked.join(AMPLE_S)
    coming.join(AMPLE_S)
    assert not checked.is_alive()
    assert came[0] - began_s >= SOON_S


def test_what_stands_in_front_of_it_does_not_count() -> None:
    port, statuses = int(free_port()), [502, 503, 200]
    with answering(port, statuses):
        check_answers(f"http://127.0.0.1:{port}", AMPLE_S)
    assert statuses == [200]


@pytest.mark.parametrize("wait_s", [0.3, float("nan")])
def test_the_wait_has_an_end(wait_s: float) -> None:
    began_s = time.monotonic()
    with pytest.raises(TargetError, match="nothing answers at"):
        check_answers(f"http://127.0.0.1:{free_port()}", wait_s)
    assert time.monotonic() - began_s < AMPLE_S
