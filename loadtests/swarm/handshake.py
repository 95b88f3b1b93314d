"""The handshake of a websocket, by the `websockets` library without its I/O; frames come after it."""

from typing import cast

from gevent.event import AsyncResult
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from loadtests.swarm.dial import LONGEST_REASON, ConnectFailed, Dial, refused

END_OF_HEADERS = b"\r\n\r\n"


class Handshake:
    """One request to upgrade, and what became of it."""

    def __init__(self, dial: Dial, query: dict[str, str]) -> None:
        self._dial = dial
        self._protocol = ClientProtocol(parse_uri(dial.websocket_url(query)))
        self._answer = AsyncResult()
        self._last = b""  # of what has arrived: the end of the headers may be cut
        request = self._protocol.connect()
        for name, value in dial.request_headers().items():
            request.headers[name] = value
        self._protocol.send_request(request)
        self.request = b"".join(self._protocol.data_to_send())

    def wait(self) -> None:
        """Until the server has agreed. Raises ConnectFailed; the caller has set the deadline."""
        self._answer.get()

    def arrived(self, data: bytes) -> bytes | None:
        """What came behind the answer, once the server has agreed; None until then."""
        end = (self._last + data).find(END_OF_HEADERS) + len(END_OF_HEADERS) - len(self._last)
        if end < len(END_OF_HEADERS) - len(self._last):  # they go on
            end = len(data)
        self._last = (self._last + data)[-len(END_OF_HEADERS) + 1 :]
        self._protocol.receive_data(data[:end])
        if self._protocol.state is not OPEN and data[end:]:
            self._protocol.receive_data(data[end:])  # a refusal has a body
        self._look()
        return data[end:] if self._protocol.state is OPEN else None

    def ended(self, reason: str) -> None:
        """The connection is over."""
        self._protocol.receive_eof()
        self._look()  # a refusal may be as long as the connection
        self._fail(ConnectFailed(reason))

    def _look(self) -> None:
        failed = self._protocol.handshake_exc
        for event in self._protocol.events_received():
            response = cast(Response, event)
            self._dial.badge.keep(response.headers.get_all("Set-Cookie"))
            if failed is None:
                self._answer.set()
            elif isinstance(failed, InvalidStatus):
                location = response.headers.get_all("Location")
                self._fail(refused(response.status_code, response.body, "".join(location[:1])))
        if failed is not None:
            causes = (str(why) for why in (failed, failed.__cause__) if why is not None)
            self._fail(ConnectFailed(": ".join(causes)[:LONGEST_REASON]))

    def _fail(self, failed: ConnectFailed) -> None:
        if not self._answer.ready():
            self._answer.set_exception(failed)
