"""A small client of the bundled server for its tests: REST verbs, sockets of a party, the raw handshake."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import socketio
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_websocket

WITHIN_S = 10.0
PATH = "/socket.io/?EIO=4"


@dataclass(frozen=True, slots=True)
class Party:
    """Who acts: a widget in its session, or an agent in one that it assumed."""

    rest: "Rest"
    session_id: str
    token: str

    def step(self, verb: str, body: dict[str, Any] | None = None) -> httpx.Response:
        return self.rest.call("POST", f"/{self.session_id}/{verb}", self.token, body)

    def send(self, client_id: str, text: str = "hello") -> httpx.Response:
        return self.rest.call("POST", f"/{self.session_id}/messages", self.token, {"text": text, "clientId": client_id})

    def history(self, after: int | None = None) -> Any:
        query = "" if after is None else f"?after={after}"
        return self.rest.call("GET", f"/{self.session_id}/messages{query}", self.token).json()

    @contextmanager
    def socket(self) -> Iterator["Socket"]:
        client = Socket()
        client.connect(self.rest.url, auth={"token": self.token}, transports=["websocket"], wait_timeout=WITHIN_S)
        try:
            yield client
        finally:
            client.disconnect()

    @property
    def room(self) -> str:
        return f"chat:{self.session_id}"


class Socket(socketio.SimpleClient):
    def join(self, room: str, after: int | None = None, event: str = "join") -> Any:
        return self.call(event, {"room": room, "after": after}, timeout=WITHIN_S)

    def next(self, event: str = "new-message") -> Any:
        """The payload of the next event, which must be one of that name."""
        name, payload = self.receive(timeout=WITHIN_S)
        assert name == event
        return payload


class Rest:
    """REST calls of a server; paths are relative to the sessions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=WITHIN_S)

    def call(self, method: str, path: str, token: str | None = None, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        path = path if path.startswith(("/api", "/healthz")) else f"/api/chat/sessions{path}"
        return self._http.request(method, path, headers=headers, json=body)

    def raw(self, path: str, token: str, content: bytes) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return self._http.post(path, headers=headers, content=content)

    def widget(self, name: str = "Ana", **fields: Any) -> Party:
        """A widget with a new session."""
        opened = self.call("POST", "", body={"name": name, **fields}).json()
        return Party(self, opened["session"]["id"], opened["token"])

    def agent_token(self, name: str = "rui") -> str:
        token = self.call("POST", "/api/agents/token", body={"name": name, "secret": "entrega"}).json()["token"]
        assert isinstance(token, str)
        return token

    def agent(self, widget: Party, name: str = "rui") -> Party:
        """The agent who assumed the widget's session, which asked for a human."""
        agent = Party(self, widget.session_id, self.agent_token(name))
        assert widget.step("escalate").status_code == 200
        assert agent.step("assume").status_code == 200
        return agent

    def close(self) -> None:
        self._http.close()


@dataclass(frozen=True, slots=True)
class RawSocket:
    """A websocket that speaks in bare frames, for what a well-behaved client would not do."""

    connection: ClientConnection

    def send(self, frame: str) -> None:
        self.connection.send(frame)

    def receive(self) -> str:
        return str(self.connection.recv(WITHIN_S))

    def connect(self, auth: Any) -> str:
        """Ask for the namespace; the answering frame begins with 40, or with 44 when it was refused."""
        self.send("40" + json.dumps(auth))
        return self.receive()


@contextmanager
def raw_socket(url: str) -> Iterator[RawSocket]:
    with open_websocket(url.replace("http", "ws", 1) + f"{PATH}&transport=websocket") as connection:
        socket = RawSocket(connection)
        assert socket.receive().startswith("0")
        yield socket


class Polling:
    """The polling transport in bare frames."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=WITHIN_S)
        opened = self._http.get(f"{PATH}&transport=polling").text
        self._path = f"{PATH}&transport=polling&sid={json.loads(opened[1:])['sid']}"

    def send(self, frame: str) -> None:
        assert self._http.post(self._path, content=frame).text == "OK"

    def receive(self) -> list[str]:
        """One poll: the frames that it brings."""
        return self._http.get(self._path).text.split("\x1e")

    def close(self) -> None:
        self._http.close()


def handshake(url: str, transport: str, origin: str | None = None, version: int = 4) -> tuple[int, str]:
    """Status and body of an Engine.IO handshake; (101, "") when a websocket was opened."""
    path = f"/socket.io/?EIO={version}&transport={transport}"
    headers = {"Origin": origin} if origin else {}
    if transport == "polling":
        answer = httpx.get(url + path, headers=headers)
        return answer.status_code, answer.text
    try:
        with open_websocket(url.replace("http", "ws", 1) + path, additional_headers=headers, open_timeout=WITHIN_S):
            return 101, ""
    except InvalidStatus as error:
        return error.response.status_code, (error.response.body or b"").decode()
