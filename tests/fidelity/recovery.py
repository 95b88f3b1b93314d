"""Scripts of connection state recovery, which needs a server that offers it."""

from tests.fidelity.scripts import POLLING, UP, Script, hear, hear_nothing, reset
from tests.players import connect, disconnect, emit, on, whenever


def _recovered(transports: tuple[str, ...]) -> Script:
    return Script(
        (
            *(on("missed"), whenever("connected", emit("echo", "connected")), connect(), hear("event")),
            *(emit("join", "r", number=1), hear("acked", number=1), emit("tell", "r", "seen"), hear("event")),
            *(emit("tellLater", 500, "r", "missed", 1, number=2), hear("acked", number=2)),
            *(emit("tellLater", 500, "r", "missed", 2, number=3), hear("acked", number=3)),
            *(hear_nothing(0.1), reset(0.5), hear("disconnected"), hear("connected", recovered=True), hear("event")),
            *(emit("tell", "r", "seen", "again"), hear("event", event="seen")),
        ),
        server="recovering",
        transports=transports,
        first_s=0.9,
        longest_s=0.9,
    )


RECOVERY = {
    "what was missed is replayed before connect": _recovered(("websocket",)),
    "what was missed is replayed over polling": _recovered(POLLING),
    "recovered twice, with the newest offset": Script(
        (
            *(*UP, emit("join", "r", number=1), hear("acked", number=1)),
            *(emit("tell", "r", "one"), hear("event"), reset(0), hear("connected", recovered=True)),
            *(emit("tell", "r", "two"), hear("event"), emit("tellLater", 400, "r", "three", number=2)),
            *(hear("acked", number=2), reset(0), hear("connected", recovered=True)),
        ),
        server="recovering",
        first_s=0.8,
        longest_s=0.8,
    ),
    "an event that wants an ack has no offset": Script(
        (
            *(on("question", answer=("yes",)), *UP),
            *(emit("ask", "question", "text"), hear("event", event="answered"), reset(0)),
            hear("connected"),
        ),
        server="recovering",
    ),
    "without an offset there is no recovery": Script(
        (*UP, reset(0), hear("connected", recovered=False)), server="recovering"
    ),
    "who was sent away is not recovered": Script(
        (
            *(*UP, emit("echo"), hear("event"), emit("kick"), hear("disconnected")),
            *(connect(), hear("connected", recovered=False)),
        ),
        server="recovering",
    ),
    "who left is not recovered": Script(
        (
            *(*UP, emit("echo"), hear("event"), disconnect(), hear("disconnected")),
            *(connect(), hear("connected", recovered=False), emit("echo"), hear("event"), reset(0)),
            hear("connected", recovered=True),
        ),
        server="recovering",
    ),
    "an offset outlives its session": Script(
        (
            *(*UP, emit("echo"), hear("event"), emit("kick"), hear("disconnected")),
            *(connect(), hear("connected", recovered=False), reset(0), hear("connected")),
        ),
        server="recovering",
    ),
}
