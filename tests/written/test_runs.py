"""What happens to a whole run: the server dies, a recorder is cut, faults prolong the allowance, lines are garbage."""

import shutil

import pytest

from loadtests.run_folder import RunFolderError
from reports.ledger import build_ledger, open_ledger
from tests.written.history import Book, ns
from tests.written.reading import READINGS, differences, read, row


def killed(told: bool = True, **info) -> Book:
    """The server dies at 10 s and is back at 14 s; the widget joins again at 16 s, the agent at 15 s."""
    book = Book(**info)
    s = book.story()
    if told:
        book.event(-1, "server_ready", "launcher", url="http://127.0.0.1:8000")
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.agent_sends("a.1", 9.98, answer="unanswered", reaches=False)  # emitted, then everything died
    s.agent_sends("a.2", 9.985, answer="unanswered", published=None)  # stored, then everything died
    book.server_is_killed(10, told)
    s.drops("w", 10.01, last_frame=9.7, noticed=6)
    s.drops("a", 10.02, last_frame=9.7, noticed=6)
    for line in [line for line in book.lines["journal-1"] if line["kind"] == "sid_disconnected"]:
        book.lines["journal-1"].remove(line)  # nobody was left to write it
    s.cannot_connect("w", 11, "Connection refused")
    s.cannot_connect("a", 11, "Connection refused")
    book.server_is_back(14, told)
    s.connects("a", 14.5)
    s.joins("a", 15, after=1)
    s.agent_sends("a.3", 15.5)
    s.widget_comes(15.9, after=1, offers=["a.1", "a.2", "a.3"])
    s.agent_sends("a.4", 18)
    s.expect("a.0", "live")
    for key in ("a.1", "a.2", "a.3"):
        s.expect(key, "recovered", "server_restarted")
    s.expect("a.4", "live")
    return book


@pytest.mark.parametrize("told", [True, False], ids=["launcher", "swarm-alone"])
def test_server_restarted(tmp_path, told):
    book = killed(told)
    for ledger in read(book, tmp_path / "run").values():
        assert not differences(book.stories[0], ledger)


def test_silence_of_the_journal_proves_nothing(tmp_path):
    """a.2 was stored by a boot that ended before it could publish: the tree without journal decides."""
    ledger = read(killed(), tmp_path / "run")["journal"]
    assert row(ledger, "0.a.1")["evidence"] == "journal"
    assert row(ledger, "0.a.2")["evidence"] == "swarm"
    assert row(ledger, "0.a.2")["stored"] == "yes"


def test_a_simultaneous_reset_of_some_is_no_restart(tmp_path):
    """All widgets drop at once and cannot connect for a while, but the agents stay, or nobody is refused."""
    book = Book()
    stories = [book.story() for _ in range(2)]
    for s in stories:
        s.start_s = 0
        s.opens(0)
        s.widget_comes(0.5)
        s.assumes(2)
        s.drops("w", 10)
        s.agent_sends("a.0", 10.5)
        s.cannot_connect("w", 11, "Network is unreachable")
        s.widget_comes(12, offers=["a.0"])
        s.expect("a.0", "recovered", "offline")
    for ledger in read(book, tmp_path / "run", ends=200).values():
        assert not [difference for s in stories for difference in differences(s, ledger)]


def test_a_widget_that_was_not_there_when_the_server_died_is_early(tmp_path):
    book = Book()
    s = book.story()
    s.opens(0)
    s.assumes(1)
    book.server_is_killed(3)
    s.drops("a", 3.01, last_frame=2.5)
    book.server_is_back(5)
    s.connects("a", 6)
    s.joins("a", 6.5)
    s.agent_sends("a.0", 7)
    s.widget_comes(9, offers=["a.0"])
    s.expect("a.0", "recovered", "early_message")
    for ledger in read(book, tmp_path / "run").values():
        assert not differences(s, ledger)


def cut(source: str) -> Book:
    """The widget's recorder is swarm-1, the agent's swarm-2; one is cut at 12 s."""
    book = Book(workers=2)
    s = book.story(audited=False)
    s.source["a"] = "swarm-2"
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.agent_sends("a.0", 5)
    s.drops("w", 8)
    s.agent_sends("a.1", 9)
    if source == "swarm-1":
        s.saw("w", 12, "connecting", conn=2)
    else:
        s.saw("a", 12, "sent", mid=s.mid("a.2"), due_ns=ns(12))
        s.widget_comes(13, after=1, offers=["a.1"])
        s.shows("w", "a.3", 14)  # sent in the moment that the recorder lost
    book.cut.add(source)
    return book


