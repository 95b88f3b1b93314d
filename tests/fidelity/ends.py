"""Scripts of how a connection ends, and what follows."""

from tests.fidelity.scripts import (
    AWHILE_S,
    DETECTION_MS,
    PING_INTERVAL_MS,
    UP,
    Interval,
    Script,
    data,
    hear,
    hear_nothing,
    hold,
    reset,
)
from tests.players import connect, disconnect, emit, on, whenever

ENDS = {
    "who is sent away does not come back": Script((*UP, emit("kick"), hear("disconnected"), hear_nothing(AWHILE_S))),
    "who is sent away with the connection does not come back": Script(
        (*UP, emit("sendAway"), hear("disconnected"), hear_nothing(AWHILE_S))
    ),
    "who is sent away may connect() at once": Script(
        (whenever("disconnected", connect(), emit("echo", "again")), *UP, emit("kick"), hear("event", args=["again"]))
    ),
    "who is hung up on comes back": Script(
        (*UP, emit("hangUp"), hear("connected")),
        intervals=(Interval("disconnected", "connecting 2", 100),),
    ),
    "who is reset comes back": Script(
        (*UP, reset(0), hear("connected")),
        intervals=(Interval("disconnected", "connecting 2", 100),),
    ),
    "hung up on while connecting": Script(
        UP,
        auth=({"drop": True}, {"drop": True}, {}),
        first_s=0.4,
        longest_s=1.6,
        intervals=(Interval("connecting", "connecting 2", 400), Interval("connecting 2", "connecting 3", 400)),
    ),
    "hung up on right after the handshake": Script(UP, query={"slam": 2}),
    "hung up on right after CONNECT": Script(
        (*UP, hear("connected"), hear_nothing(AWHILE_S)), auth=({"hangUp": True}, {})
    ),
    "disconnect(), and connect() again": Script(
        (
            *UP,
            *(emit("ignore", "last"), disconnect(), hear("disconnected")),
            *(emit("echo", "waits", number=1), hear_nothing(AWHILE_S), connect(), hear("acked", number=1)),
        )
    ),
    "what was sent before disconnect() arrives, though something comes from the server meanwhile": Script(
        (
            *(*UP, emit("join", "r", number=1), hear("acked")),
            *(emit("tellLater", 300, "r", "too late", number=2), emit("tellLater", 400, "r", "later", number=3)),
            *(hear("acked", number=3), hold("up")),
            *(emit("ignore", "last"), disconnect(), hear("disconnected"), hear_nothing(AWHILE_S), hold()),
        )
    ),
    "disconnect() while connecting": Script(
        (hold("up"), connect(), hear("connecting"), disconnect(), hear_nothing(AWHILE_S))
    ),
    "disconnect() from the connect handler": Script(
        (whenever("connected", disconnect()), connect(), hear("disconnected"), hear_nothing(AWHILE_S))
    ),
    "disconnect() from the disconnect handler": Script(
        (whenever("disconnected", disconnect()), *UP, emit("hangUp"), hear("disconnected"), hear_nothing(AWHILE_S))
    ),
    "disconnect() while backing off": Script(
        (*UP, reset(0), hear("disconnected"), disconnect(), hear_nothing(AWHILE_S))
    ),
    **{
        f"a packet that cannot be: {packet}": Script(
            (*UP, emit("raw", packet), hear("disconnected"), hear("connected"))
        )
        for packet in ("rubbish", '2["connect"]', '2{"a":1}', "2[", "3{}", '50-["x"]', "9")
    },
    "an attachment without its place": Script((*UP, on("x"), emit("raw", '51-["x"]', data("x")), hear("handled"))),
    "too many attachments": Script((*UP, emit("attach", 11), hear("disconnected"), hear("connected"))),
    "half an attachment": Script(
        (*UP, emit("raw", '51-["x",{"_placeholder":true,"num":0}]', '2["y"]'), hear("disconnected"), hear("connected"))
    ),
    "connected once more": Script((*UP, emit("raw", '0{"sid":"another"}'), hear("connected"))),
    "bytes out of nowhere": Script((*UP, emit("raw", data("x")), hear("disconnected"), hear("connected"))),
    "a message that is too large for the server": Script(
        (*UP, emit("echo", "x" * 1_100_000), hear("disconnected"), hear("connected"))
    ),
}
HEARTBEATS = {
    "pings are answered": Script(
        (*UP, hear_nothing(3 * DETECTION_MS / 1000), emit("echo", number=1), hear("acked", number=1)),
        server="pinging",
    ),
    "no ping is the end, whatever else comes": Script(
        (*UP, emit("hush"), emit("babble", 80, 6), hear("disconnected"), hear("connected")),
        server="pinging",
        intervals=(Interval("connecting", "disconnected", DETECTION_MS),),
    ),
    "nothing comes down": Script(
        (*UP, hold("down"), hear("disconnected"), hold(), hear("connected")),
        server="pinging",
        intervals=(Interval("connecting", "disconnected", DETECTION_MS),),
    ),
    "nothing goes up": Script(
        (*UP, hold("up"), hear("disconnected"), hold(), hear("connected")),
        server="pinging",
        intervals=(Interval("connecting", "disconnected", PING_INTERVAL_MS + DETECTION_MS),),
    ),
}
