"""The command line: help with examples, a variable for every option, one line with the mend for whatever is wrong."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main

import entrega as front_door
from loadtests import target_file as targets
from reports.confusion import SMALL
from tests.command import Say
from tests.played import ENDS_WITHIN_S, WITHIN_S, entrega, environment, settings_of, the_line
from tests.written.history import Book

COMMANDS = typer.main.get_command(front_door.app).commands  # type: ignore[attr-defined]


# -- what every command has


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    said = COMMANDS[name].help
    assert "Example" in said
    assert f"entrega {name}" in said.partition("Example")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_its_variable(name: str) -> None:
    for param in COMMANDS[name].params:
        long = next((opt for opt in param.opts if opt.startswith("--")), None)
        if long not in (None, "--help"):
            assert param.envvar == f"ENTREGA_{long[2:].replace('-', '_').upper()}"
            assert param.help


def test_help_is_printed(say: Say) -> None:
    for words in (["--help"], ["-h"], []):
        said = say(*words)
        assert said.status == 0
        assert all(name in said.out for name in COMMANDS)
    assert "--widgets" in say("run", "--help").out


def test_help_of_the_server_lists_its_variables(say: Say) -> None:
    said = say("serve", "--help")
    assert said.status == 0
    options = set(re.findall(r"--([a-z-]+) ", said.out)) - {"help"}
    assert {"port", "database", "defect", "journal"} <= options
    assert "(default: 8000)" in said.out
    assert "None" not in said.out
    assert "(default: )" not in said.out
    for option in options:
        assert f"[ENTREGA_{option.replace('-', '_').upper()}]" in said.out


def test_variables_count_as_options(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREGA_USERS", "1")
    assert "-u counts widgets and agents together" in say("run", "steady").line
    monkeypatch.setenv("ENTREGA_DEFECT", "widget.no-rejoin server.nothing")
    assert "no defect 'server.nothing'" in say("run", "steady").line


@pytest.mark.parametrize("what", ["scenarios", "targets", "defects", "faults", "causes"])
def test_lists(say: Say, what: str) -> None:
    said = say("list", what)
    assert (said.status, said.err) == (0, "")
    names = [line.split()[0] for line in said.out.splitlines()]
    assert names
    for name in names:
        one = say("list", what, name)
        assert (one.status, one.err) == (0, "")
        assert one.out


def test_the_version_is_printed(say: Say) -> None:
    assert say("--version").out == f"entrega {metadata.version('entrega')}\n"


def test_both_columns_causes_are_listed(say: Say) -> None:
    assert "A value of missed_because;" in say("list", "causes", "early_message").out
    assert "A value of not_recovered_because;" in say("list", "causes", "wiped").out


def test_a_defect_s_value_is_listed_with_its_default(say: Say) -> None:
    value = "value: share of messages, 0 to 1; default: 0.1"
    assert say("list", "defects", "server.drop-emit").out.splitlines()[-1] == value
    listed = say("list", "defects").out.splitlines()
    assert [line for line in listed if line.startswith("server.drop-emit ") and line.endswith(f"[{value}]")]
    assert [line for line in listed if line.endswith("[value: milliseconds; default: 500]")]


def test_a_listed_target_is_a_file_of_it(say: Say, tmp_path: Path) -> None:
    (tmp_path / "bundled.toml").write_text(say("list", "targets", "bundled").out)
    assert targets.load(str(tmp_path / "bundled.toml")) == targets.load("bundled")


# -- wrong usage, before anything begins

WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown command": (("nonsense",), "No such command 'nonsense'; see `entrega --help`"),
    "unknown option": (("run", "steady", "--nonsense"), "No such option: --nonsense"),
    "no scenario": (("run",), "Missing argument"),
    "an option without its value": (("run", "steady", "--seed"), "requires an argument"),
    "words for a number": (("run", "steady", "--widgets", "many"), "'--widgets'"),
    "a word too many": (("run", "steady", "early-reply"), "'early-reply' is one word too many; options for Locust"),
    "unknown scenario": (("run", "nothing"), "no scenario 'nothing'; `entrega list scenarios` has them all; nor"),
    "a scenario's name with a slip": (
        ("run", "stedy"),
        "no scenario 'stedy'; near it: steady; `entrega list scenarios`",
    ),
    "a folder for a scenario": (("run", "."), "no scenario '.'"),
    "unknown field": (("run", "steady", "--set", "colour=blue"), "no field 'colour' in a scenario; `entrega list"),
    "a field without a value": (("run", "steady", "--set", "widgets"), "--set takes FIELD=VALUE, not 'widgets'"),
    "a value that is none": (("run", "steady", "--set", "widgets=many"), "widgets takes a whole number"),
    "unknown defect": (
        ("run", "steady", "--defect", "server.nothing"),
        "no defect 'server.nothing' with target bundled",
    ),
    "unknown fault": (("run", "steady", "--set", "faults.flood.at_s=1"), "no fault 'flood'"),
    "no time": (("run", "steady", "-t", "soon"), "'soon' is no time; write 20s, 5m or 1h"),
    "too little time": (("run", "steady", "-t", "1s"), "raise -r or -t"),
    "less than no time": (("run", "steady", "-t", "-5s"), "run_time_s takes a number from 0"),
    "not a number": (("run", "steady", "-t", "nan"), "run_time_s takes a number from 0"),
    "one user": (("run", "steady", "-u", "1"), "-u counts widgets and agents together; it must be at least 2"),
    "users twice": (("run", "steady", "-u", "9", "--widgets", "3"), "-u says how many widgets and agents there are"),
    "no process": (("run", "steady", "--processes", "0"), "--processes takes a whole number from 1 to "),
    "unknown target": (("run", "steady", "--target", "nothing"), "no target 'nothing': neither one of bundled"),
    "another machine": (("run", "steady", "-H", "http://192.0.2.1"), "--allow-host 192.0.2.1"),
    "no address": (("run", "steady", "-H", "127.0.0.1:8000"), "give http://HOST:PORT"),
    "nobody there": (("run", "steady", "-H", "http://127.0.0.1:1"), "nothing answers at http://127.0.0.1:1"),
    "a defect in somebody else's server": (
        ("run", "steady", "-H", "http://127.0.0.1:1", "--defect", "server.origin"),
        "leave out -H",
    ),
    "a fault for somebody else's server": (
        ("run", "steady", "-H", "http://127.0.0.1:1", "--set", "faults.kill-server={at_s = 1, for_s = 1}"),
        "leave out -H, or the fault",
    ),
    "unknown goal": (("run", "steady", "--set", "goals.speed.max=1"), "no goal 'speed'; there are permanent_loss"),
    "a goal that is none": (("run", "steady", "--set", "goals.leaks.min=1"), "goal leaks takes { max = NUMBER }"),
    "unknown list": (("list", "nothing"), "'nothing'; there are scenarios, targets, defects, faults, causes"),
    "not on the list": (
        ("list", "scenarios", "nothing"),
        "no scenario 'nothing'; `entrega list scenarios` has them all",
    ),
    "a slip on the list": (
        ("list", "causes", "wipd"),
        "no cause 'wipd'; near it: wiped, window; `entrega list causes`",
    ),
    "no runs at all": (("report",), "runs does not exist; `entrega run` makes runs"),
    "no such run": (("gate", "nothing"), "nothing does not exist"),
    "nothing to trace in": (("trace", "0.a.0", "nothing"), "nothing does not exist"),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_wrong_usage_is_one_line_with_the_mend(say: Say, words: tuple[str, ...], said: str) -> None:
    done = say(*words)
    assert (done.status, done.out) == (2, "")
    assert said in done.line
    assert list(Path.cwd().iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(say: Say, tmp_path: Path) -> None:
    for name, held in (("run.json", "a run"), ("events", "events"), ("report", "report")):
        folder = tmp_path / f"out-{name}"
        folder.mkdir()
        (folder / name).mkdir()
        assert f"{folder} holds {held} already; name another folder" in say("run", "steady", "--out", folder).line
        assert [path.name for path in folder.iterdir()] == [name]
    file = tmp_path / "file"
    file.write_text("mine")
    assert f"{file} cannot be made (" in say("run", "steady", "--out", file).line
    assert file.read_text() == "mine"


def test_a_run_json_that_is_none(say: Say, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"scenario": 5}')
    assert "run.json holds no scenario" in say("run", "run.json").line


# -- what only a real start can show


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], subprocess.CompletedProcess[str]]":
    """Name -> a command that ended; all at once, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("started")
    bundled = (targets.SHIPPED / "bundled.toml").read_text()
    starts = {
        "no-such-program": "no-such-program --port 0",
        "ends-at-once": "python -c 'raise SystemExit(\"it is Monday\")'",
        "elsewhere": "python -c 'print(\"listening at http://192.0.2.1:80\", flush=True); import time; time.sleep(60)'",
    }
    for name, start in starts.items():
        (folder / f"{name}.toml").write_text(
            re.sub(r'^start = .*?"(?= #)', lambda _, start=start: f"start = {json.dumps(start)}", bundled, flags=re.M)
        )
    commands: dict[str, tuple[str | Path, ...]] = {
        "a value that the server refuses": ("--defect", "server.drop-emit=7"),
        "Locust's own options": (*settings_of(SMALL), "--", "--no-such-option"),
        **{name: ("--target", folder / f"{name}.toml") for name in starts},
    }

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        out = folder / name.replace(" ", "-")
        return entrega("run", "steady", "--out", out, *commands[name])

    with ThreadPoolExecutor(2) as few_at_once:
        done = dict(zip(commands, few_at_once.map(run, commands), strict=True))
    return done.__getitem__


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a value that the server refuses", "server.drop-emit=7 is no value for it"),
        ("no-such-program", "cannot start 'no-such-program --port 0'"),
        ("ends-at-once", "the server ended at once (1): it is Monday"),
        ("elsewhere", "192.0.2.1 is not this machine"),
    ],
)
def test_a_server_that_does_not_start_leaves_no_run(started: Any, name: str, said: str) -> None:
    done = started(name)
    assert said in the_line(done)
    assert not (Path(done.args[done.args.index("--out") + 1])).exists()