def test_a_cut_recorder_of_the_recipient(tmp_path):
    for ledger in read(cut("swarm-1"), tmp_path / "run").values():
        assert row(ledger, "0.a.0")["outcome"] == "live"
        assert row(ledger, "0.a.1")["outcome"] == "unjudged"
        assert row(ledger, "0.a.1")["reason"] == "recorder"


def test_a_cut_recorder_of_the_sender(tmp_path):
    for ledger in read(cut("swarm-2"), tmp_path / "run").values():
        assert row(ledger, "0.a.1")["outcome"] == "recovered"
        assert row(ledger, "0.a.2")["sender_view"] == "unanswered"
        assert row(ledger, "0.a.2")["reason"] == "recorder"
        assert ledger.counters["unexpected"] == 0


def test_a_missing_recorder(tmp_path):
    """Nobody knows whether an agent held the session: its recorder left nothing."""
    book = Book(workers=2)
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.widget_sends("w.0", 3)
    for ledger in read(book, tmp_path / "run").values():
        found = row(ledger, "0.w.0")
        assert (found["owed"], found["outcome"], found["reason"]) == (True, "unjudged", "recorder")


def test_the_run_ends_before_the_horizon(tmp_path):
    book = Book()
    s = book.story(audited=False)
    s.opens(0)
    s.assumes(1)
    s.agent_sends("a.0", 3)
    s.agent_sends("a.1", 12)
    for ledger in read(book, tmp_path / "run", ends=30).values():
        assert row(ledger, "0.a.0")["outcome"] == "lost"
        assert row(ledger, "0.a.1")["outcome"] == "unjudged"
        assert row(ledger, "0.a.1")["reason"] == "run_ended"


@pytest.mark.parametrize("heartbeat_s", [9, 45])
def test_a_server_that_gives_the_silent_up_later_has_longer_for_it(tmp_path, heartbeat_s):
    """The run reckons with 5 + 4 s: where the server says more, who was cut off near the end may yet have come back."""
    book = Book()
    s = book.story(audited=False)
    s.opens(0)
    s.connects("w", 0.5, heartbeat_ns=heartbeat_s * 10**9)
    s.joins("w", 0.6)
    s.assumes(1)
    s.agent_sends("a.0", 3, reaches=False)
    for ledger in read(book, tmp_path / "run", ends=30).values():
        assert row(ledger, "0.a.0")["outcome"] == ("lost" if heartbeat_s == 9 else "unjudged")


def test_a_journal_without_namespaces_means_those_of_each_side(tmp_path):
    """Agents may connect to another one than widgets: that is no mismatch, and a wrong one is one."""
    book = Book()
    spaces = {who: {"socket": {"namespace": f"/{who}s"}} for who in ("agent", "widget")}
    book.info["target"] = {**book.info["target"], **spaces}
    s = book.story()
    s.opens(0)
    s.widget_comes(0.5)
    s.assumes(2)
    s.inside.pop("a")
    s.widget_sends("w.0", 5)
    s.widget_sends("w.1", 6, namespace="/widgets")
    s.drops("w", 20)  # so that the journal tells who leaves
    found = read(book, tmp_path / "run")["journal"]
    assert row(found, "0.w.0")["missed_because"] == "left_room"
    assert row(found, "0.w.1")["missed_because"] == "namespace_mismatch"


# Accepted at 3 s, shown at 35 s; the allowance is 20 s. Windows in s; `everybody`: the server's.
PROLONGED = {
    "no fault": ((), "lost"),
    "a fault of the recipient": (("widget", 10, 20), "recovered"),
    "a fault of the server": (("everybody", 10, 20), "recovered"),
    "a fault of somebody else": (("nobody", 10, 20), "lost"),
    "it began when the allowance was over": (("widget", 24, 26), "lost"),
    "it was over before": (("widget", 0, 2), "lost"),
    "one after the other": (("widget", 4, 6, "widget", 24, 26), "recovered"),
}


@pytest.fixture(scope="module")
def prolonged(tmp_path_factory):
    book = Book()
    for windows, _ in PROLONGED.values():
        s = book.story()
        s.opens(0)
        s.assumes(1)
        s.agent_sends("a.0", 3)
        s.widget_comes(35, offers=["a.0"])
        whose = {"widget": s.names["w"], "everybody": None, "nobody": "widget-99"}
        book.info["fault_windows"] += [
            {"name": "drop", "party": whose[party], "start_ns": ns(s.start_s + start), "end_ns": ns(s.start_s + end)}
            for party, start, end in zip(windows[::3], windows[1::3], windows[2::3], strict=True)
        ]
    return read(book, tmp_path_factory.mktemp("prolonged") / "run")


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("name", PROLONGED)
def test_the_horizon_counts_from_the_last_fault(prolonged, name, reading):
    index = list(PROLONGED).index(name)
    assert row(prolonged[reading], f"{index}.a.0")["outcome"] == PROLONGED[name][1]


