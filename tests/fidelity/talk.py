"""Scripts of what is said: buffers, events, acks, payloads, namespaces."""

from tests.fidelity.scripts import AWHILE_S, UP, Interval, Script, data, hear, hear_nothing, hold, reset
from tests.players import connect, disconnect, emit, on, whenever

PAYLOADS = (
    *((), (None,), (True, False), (0, -1, 1.5, 2**53), ("", "olá ✓ 🎉", '"\\/\n\u2028\x7f')),
    *(([], {}), ([[1, [2, [3]]]],), ({"a": {"b": [{"c": None}]}},), ("one", 2, ["three"], {"four": 4})),
    *((data("x"),), (data(""),), ({"deep": [data("a"), {"er": data("b")}]}, data("c"), "text")),
)
ECHOES = tuple(emit("echo", *payload, number=number) for number, payload in enumerate(PAYLOADS))
EVENTS = (*(emit("echo", *payload) for payload in PAYLOADS), emit("echo", "last", number=99))
LONG_S = 30.0  # what is waited for comes before

BUFFERS = {
    "emits before connect are flushed in order, before it is told": Script(
        (
            whenever("connected", emit("echo", "from the handler")),
            *(emit("echo", "first"), emit("echo", "second", number=1), connect()),
            *(hear("event", args=["first"]), hear("acked", number=1), hear("event", args=["from the handler"])),
        )
    ),
    "emits while away are flushed at the next connect": Script(
        (
            *(*UP, whenever("disconnected", emit("echo", "from the handler")), reset(0.05)),
            *(hear("disconnected"), emit("echo", "while away", number=1), hear("acked", number=1)),
        )
    ),
    "events before connect wait for it, and are handled before it is told": Script(
        (
            *(on("early"), on("greeted"), whenever("connected", emit("echo", "connected"))),
            *(connect(), hear("event", event="echo")),
        ),
        auth=({"early": [["early", 1], ["early", 2]], "greet": [["greeted", 3], ["greeted", 4]]},),
    ),
}
ACKS = {
    "acks": Script((*UP, *ECHOES, hear("acked", number=len(ECHOES) - 1))),
    "an ack that does not come in time": Script(
        (
            *(*UP, emit("ignore", number=1, deadline_s=0.3), hear("acked", number=1)),
            *(emit("ackLater", 300, number=2, deadline_s=0.1), hear("acked", number=2)),
            *(hear_nothing(0.4), emit("echo", number=3, deadline_s=LONG_S), hear("acked", number=3)),
        ),
        intervals=(Interval("connected", "acked", 300), Interval("acked", "acked 2", 100)),
    ),
    "an emit whose time is over before connect is never sent": Script(
        (
            *(emit("echo", "late", number=1, deadline_s=0.1), emit("echo", "in time", number=2, deadline_s=LONG_S)),
            *(hear("acked", number=1), connect(), hear("acked", number=2)),
        )
    ),
    "acks that wait end with the connection": Script(
        (
            *(
                *UP,
                hold("up"),
                emit("ignore", number=1, deadline_s=LONG_S),
                emit("ignore", number=2, deadline_s=LONG_S),
            ),
            *(reset(0.05), hold(), hear("disconnected"), emit("echo", number=3, deadline_s=LONG_S)),
            hear("acked", number=3),
        )
    ),
    "acks that wait end with disconnect()": Script(
        (*UP, emit("ignore", number=1, deadline_s=LONG_S), disconnect(), hear("acked", number=1))
    ),
    "the server's questions are answered": Script(
        (
            *(on("question", answer=()), on("choice", answer=("yes", {"why": [None, 1]}))),
            *(on("picture", answer=(data("x"), {"and": data("y")})), *UP),
            *(emit("ask", "question"), hear("event", event="answered")),
            *(emit("ask", "choice", "a", "b"), hear("event", event="answered")),
            *(emit("ask", "picture", data("z")), hear("event", event="answered")),
        )
    ),
    "an ack that nobody waits for": Script(
        (*UP, emit("raw", '37["stray"]', '2["after"]'), hear("event", event="after"), hear_nothing(0.1))
    ),
}
RECEIVED = {
    "payloads of events": Script((on("echo"), *UP, *EVENTS, hear("acked", number=99))),
    "attachments, as many as are allowed": Script((*UP, on("attached"), emit("attach", 10), hear("handled"))),
}
NAMESPACES = {
    "a namespace": Script(
        (
            *(on("greeted"), emit("echo", "early", number=1), connect(), hear("handled"), hear("acked", number=1)),
            *(emit("echo", data("x"), number=2), hear("acked", number=2)),
            *(on("question", answer=("yes",)), emit("ask", "question"), hear("event", event="answered")),
            *(emit("raw", '2["for another"]', '2/support,["for us"]'), hear("event", event="for us")),
            *(emit("kick"), hear("disconnected"), hear_nothing(AWHILE_S)),
        ),
        namespace="/support",
        auth=({"greet": [["greeted", 1]], "n": 1},),
    ),
    "a namespace that is not there": Script(
        (connect(), hear("connect_failed"), hear_nothing(AWHILE_S)), namespace="/nowhere"
    ),
}
