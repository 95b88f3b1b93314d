"""The chat by REST. Every error is {"error": SENTENCE}."""

from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from server_under_test.body_limit import BodyLimit
from server_under_test.chat import Bearer, Draft, Refused, Status, Verb
from server_under_test.conversations import Conversations, Unanswered
from server_under_test.shapes import Login, NewMessage, NewSession, Seq, Transfer, sentence
from server_under_test.tokens import Tokens, check_agent_secret

SESSION = "/api/chat/sessions/{session_id}"


class Rest:
    def __init__(self, conversations: Conversations, tokens: Tokens) -> None:
        self._conversations = conversations
        self._tokens = tokens

    def app(self) -> FastAPI:
        app = FastAPI(title="entrega's chat server", docs_url=None, redoc_url=None)
        app.add_api_route(f"{SESSION}/messages", self.send, methods=["POST"], status_code=201)
        app.add_api_route(f"{SESSION}/messages", self.history, methods=["GET"])
        app.add_api_route("/healthz", self.health, methods=["GET"])
        app.add_api_route("/api/agents/token", self.log_in, methods=["POST"])
        app.add_api_route("/api/chat/sessions", self.open, methods=["POST"], status_code=201)
        app.add_api_route("/api/chat/sessions", self.sessions, methods=["GET"])
        app.add_api_route(f"{SESSION}/transfer", self.transfer, methods=["POST"])
        app.add_api_route(SESSION + "/{verb}", self.step, methods=["POST"])
        app.add_middleware(BodyLimit)
        app.add_exception_handler(Refused, _refused)
        app.add_exception_handler(Unanswered, _unanswered)
        app.add_exception_handler(HTTPException, _http_error)
        app.add_exception_handler(RequestValidationError, _malformed)
        app.add_exception_handler(Exception, _failed)
        return app

    async def health(self) -> Response:
        return _answer(200, {"ok": True})

    async def log_in(self, login: Login) -> Response:
        """An agent's token for the shared secret."""
        check_agent_secret(login.secret)
        return _answer(200, {"token": self._tokens.issue(Bearer("agent", login.name))})

    async def open(self, new: NewSession) -> Response:
        session = await self._conversations.open(new.name, new.email, new.metadata)
        token = self._tokens.issue(Bearer("widget", session.id))
        return _answer(201, {"session": session.as_json(), "token": token})

    async def sessions(self, request: Request, status: Status = "waiting") -> Response:
        """The sessions in that status, oldest first; agents only."""
        sessions = await self._conversations.in_status(status, self._bearer(request))
        return _answer(200, {"sessions": [session.as_json() for session in sessions]})

    async def step(self, session_id: str, verb: Verb, request: Request) -> Response:
        """Escalate, assume or close."""
        session = await self._conversations.step(session_id, verb, self._bearer(request))
        return _answer(200, {"session": session.as_json()})

    async def transfer(self, session_id: str, wanted: Transfer, request: Request) -> Response:
        """Hand the session over to the agent of that name, who is to assume it."""
        session = await self._conversations.step(session_id, "transfer", self._bearer(request), wanted.agent)
        return _answer(200, {"session": session.as_json()})

    async def history(self, session_id: str, request: Request, after: Annotated[Seq, Query()] = 0) -> Response:
        """The messages with a larger seq than `after`, ascending."""
        history = await self._conversations.read(session_id, after, self._bearer(request))
        return _answer(200, history.as_json())

    async def send(self, session_id: str, new: NewMessage, request: Request) -> Response:
        """201 for a new message; 200 with the stored one when its clientId is known."""
        draft = Draft(session_id, new.client_id, new.text, new.metadata, self._bearer(request))
        stored = await self._conversations.send(draft)
        return _answer(201 if stored.new else 200, {"message": stored.message.as_json()})

    def _bearer(self, request: Request) -> Bearer:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self._tokens.bearer(token if scheme.lower() == "bearer" else None)


def _answer(status: int, content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


async def _refused(_request: Request, error: Any) -> Response:
    return _answer(error.status, {"error": error.error})


async def _unanswered(_request: Request, _error: Exception) -> Response:
    return _answer(504, {"error": "The answer was lost."})


async def _http_error(_request: Request, error: Any) -> Response:
    # FastAPI's 400 is for a body that cannot even be decoded; to its sender that is malformed like any other.
    return _answer(422 if error.status_code == 400 else error.status_code, {"error": f"{error.detail}."})


async def _malformed(_request: Request, error: Any) -> Response:
    return _answer(422, {"error": sentence(error.errors())})


async def _failed(_request: Request, _error: Exception) -> Response:
    return _answer(500, {"error": "The server failed; its log says how."})
