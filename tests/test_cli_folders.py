"""Commands on what is no run folder, no goals, no baseline: one line with the mend; garbage is counted."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtests import run_folder, run_info
from tests.command import Say

INFO = {"format": 1, "run": "r", "horizon_s": 20.0, "late_after_s": 2.0, "clocks": [run_info.clock("start")]}
SENT = '{"t": 1, "kind": "sent", "party": "widget-0", "session": "s", "mid": "r:0.w.0", "due_ns": 1, "via": "rest"}\n'


def folder_of(path: Path, info: Any, *lines: str) -> Path:
    (path / "events").mkdir(parents=True)
    (path / "run.json").write_text(info if isinstance(info, str) else json.dumps(info))
    if lines:
        (path / "events" / "swarm-1.jsonl").write_text("".join(lines))
    return path


@pytest.mark.parametrize("command", ["report", "gate", "trace"])
def test_folders_that_are_no_run(say: Say, tmp_path: Path, command: str) -> None:
    words = [command, "0.a.0"] if command == "trace" else [command]
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    truncated = folder_of(tmp_path / "truncated", '{"format": 1, "run"', SENT)
    other = folder_of(tmp_path / "other", {**INFO, "format": 99}, SENT)
    unplayed = folder_of(tmp_path / "unplayed", INFO)
    foreign = folder_of(tmp_path / "foreign", {**INFO, "run": "s"}, SENT)
    cut = folder_of(tmp_path / "cut", INFO)
    (cut / "events.parquet").write_bytes(b"PAR1 and no more")
    for folder, said in (
        (tmp_path / "empty", "holds no run; `entrega run` makes one"),
        (tmp_path / "file", "is a file; give the folder"),
        (truncated, "is truncated or not JSON; restore it"),
        (other, "has format 99 and this entrega reads 1"),
        (unplayed, "holds no events"),
        (foreign, "is of the run r, and run.json beside it of s; put what belongs together into one folder"),
        (cut, "is truncated or no Parquet file"),
    ):
        done = say(*words, folder)
        assert done.status == 2
        assert said in done.line


def test_garbage_among_the_events_is_counted_and_the_rest_is_read(say: Say, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", INFO, "garbage\n", SENT, "{}\n", SENT[:40])
    done = say("gate", folder)
    assert (done.status, done.err) == (3, "")
    sealed = run_folder.read_info(folder)["sealed"]
    assert (sealed["events"], sealed["garbage"], sealed["truncated"]) == (1, 2, 1)


def test_goals_and_baselines_that_are_none(say: Say, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", INFO, SENT)
    texts = {
        "broken.toml": ("[goals", "--goals", "is not TOML"),
        "unknown.toml": ("speed = { max = 1 }", "--goals", "no goal 'speed'"),
        "odd.toml": ("leaks = { max = true }", "--goals", "goal leaks takes { max = NUMBER }"),
        "share.toml": ("permanent_loss = { max = 5 }", "--goals", "5 % is 0.05"),
        "broken.json": ("{", "--against", "is not JSON"),
        "other.json": ('{"format": 99}', "--against", "has format 99"),
        "half.json": ('{"format": 1}', "--against", "is no summary of a run"),
    }
    for name, (text, option, said) in texts.items():
        (tmp_path / name).write_text(text)
        for command in ("gate", "report"):
            done = say(command, folder, option, tmp_path / name)
            assert done.status == 2
            assert said in done.line
    for option in ("--goals", "--against"):
        assert say("gate", folder, option, "nowhere").status == 2


def test_a_message_that_is_not_there(say: Say, tmp_path: Path) -> None:
    done = say("trace", "5.a.5", folder_of(tmp_path / "run", INFO, SENT))
    assert done.status == 2
    assert "no message '5.a.5'" in done.line
    assert say("trace", "0.w.0", tmp_path / "run").status == 0


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        *(
            ({name: "x"}, f"has another kind of {name} than runs have")
            for name in ("scenario", "clocks", "t0_ns", "end")
        ),
        ({"fault_windows": [{"party": None}]}, "has fault_windows without start_ns"),
    ],
)
def test_a_run_json_that_says_what_none_says(say: Say, tmp_path: Path, odd: dict[str, Any], said: str) -> None:
    folder = folder_of(tmp_path / "run", {**INFO, **odd}, SENT)
    for command in ("report", "gate"):
        done = say(command, folder)
        assert done.status == 2
        assert said in done.line


def test_a_run_by_hand_needs_no_more_than_the_documents_say(say: Say, tmp_path: Path) -> None:
    least = {name: INFO[name] for name in ("format", "run", "horizon_s", "late_after_s")}
    folder = folder_of(tmp_path / "run", {**least, "fault_windows": [{"start_ns": 5}]}, SENT)
    done = say("report", folder)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("unnamed, run r\n0 messages owed: nothing to show.")
    assert "The run was cut off" not in done.out
    assert (folder / "report" / "report.html").is_file()


def test_baselines_without_that_scenario_s(say: Say, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "run", {**INFO, "scenario": {"name": "steady"}}, SENT)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "storm.json").write_text("{}")
    done = say("gate", folder, "--against", tmp_path / "baselines")
    assert (done.status, "holds baselines, and none of steady" in done.line) == (2, True)


def test_a_mistake_of_ours_is_no_verdict(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("reports.check.judged", breaks)
    done = say("gate", folder_of(tmp_path / "run", INFO, SENT))
    assert done.status == 70
    assert "ZeroDivisionError: ours" in done.err
    assert done.err.endswith("entrega: an error of entrega's own; please report it with what stands above\n")
