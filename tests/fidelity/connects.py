"""Scripts of how a connection is made and made again."""

from tests.fidelity.scripts import AWHILE_S, UP, Interval, Script, hear, hear_nothing, hold, reset
from tests.players import connect, disconnect, emit, whenever

CONNECTS = {
    "auth is asked at every connect": Script(
        (*UP, reset(0), hear("connected"), emit("kick"), hear("disconnected"), *UP),
        auth=({"n": 1}, {"n": 2}, {"n": 3}),
    ),
    "after CONNECT_ERROR there are no retries until connect()": Script(
        (
            *(emit("echo", "waits", number=1), connect(), hear("connect_failed"), hear_nothing(AWHILE_S)),
            *(connect(), hear("acked", number=1)),
        ),
        auth=({"refuse": "token expired"}, {}),
    ),
    "after CONNECT_ERROR connect() may be called at once": Script(
        (whenever("connect_failed", connect()), *UP), auth=({"refuse": "token expired"}, {})
    ),
    "CONNECT_ERROR when coming back": Script(
        (*UP, reset(0.05), hear("connect_failed", reason="token expired"), hear_nothing(AWHILE_S), *UP),
        auth=({}, {"refuse": "token expired"}, {}),
    ),
    "a handshake that HTTP refuses is tried again": Script(
        UP, query={"forbid": 2}, intervals=(Interval("connecting", "connected", 300),)
    ),
    "CONNECT is answered late": Script(UP, auth=({"waitMs": 600},), deadline_s=0.3),
    "the handshake is not answered": Script(
        (hold("up"), connect(), hear("connect_failed"), hold(), hear("connected")),
        deadline_s=0.4,
        intervals=(Interval("connecting", "connect_failed", 400), Interval("connect_failed", "connecting 2", 100)),
    ),
    "back-off doubles up to its limit, and begins anew after a success": Script(
        (reset(2.0), *UP, reset(0.1), hear("connected")),
        first_s=0.2,
        longest_s=0.8,
        intervals=(
            *(Interval("connecting", "connecting 2", 200), Interval("connecting 2", "connecting 3", 400)),
            *(Interval("connecting 3", "connecting 4", 800), Interval("connecting 4", "connecting 5", 800)),
            Interval("disconnected", "connecting 6", 200),
        ),
    ),
    "connect() while connecting, connected or backing off changes nothing": Script(
        (connect(), *UP, connect(), hear_nothing(0.2), reset(0.1), hear("disconnected"), *UP),
        first_s=0.3,
        intervals=(Interval("disconnected", "connecting 2", 300),),
    ),
    "connect(), disconnect(), connect() in one go": Script(
        (connect(), disconnect(), *UP, emit("echo", number=1), hear("acked"))
    ),
}
