"""HTTP/1.1 requests over a party's wire, one after another on one kept connection. The protocol is `h11`'s."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import h11
from gevent.event import AsyncResult

from loadtests.swarm.dial import Dial
from loadtests.swarm.link import Link
from loadtests.swarm.wire import Wire

LONGEST_BODY = 16 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Http1:
    """One connection, made when it is needed and again when the server has closed it. One request at a time."""

    def __init__(self, wire: Wire, dial: Dial, deadline_s: float) -> None:
        """`deadline_s` is for connecting; how long an answer may take is the caller's matter."""
        self._wire = wire
        self._dial = dial
        self._deadline_s = deadline_s
        self._link: Link | None = None
        self._answer: AsyncResult | None = None  # of the request under way
        self._is_heard = False  # a part of it, that is

    def request(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Response:
        """Waits for the whole answer. Raises OSError, also when the connection ends before it."""
        is_kept = self._link is not None
        try:
            return self._exchange(method, target, headers, body)
        except ConnectionResetError:
            if not is_kept or self._is_heard:
                raise
            # The server had closed the kept connection, and the request met that on its way: browsers send it again.
            return self._exchange(method, target, headers, body)

    def close(self) -> None:
        self._fail(ConnectionAbortedError("closed"))

    def _exchange(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        if self._link is None:
            self._connection = h11.Connection(h11.CLIENT)
            self._link = self._wire.connect(self._deadline_s)
            self._link.listen(self._arrived, self._ended)
        answer = self._answer = AsyncResult()
        self._is_heard = False
        self._body = bytearray()
        self._link.asked = method
        self._link.send(self._encoded(method, target, headers, body))
        try:
            response: Response = answer.get()
        except BaseException:
            self.close()
            raise
        return response

    def _encoded(self, method: str, target: str, headers: dict[str, str], body: bytes) -> bytes:
        head = {"Host": urlsplit(self._dial.url).netloc, **headers, "Content-Length": str(len(body))}
        sent = self._connection.send(h11.Request(method=method, target=target, headers=list(head.items())))
        sent += self._connection.send(h11.Data(data=body)) if body else b""
        return bytes(sent + self._connection.send(h11.EndOfMessage()))

    def _arrived(self, data: bytes) -> None:
        if self._answer is None:
            self.close()  # nobody has asked
            return
        self._is_heard = True
        try:
            self._connection.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as error:
            self._fail(ConnectionError(f"no HTTP: {error}"))

    def _read(self) -> None:
        while (event := self._connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                self._status, self._headers = event.status_code, event.headers
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > LONGEST_BODY:
                    self._fail(ConnectionError(f"an answer of more than {LONGEST_BODY} bytes"))
                    break
            elif isinstance(event, h11.EndOfMessage):
                self._complete()
                break
            elif isinstance(event, h11.ConnectionClosed):
                self._fail(ConnectionResetError("transport close"))
                break

    def _complete(self) -> None:
        headers = tuple(
            (bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in self._headers
        )
        connection = self._connection
        answer, self._answer = self._answer, None
        if connection.our_state is connection.their_state is h11.DONE and not connection.trailing_data[0]:
            connection.start_next_cycle()
        else:
            self.close()
        if answer is not None:
            answer.set(Response(self._status, headers, bytes(self._body)))

    def _ended(self, reason: str) -> None:
        self._link = None
        try:
            if self._answer is not None:
                self._connection.receive_data(b"")
                self._read()  # a body may be as long as the connection
        except h11.RemoteProtocolError:
            pass  # cut off, which the next line says
        when = "in the middle of" if self._is_heard else "before"
        self._fail(ConnectionResetError(f"the connection ended {when} an answer"))

    def _fail(self, error: OSError) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.set_exception(error)
