"""What is due is due: neither a slow answer, nor a stalled server, nor a busy generator moves the next message.

And a busy generator is told from a bad server: its run is invalid, its latency void, its losses count all the same.
"""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from loadtests.plan import plan
from loadtests.scenario import from_table
from reports.confusion import SMALL
from reports.ledger import Ledger, open_ledger
from reports.rig import LIMITS
from tests.known_delays import errors_ms, told
from tests.played import Play, entrega, play, until
from tests.server_process import running
from tests.slow_proxy import slow_answers

BUSY = Path(__file__).parent / "busy" / "locustfile.py"  # in a folder of its own: Locust imports from there first
ANSWER_LATE_S = 1.0
# Whoever waited for an answer before the next message could not keep to this.
PATIENT = {**SMALL, "agent_every_s": [0.3, 0.4], "ping_timeout_s": 10.0, "settle_s": 3.0, "run_time_s": 11.0}
PATIENT |= dict.fromkeys(("connect_deadline_s", "join_deadline_s", "answer_deadline_s"), 8.0)
STALL_MESSAGES = 60  # that come due while the server stands still: about 2 s
IN_TIME_MS = 500.0  # far less than an answer takes, and more than a machine that is busy with other things


def ended(played: Play) -> Play:
    try:
        played.wait()
        return played
    finally:
        played.end()


def slow(folder: Path) -> Play:
    server_folder = folder.with_name("server")
    server_folder.mkdir()
    with (
        running(server_folder, "--ping-interval", "1", "--ping-timeout", "10") as server,
        slow_answers(server.port, ANSWER_LATE_S) as url,
    ):
        return ended(play(folder, "steady", "-H", url, settings=PATIENT))


def stalled(folder: Path) -> Play:
    played = play(folder, "steady", settings=PATIENT)
    try:
        until(lambda: (played.folder / "run.json").exists() and played.events("displayed"), "a message is displayed")
        (server,) = played.processes("entrega serve")
        os.kill(server, signal.SIGSTOP)
        try:
            before = len(played.events("sent"))
            until(lambda: len(played.events("sent")) >= before + STALL_MESSAGES, "messages are sent meanwhile")
        finally:
            os.kill(server, signal.SIGCONT)
    finally:
        ended(played)
    return played


def busy(folder: Path) -> Play:
    defects = ("--defect", "server.drop-emit=0.2", "--defect", "server.delay=exp:40")
    return ended(play(folder, "steady", *defects, "--", "-f", str(BUSY)))


@pytest.fixture(scope="module")
def came_of(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[dict[str, Future[Play]]]":
    """All at once, for two of them mostly wait."""
    folder = tmp_path_factory.mktemp("schedule")
    with ThreadPoolExecutor(3) as at_once:
        yield {each.__name__: at_once.submit(each, folder / each.__name__) for each in (slow, stalled, busy)}


@pytest.fixture(params=["slow", "stalled", "busy"])
def ledger(request: pytest.FixtureRequest, came_of: Any) -> Ledger:
    played = came_of[request.param].result()
    assert played.process.returncode in (0, 3), played.stderr()
    return open_ledger(played.folder)


def test_dues_are_the_plan_s(ledger: Ledger) -> None:
    scenario = from_table(ledger.run.info["scenario"])
    began = ledger.query("SELECT session, kind, \"index\", t FROM events WHERE kind IN ('session_opened', 'assumed')")
    said = ledger.query(
        "SELECT session, mid, min(due_ns) AS due_ns FROM events WHERE kind IN ('sent', 'unsent') GROUP BY ALL"
    )
    assert len(began) == 2 * scenario.widgets
    for session, kind, index, t in began.itertuples(index=False):
        planned = plan(scenario, index)
        letter, dues_s = ("w", planned.widget_dues_s) if kind == "session_opened" else ("a", planned.agent_dues_s)
        own = said[(said["session"] == session) & said["mid"].str.contains(f".{letter}.", regex=False)]
        numbers = own["mid"].str.rpartition(".")[2].astype(int)
        dues_ns = dict(zip(numbers, own["due_ns"], strict=True))
        from_ns = dues_ns[0] - round(dues_s[0] * 1e9)
        assert dues_ns == {number: from_ns + round(due_s * 1e9) for number, due_s in enumerate(dues_s)}
        assert from_ns == t  # the plan counts from there, which is written down


def test_the_slip_is_reported(ledger: Ledger) -> None:
    """How late each message left is in its row; the summary and the rig say the same."""
    slips = ledger.query("""
        SELECT max(t - due_ns) / 1e6 AS slip_ms, (SELECT max(slip_ms) FROM events WHERE kind = 'rig') AS rig_ms
        FROM events WHERE kind = 'sent'""")
    assert slips["rig_ms"].iloc[0] == pytest.approx(slips["slip_ms"].iloc[0])
    assert ledger.query("SELECT count(*) AS n FROM ledger WHERE sent_ns < due_ns")["n"].iloc[0] == 0


@pytest.mark.parametrize("name", ["slow", "stalled"])
def test_messages_leave_in_time_whatever_the_server_does(came_of: Any, name: str) -> None:
    ledger = open_ledger(came_of[name].result().folder)
    slip_ms = ledger.query("SELECT quantile_cont(sent_ns - due_ns, 0.99) / 1e6 AS ms FROM ledger")["ms"].iloc[0]
    assert slip_ms < IN_TIME_MS
    took_ms = ledger.query("SELECT quantile_cont(accepted_ns - sent_ns, 0.9) / 1e6 AS ms FROM ledger")["ms"].iloc[0]
    assert took_ms > ANSWER_LATE_S * 900
    assert ledger.query("SELECT max(latency_ms) AS ms FROM ledger")["ms"].iloc[0] > ANSWER_LATE_S * 1000
    assert ledger.summary.lost == 0


def test_a_busy_generator_is_told_and_excuses_no_loss(came_of: Any) -> None:
    played = came_of["busy"].result()
    ledger = open_ledger(played.folder)
    summary, rig = ledger.summary, ledger.summary.rig
    limits = {limit.name: limit for limit in LIMITS}
    assert played.process.returncode == 3
    assert not rig.valid
    assert "wanted more than 85 % of a core" in rig.reasons[0]
    assert played.stderr().splitlines()[-1] == f"entrega: {rig.reasons[0]}".rstrip(".")
    assert (rig.cpu or 0) > limits["cpu"].most
    assert (rig.lag_ms_p99 or 0) > limits["lag_ms_p99"].most
    assert (rig.slip_ms_p99 or 0) > limits["slip_ms_p99"].most
    assert told(ledger)
    assert len(rig.voided) == rig.windows
    assert summary.latency_ms.p50 is None
    assert errors_ms(ledger).empty
    assert summary.lost > 0
    assert summary.unexplained == 0
    assert set(summary.missed_because) == {"not_published"}
    assert summary.verdict == "fail"
    assert entrega("gate", played.folder).returncode == 1