def test_the_bundled_server_says_what_it_lacks() -> None:
    """Who installs entrega for a server of their own has no uvicorn."""
    code = "import sys; sys.modules['uvicorn'] = None; import entrega; sys.argv[1:] = ['serve']; entrega.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    assert the_line(done) == "entrega: the bundled server needs uvicorn; pip install 'entrega[server]'"


def test_options_behind_two_dashes_reach_locust(started: Any) -> None:
    """And one that it does not take is wrong usage as any other: no run is left of it."""
    done = started("Locust's own options")
    assert done.returncode == 2
    assert done.stdout == ""
    *_, line = done.stderr.splitlines()
    assert line == "entrega: Locust says: unrecognized arguments: --no-such-option; `locust --help` lists its options"


def test_a_reader_that_goes_away_is_no_fail(tmp_path: Path) -> None:
    """`entrega gate | head -1` in a script whose shell looks at every exit code."""
    Book().write(tmp_path / "run")
    for words in (["gate", tmp_path / "run"], ["report", tmp_path / "run"], ["list", "scenarios"]):
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-m", "entrega", *map(str, words)]
        with os.fdopen(writer, "wb") as nobody:
            done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, timeout=WITHIN_S, check=False)
        assert (done.returncode, done.stderr) == (141, b""), words


def test_more_users_than_file_descriptors(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "entrega", "run", "steady", "--widgets", "200", "--agents", "2", "-r", "100"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 800; exec "$@"', "sh", *command],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    line = the_line(done)
    assert "need 902 file descriptors and 800 are allowed; raise it with `ulimit -Hn 902`" in line
    assert list(tmp_path.iterdir()) == []
