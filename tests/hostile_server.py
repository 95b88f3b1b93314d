"""A small Socket.IO server by hand, over websocket and long-polling, that goes wrong once and is well from then on."""

import socket
import ssl
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha1
from threading import Event, Lock, Thread
from urllib.parse import parse_qs, urlsplit

from websockets.frames import Frame, Opcode
from websockets.protocol import SERVER, Protocol

from tests.played import WITHIN_S, until

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455's
OPEN = '0{"sid":"%s","upgrades":["websocket"],"pingInterval":%d,"pingTimeout":%d,"maxPayload":1000000}'
CONNECTED = '40{"sid":"s"}'
HELLO = '42["hello"]'
CHUNK_BYTES = 65536


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Peer:
    """One connection that was accepted."""

    sock: socket.socket
    is_asked_to_switch: bool = False
    has_switched: bool = False
    is_over: Event = field(default_factory=Event)
    _read: bytes = b""

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def respond(self, body: str) -> None:
        """One HTTP answer."""
        data = body.encode()
        self.say(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    def request(self) -> Request | None:
        """The next request; None when there is no more."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                return None
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        while len(self._read) < length:
            if not self._more():
                return None
        body, self._read = self._read[:length], self._read[length:]
        return Request(method, target, headers, body)

    def switch(self, request: Request) -> bytes:
        """The answer that makes it a websocket."""
        key = b64encode(sha1(request.headers["sec-websocket-key"].encode() + MAGIC).digest()).decode()
        return (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {key}\r\n\r\n"
        ).encode()

    def frames(self) -> Iterator[str]:
        """The texts that come over the websocket, until its end."""
        protocol = Protocol(SERVER)
        while data := self.sock.recv(CHUNK_BYTES):
            protocol.receive_data(data)
            for frame in protocol.events_received():
                if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                    yield bytes(frame.data).decode()
            if protocol.close_rcvd is not None:
                return

    def hold(self) -> None:
        """Read what comes and say no more, until the other end has had enough."""
        if self.has_switched:
            for _ in self.frames():
                pass
        else:
            while self._more():
                pass

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> bool:
        data = self.sock.recv(CHUNK_BYTES)
        self._read += data
        return bool(data)


Act = Callable[[Peer, Request | None], None]  # what is done instead, at one point, with what was asked for


def text(*packets: str) -> bytes:
    """Engine.IO packets as frames of a websocket."""
    return b"".join(Frame(Opcode.TEXT, packet.encode()).serialize(mask=False) for packet in packets)


@dataclass(slots=True)
class _Session:
    """Of long-polling: what it has asked for so far."""

    gets: int = 0
    posts: int = 0
    has_connected: Event = field(default_factory=Event)
    polling: Peer | None = None  # where the last poll waits
    is_probed: bool = False  # and lets go of polls


@dataclass(slots=True)
class Server:
    """`act` is done once, at the point `at`, which is one of

    accept    in place of everything
    switch    in place of the answer that makes a connection a websocket
    open      in place of the packet OPEN, on a websocket
    connect   in place of the answer to CONNECT, on a websocket
    hello     when all is well, on a websocket
    probe     in place of the answer to the probe of a websocket that polling is to give way to
    GET 0     in place of the answer to that request of long-polling; POST 0 carries CONNECT, which GET 1 answers
    """

    at: str
    act: Act
    ping_ms: int
    tls: ssl.SSLContext | None
    url: str = ""
    peers: list[Peer] = field(default_factory=list)
    came: list[str] = field(default_factory=list)  # at which points it was, in order
    _done: bool = False
    _lock: Lock = field(default_factory=Lock)
    _sessions: dict[str, _Session] = field(default_factory=dict)

    def talk(self, peer: Peer) -> None:
        with suppress(OSError):  # the client has closed, or the test is over
            if self._is_well("accept", peer, None):
                if self.tls is not None:
                    peer.sock = self.tls.wrap_socket(peer.sock, server_side=True)
                while (request := peer.request()) is not None and self._answer(peer, request):
                    pass
        peer.sock.close()
        peer.is_over.set()

    def _answer(self, peer: Peer, request: Request) -> bool:
        """Whether the connection is kept."""
        if "upgrade" in request.headers:
            peer.is_asked_to_switch = True
            self._websocket(peer, request)
            return False
        return self._polling(peer, request)

    def _is_well(self, point: str, peer: Peer, request: Request | None) -> bool:
        """Whether to go on; False after what is to go wrong has gone wrong."""
        with self._lock:
            self.came.append(point)
            if point != self.at or self._done:
                return True
            self._done = True
        self.act(peer, request)
        return False

    def _websocket(self, peer: Peer, request: Request) -> None:
        if not self._is_well("switch", peer, request):
            return None
        peer.say(peer.switch(request))
        peer.has_switched = True
        if "sid" in parse_qs(urlsplit(request.target).query):
            return self._upgrade(peer, request)
        if not self._is_well("open", peer, request):
            return None
        peer.say(text(OPEN % ("e", self.ping_ms, self.ping_ms)))
        for packet in peer.frames():
            if packet.startswith("40"):
                if not self._is_well("connect", peer, request):
                    return None
                peer.say(text(CONNECTED))
                if not self._is_well("hello", peer, request):
                    return None
                peer.say(text(HELLO))
        return None

    def _upgrade(self, peer: Peer, request: Request) -> None:
        for packet in peer.frames():
            if packet == "2probe":
                self._waiting_poll()
                if not self._is_well("probe", peer, request):
                    return
                session, _ = self._waiting_poll()
                session.is_probed = True
                peer.say(text("3probe"))
                self.answer_poll("6")
            elif packet == "5":
                peer.say(text(HELLO))

    def answer_poll(self, packet: str) -> None:
        """To the only session, as soon as it polls."""
        session, waiting = self._waiting_poll()
        session.polling = None
        waiting.respond(packet)

    def _waiting_poll(self) -> tuple[_Session, Peer]:
        (session,) = self._sessions.values()
        return session, until(lambda: session.polling, "a poll that waits")

    def _polling(self, peer: Peer, request: Request) -> bool:
        (sid,) = parse_qs(urlsplit(request.target).query).get("sid", [f"e{len(self._sessions)}"])
        with self._lock:
            session = self._sessions.setdefault(sid, _Session())
            number = session.gets if request.method == "GET" else session.posts
            if request.method == "GET":
                session.gets += 1
            else:
                session.posts += 1
        if not self._is_well(f"{request.method} {number}", peer, request):
            return False
        if request.method == "POST":
            session.has_connected.set()
            peer.respond("ok")
        elif number == 0:
            peer.respond(OPEN % (sid, self.ping_ms, self.ping_ms))
        elif number == 1:
            session.has_connected.wait(WITHIN_S)
            peer.respond(f"{CONNECTED}\x1e{HELLO}")
        elif session.is_probed:
            peer.respond("6")
        else:
            session.polling = peer
        return True

    def end(self) -> None:
        for session in self._sessions.values():
            session.has_connected.set()
        for peer in self.peers:
            with suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def hostile(at: str, act: Act, ping_ms: int = 60_000, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that does it once, and then no more."""
    server = Server(at, act, ping_ms, tls)
    threads = []

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.settimeout(WITHIN_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = Peer(sock)
            server.peers.append(peer)
            threads.append(Thread(target=server.talk, args=[peer]))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        threads.append(Thread(target=accept))
        threads[0].start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            threads[0].join(WITHIN_S)
            server.end()
            for thread in threads:
                thread.join(WITHIN_S)