def test_no_journal_and_an_unread_one_are_the_same(tmp_path):
    """A run without a journal works by itself."""
    book = killed()
    unread = read(book, tmp_path / "run")["swarm"].deliveries
    for name in [name for name in book.lines if name.startswith("journal")]:
        del book.lines[name]
    assert build_ledger(book.write(tmp_path / "without")).deliveries.equals(unread)


def test_outcomes_are_the_same_with_and_without_a_journal(tmp_path):
    readings = read(killed(), tmp_path / "run")
    columns = ["mid", "owed", "outcome", "via", "latency_ms", "stored"]
    assert readings["journal"].deliveries[columns].equals(readings["swarm"].deliveries[columns])


def test_the_answer_key_changes_nothing(tmp_path):
    folder = killed().write(tmp_path / "run")
    (folder / "injected.jsonl").write_text('{"t": 1, "kind": "fault", "name": "kill-server", "scope": "all"}\n')
    with_key = build_ledger(folder)
    (folder / "injected.jsonl").unlink()
    shutil.rmtree(folder / "report")
    without = build_ledger(folder)
    assert with_key.deliveries.equals(without.deliveries)
    assert with_key.counters == without.counters


def test_garbage_lines_change_nothing(tmp_path):
    book = killed()
    wanted = build_ledger(book.write(tmp_path / "clean")).deliveries
    folder = book.write(tmp_path / "dirty")
    file = folder / "events" / "swarm-1.jsonl"
    file.write_bytes(b'garbage\n{"t": 1}\n\xff\xfe\n' + file.read_bytes())
    ledger = build_ledger(folder)
    assert ledger.deliveries.equals(wanted)
    assert ledger.run.info["sealed"]["garbage"] == 3


def test_the_ledger_is_kept_until_something_changes(tmp_path):
    folder = killed().write(tmp_path / "run")
    first = open_ledger(folder)
    made = first.path.stat().st_mtime_ns
    again = open_ledger(folder)
    assert again.path.stat().st_mtime_ns == made
    assert again.counters == first.counters
    assert again.deliveries.equals(first.deliveries)
    info = (folder / "run.json").read_text()
    (folder / "run.json").write_text(info.replace('"late_after_s": 2.0', '"late_after_s": 0.001'))
    assert set(open_ledger(folder).deliveries["outcome"]) == {"late", "recovered"}


@pytest.mark.parametrize("part", [".parquet", ".json"])
@pytest.mark.parametrize("found", [b"neither", b"[]", b'{"made_of": 0}', None])
def test_a_ledger_that_cannot_be_read_is_built_anew(tmp_path, part, found):
    folder = killed().write(tmp_path / "run")
    first = open_ledger(folder)
    spoilt = first.path.with_suffix(part)
    spoilt.write_bytes(found) if found else spoilt.unlink()
    again = open_ledger(folder)
    assert again.deliveries.equals(first.deliveries)
    assert again.counters == first.counters


def test_what_was_sealed_before_there_was_a_field_is_read(tmp_path):
    ledger = read(killed(), tmp_path / "run")["journal"]
    old = ledger.run.path / "old.parquet"
    ledger.query(f"COPY (SELECT * EXCLUDE (asked_ns, ordered) FROM events) TO '{old}' (FORMAT parquet)")
    old.replace(ledger.run.events)
    assert open_ledger(ledger.run.path).deliveries.equals(ledger.deliveries)


def test_query(tmp_path):
    folder = killed().write(tmp_path / "run")
    found = {name: build_ledger(folder, journal=journal) for name, journal in READINGS.items()}
    sql = "SELECT count(*) AS n FROM events WHERE kind = 'published'"
    assert found["journal"].query(sql)["n"].item() == 4
    assert found["swarm"].query(sql)["n"].item() == 0
    assert found["journal"].query("SELECT count(*) AS n FROM ledger")["n"].item() == 5


def test_a_run_in_which_nothing_happened(tmp_path):
    ledger = build_ledger(Book().write(tmp_path / "run", ends=10))
    assert ledger.deliveries.empty


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(RunFolderError):
        open_ledger(tmp_path)
