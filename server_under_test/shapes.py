"""The shapes of what clients send, by REST and by socket alike."""

from typing import Annotated, Any, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from server_under_test.chat import Refused

MAX_METADATA_BYTES = 4_096

Shape = TypeVar("Shape", bound="_Shape")


def _plain(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata as plain JSON, so that whatever was let in can be stored and sent on."""
    try:
        text = orjson.dumps(metadata)
    except TypeError as error:
        raise ValueError(f"is not plain JSON: {error}") from None
    if len(text) > MAX_METADATA_BYTES:
        raise ValueError(f"is larger than {MAX_METADATA_BYTES} bytes as JSON")
    plain: dict[str, Any] = orjson.loads(text)
    return plain


Metadata = Annotated[dict[str, Any], AfterValidator(_plain)]
Seq = Annotated[int, Field(ge=0, lt=2**53)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True)


class NewSession(_Shape):
    name: str = Field(min_length=1, max_length=200)
    email: str | None = Field(default=None, max_length=320)
    metadata: Metadata = Field(default_factory=dict)


class NewMessage(_Shape):
    """`clientId` is the sender's own name for the message; sending it again stores nothing anew."""

    text: str = Field(min_length=1, max_length=10_000)
    client_id: str = Field(alias="clientId", min_length=1, max_length=200)
    metadata: Metadata = Field(default_factory=dict)


class SocketMessage(NewMessage):
    session_id: str = Field(alias="sessionId")


class Transfer(_Shape):
    agent: str = Field(min_length=1, max_length=200)


class Login(_Shape):
    name: str = Field(min_length=1, max_length=200)
    secret: str


class Room(_Shape):
    """`after`: the missed messages with a larger seq are wanted; null: none are."""

    room: str
    after: Seq | None = None

    @property
    def session_id(self) -> str:
        kind, _, session_id = self.room.partition(":")
        if kind != "chat" or not session_id:
            raise Refused(422, f"There is no room {self.room[:80]!r}; a room is chat:SESSION.")
        return session_id


def read(shape: type[Shape], data: object) -> Shape:
    """The data as that shape. Raises Refused(422)."""
    try:
        return shape.model_validate(data)
    except ValidationError as error:
        raise Refused(422, sentence(error.errors(include_url=False))) from None


def sentence(errors: Any) -> str:
    """The first of pydantic's errors in words."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "payload"
    return f"{where}: {first['msg']}."
