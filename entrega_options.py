"""The options of the command line that commands share, each written once.

A command takes a group of them (RunOptions, JudgeOptions, VerdictOptions) as one argument; `spread` shows typer the
group's fields.
"""

import dataclasses
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from loadtests.order import Order
    from reports.check import Checked
    from reports.ledger import Ledger
    from reports.summary import Summary
    from reports.verdict import Verdict

PASS, FAIL, WRONG_USAGE, UNKNOWN = range(4)  # exit codes everywhere
OUR_FAULT = 70  # as sysexits.h has it
UNREAD = 141  # as a shell says it of a program whose reader went away


def option(*flags: str, help: str, **more: Any) -> Any:
    """An option with its ENTREGA_* variable."""
    long = next(flag for flag in flags if flag.startswith("--"))
    return typer.Option(*flags, help=help, envvar=f"ENTREGA_{long[2:].replace('-', '_').upper()}", **more)


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it: an argument whose type is a dataclass stands for that class's fields."""
    own = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {each.name: each.annotation for each in own if dataclasses.is_dataclass(each.annotation)}
    shown = [shown for each in own for shown in (_fields(each.annotation) if each.name in groups else [each])]
    shown = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shown]

    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in _fields(group)})
        command(**given)

    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {each.name: each.annotation for each in shown}
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    return called


def _fields(group: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(group).parameters.values())


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Which server, and where."""

    target: Annotated[str, option("--target", help="a shipped target or a TOML file")] = "bundled"
    host: Annotated[str | None, option("-H", "--host", help="where the server is; it is not started then")] = None
    ca: Annotated[Path | None, option("--ca", help="PEM file with the only authority to trust, for https")] = None
    allow_host: Annotated[list[str] | None, option("--allow-host", help="a host beside loopback that may get load")] = (
        None
    )
    wait: Annotated[float, option("--wait", help="s for which a server that is not started may not answer yet")] = 0.0


@dataclass(frozen=True, slots=True)
class RunOptions(ServerOptions):
    """How a run is played: the options of `run` and `check`."""

    users: Annotated[int | None, option("-u", "--users", help="widgets + agents, in the scenario's ratio")] = None
    widgets: Annotated[int | None, option("--widgets", help="customers")] = None
    agents: Annotated[int | None, option("--agents", help="support agents")] = None
    spawn_rate: Annotated[float | None, option("-r", "--spawn-rate", help="sessions opened a second")] = None
    run_time: Annotated[str | None, option("-t", "--run-time", help="end of sending: 20s, 5m, 1h")] = None
    seed: Annotated[int | None, option("--seed", help="of every random choice")] = None
    set: Annotated[list[str] | None, option("--set", help="FIELD=VALUE of the scenario, as often as needed")] = None
    defect: Annotated[list[str] | None, option("--defect", help="NAME[=VALUE] of wrong code, see `list defects`")] = (
        None
    )
    processes: Annotated[int, option("--processes", help="load processes")] = 1

    def order(self, scenario: str, locust_options: Iterable[str], out: Path | None = None) -> "Order":
        """What is to be played. Raises BadInput."""
        from loadtests.order import order

        return order(
            scenario,
            self._changes(),
            users=self.users,
            defects=[name for each in self.defect or () for name in each.split(",")],  # a variable has commas in it
            target=self.target,
            host=self.host,
            allowed_hosts=self.allow_host or (),
            ca=self.ca,
            wait_s=self.wait,
            processes=self.processes,
            out=out,
            locust_options=locust_options,
        )

    def _changes(self) -> dict[str, Any]:
        from loadtests.scenario import parse_setting, parse_time_s

        asked = {
            "widgets": self.widgets,
            "agents": self.agents,
            "arrivals_per_s": self.spawn_rate,
            "run_time_s": parse_time_s(self.run_time) if self.run_time else None,
            "seed": self.seed,
        }
        return dict(map(parse_setting, self.set or ())) | {
            name: value for name, value in asked.items() if value is not None
        }


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """The goals and the baseline that a run is judged by."""

    against: Annotated[
        Path | None, option("--against", help="a baseline: a run, a summary.json, or a folder with SCENARIO.json")
    ] = None
    goals: Annotated[Path | None, option("--goals", help="goals (TOML) instead of the scenario's own")] = None

    def judge(self, ledger: "Ledger") -> "Verdict":
        from reports.verdict import judge

        scenario = ledger.run.info.get("scenario") or {}
        return judge(ledger.summary, *self.read(ledger.summary.scenario, scenario.get("goals") or {}))

    def read(self, scenario: str, own: Mapping[str, Any]) -> "tuple[Mapping[str, Any], Summary | None]":
        """The goals and the baseline of a scenario with these `own` goals. Raises BadInput."""
        from loadtests.bad_input import BadInput
        from reports.baseline import load_summary
        from reports.goals import check_goals, load_goals

        check_goals(own)
        goals = load_goals(self.goals) if self.goals else own
        if self.against is None:
            return goals, None
        of_scenario = self.against / f"{scenario}.json"
        if of_scenario.is_file():
            return goals, load_summary(of_scenario)
        if any(self.against.glob("*.json")) and not (self.against / "run.json").exists():
            raise BadInput(
                f"{self.against} holds baselines, and none of {scenario}; put its summary.json there as {of_scenario}"
            )
        return goals, load_summary(self.against)


@dataclass(frozen=True, slots=True)
class VerdictOptions:
    """Where a verdict is written, and what an unknown one exits with."""

    junit: Annotated[Path | None, option("--junit", help="write the verdict there as JUnit's XML")] = None
    github: Annotated[
        Path | None, option("--github", help="append it there in Markdown; else to $GITHUB_STEP_SUMMARY, where that is")
    ] = None
    on_unknown: Annotated[
        Literal["fail", "warn", "pass"] | None,
        option("--on-unknown", help="instead of exit code 3: fail is 1, warn (on stderr) and pass are 0"),
    ] = None

    def tell(self, checked: "Sequence[Checked]", folder: Path | None = None) -> None:
        """Write the files that were asked for; `folder` gets junit.xml and summary.md besides. Raises OSError."""
        from reports.junit import junit
        from reports.step_summary import step_summary

        xml, markdown = junit(checked, self.on_unknown), step_summary(checked)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "junit.xml").write_bytes(xml)
            (folder / "summary.md").write_text(markdown, encoding="utf-8")
        if self.junit is not None:
            self.junit.parent.mkdir(parents=True, exist_ok=True)
            self.junit.write_bytes(xml)
        if github := self.github or os.environ.get("GITHUB_STEP_SUMMARY"):
            with Path(github).open("a", encoding="utf-8") as summary:
                summary.write(markdown)

    def exit_code(self, checked: "Iterable[Checked]") -> int:
        """Fail before what could not be played before unknown before pass."""
        found = set()
        for each in checked:
            unknown = {None: UNKNOWN, "fail": FAIL}.get(each.if_unknown(self.on_unknown), PASS)
            found.add({"fail": FAIL, "trouble": WRONG_USAGE, "unknown": unknown, "pass": PASS}[each.verdict.verdict])
            if each.verdict.verdict == "trouble" or (each.verdict.verdict == "unknown" and self.on_unknown == "warn"):
                print(f"entrega: {each.scenario}: {' '.join(each.verdict.reasons)}", file=sys.stderr)
        return next((code for code in (FAIL, WRONG_USAGE, UNKNOWN) if code in found), PASS)
