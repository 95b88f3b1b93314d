"""Scripts over polling, and of the upgrade to a websocket."""

from tests.fidelity.scripts import (
    AWHILE_S,
    DETECTION_MS,
    POLLING,
    UP,
    UPGRADING,
    Interval,
    Script,
    data,
    hear,
    hear_nothing,
    hold,
    reset,
)
from tests.fidelity.talk import ECHOES, EVENTS
from tests.players import connect, disconnect, emit, on, whenever

_TALK = (
    *(whenever("connected", emit("echo", "from the handler")), on("greeted"), on("echo")),
    *(emit("echo", "early", number=1), *UP, hear("acked", number=1), emit("echo", "olá", data("x"), number=2)),
    *(hear("acked", number=2), on("question", answer=(data("y"), 1)), emit("ask", "question", data("z"))),
    *(hear("event", event="answered"), *EVENTS, hear("acked", number=99)),
)
_GREETED = ({"greet": [["greeted", 1], ["greeted", "twice"]]},)
TRANSPORTS = {
    "polling": Script(_TALK, transports=POLLING, auth=_GREETED),
    "polling: several large messages": Script(
        (
            *(*UP, *(emit("echo", "x" * 400_000, number=n) for n in range(4))),
            hear("acked", number=3),
        ),
        transports=POLLING,
    ),
    "polling: pings are answered": Script(
        (*UP, hear_nothing(3 * DETECTION_MS / 1000)), server="pinging", transports=POLLING
    ),
    "polling: nothing comes down": Script(
        (*UP, hold("down"), hear("disconnected"), hold(), hear("connected")),
        server="pinging",
        transports=POLLING,
        intervals=(Interval("connecting", "disconnected", DETECTION_MS),),
    ),
    "polling: reset": Script((*UP, hear_nothing(0.2), reset(0.05), hear("connected")), transports=POLLING),
    "polling: hung up on": Script((*UP, emit("hangUp"), hear("connected")), transports=POLLING),
    "polling: sent away": Script((*UP, emit("kick"), hear("disconnected"), hear_nothing(AWHILE_S)), transports=POLLING),
    "polling: refused": Script(
        (connect(), hear("connect_failed"), hear_nothing(AWHILE_S)), transports=POLLING, auth=({"refuse": "no"},)
    ),
    "polling: HTTP refuses": Script(UP, transports=POLLING, query={"forbid": 2}),
    "polling: disconnect()": Script(
        (*UP, emit("ignore", "last"), disconnect(), hear("disconnected")), transports=POLLING
    ),
    "upgrade": Script(
        (
            *(on("echo"), whenever("connected", *ECHOES), emit("echo", "early"), connect(), hear("upgraded"), *EVENTS),
            hear("acked", number=99),
        ),
        transports=UPGRADING,
        auth=_GREETED,
    ),
    "upgraded, then reset": Script(
        (
            *(emit("echo", number=1), connect(), hear("upgraded"), emit("echo", number=2), hear("acked", number=2)),
            *(reset(0.05), hear("upgraded"), emit("echo", number=3), hear("acked", number=3)),
        ),
        transports=UPGRADING,
    ),
    "upgraded: pings are answered": Script(
        (
            *(whenever("connected", emit("echo", number=1)), connect(), hear("upgraded"), emit("echo", number=2)),
            *(hear("acked", number=2), hear_nothing(3 * DETECTION_MS / 1000)),
        ),
        server="pinging",
        transports=UPGRADING,
    ),
    "no upgrade is offered": Script(
        (*UP, hear_nothing(0.3), emit("echo", number=1), hear("acked", number=1)),
        server="polling only",
        transports=UPGRADING,
    ),
    "websocket where only polling is spoken": Script(
        (connect(), hear("connect_failed"), hear("connect_failed")), server="polling only"
    ),
}
