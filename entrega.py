"""The front door: the command line, and what `import entrega` gives.

run    = entrega.run("early-reply", widgets=60, agents=6, seconds=20, defects=["server.no-history"])
ledger = entrega.open_ledger(run)
ledger.deliveries                                 # pandas, one row per message
entrega.figures.loss_by_join_offset(ledger)       # a matplotlib Figure
entrega.judge(ledger.summary, goals)              # pass, fail or unknown, with reasons
"""

import io
import pkgutil
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from entrega_options import (
    FAIL,
    OUR_FAULT,
    PASS,
    UNKNOWN,
    UNREAD,
    WRONG_USAGE,
    JudgeOptions,
    RunOptions,
    ServerOptions,
    VerdictOptions,
    option,
    spread,
)

if TYPE_CHECKING:
    from loadtests.order import Order
    from loadtests.progress import Progress
    from reports.summary import Summary

HERE = str(Path(__file__).resolve().parent)
HOUSES = frozenset({"loadtests", "reports", "server_under_test"})


class _Houses:
    """Finds our houses beside this file, before a user's own folder of the same name is looked at."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [HERE]) if name in HOUSES else None


sys.meta_path.insert(0, _Houses)

# What `import entrega` gives beside run() and runs(); a house is imported when its first name is asked for.
_PUBLIC = {
    "open_ledger": "reports.ledger:open_ledger",
    "side_by_side": "reports.side_by_side:side_by_side",
    "judge": "reports.verdict:judge",
    "trace": "reports.trace:trace",
    "figures": "reports.figures:",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'entrega' has no attribute {name!r}")
    return pkgutil.resolve_name(_PUBLIC[name])


def run(
    scenario: str,
    *,
    widgets: int | None = None,
    agents: int | None = None,
    seconds: float | None = None,
    seed: int | None = None,
    defects: Iterable[str] = (),
    target: str = "bundled",
    host: str | None = None,
    processes: int = 1,
    out: str | Path | None = None,
    settings: "dict[str, Any] | None" = None,
) -> Path:
    """Play a scenario in subprocesses, with a progress bar; returns the run folder.

    `settings` are scenario fields by (dotted) name; `seconds` is run_time_s. Raises BadInput (one line with the mend).
    """
    from loadtests.order import order

    asked = {"widgets": widgets, "agents": agents, "run_time_s": seconds, "seed": seed}
    changes = {name: value for name, value in asked.items() if value is not None}
    wanted = order(
        scenario,
        {**(settings or {}), **changes},
        defects=tuple(defects),
        target=target,
        host=host,
        processes=processes,
        out=out,
    )
    return _play(wanted)


def _play(wanted: "Order") -> Path:
    from loadtests.launcher import launch
    from loadtests.progress_bar import ProgressBar
    from reports.goals import check_goals

    check_goals(wanted.scenario.goals)  # now, not when everything was played
    with ProgressBar() as bar:

        def watch(progress: "Progress") -> None:
            if _signals:  # _stop raised where Python drops exceptions, as in a finalizer: raise it again
                raise _Stopped(_signals[0])
            bar(progress)

        return launch(wanted, watch)


def runs(folder: str | Path = "runs/") -> Any:
    """A pandas table with a row per run below `folder`: its path, and what reports.side_by_side says of it."""
    from reports.ledger import open_ledger
    from reports.side_by_side import side_by_side

    paths = [path.parent for path in sorted(Path(folder).glob("**/run.json"))]
    return side_by_side({str(path): open_ledger(path) for path in paths}).reset_index()


# -- the command line

app = typer.Typer(
    name="entrega",
    help="Is every message that an agent sends shown in the customer's widget, and if not, why?",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(f"entrega {metadata.version('entrega')}")
        raise typer.Exit


@app.callback()
def all_commands(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of the program as a whole."""


Run = Annotated[Path, typer.Argument(help="a run folder, or a folder of runs: then the newest", show_default=True)]
LATEST = Path("runs")
SELFTESTS = Path("runs/selftest")


@app.command(name="run", context_settings={"allow_extra_args": True})
@spread
def run_command(
    context: typer.Context,
    scenario: Annotated[str, typer.Argument(help="a shipped scenario, a TOML file, or a run.json to play again")],
    asked: RunOptions,
    out: Annotated[Path | None, option("--out", help="the run folder itself; it must hold no run yet")] = None,
) -> None:
    """Play a scenario against a server and leave a run folder, whose path is the last line on stdout.

    Options behind -- go to Locust. Example:

    entrega run early-reply --widgets 60 --agents 6 -t 20s --seed 7 --defect server.no-history
    """
    if context.args and not context.args[0].startswith("-"):
        raise typer.BadParameter(f"{context.args[0]!r} is one word too many; options for Locust stand behind --")
    folder = _play(asked.order(scenario, context.args, out))
    spoilt = _spoilt(folder)
    if spoilt:
        print(f"entrega: {spoilt}", file=sys.stderr)
    print(folder)
    raise typer.Exit(UNKNOWN if spoilt else PASS)


def _spoilt(folder: Path) -> str:
    """Why the run is not complete and valid, in one line; empty when it is."""
    from loadtests.run_folder import RunFolderError, read_info
    from reports.ledger import open_ledger
    from reports.verdict import PROBE

    end = read_info(folder)["end"]
    if end["state"] != "complete":
        return str(end["reason"] or "the run was cut off")
    try:
        summary = open_ledger(folder).summary
    except RunFolderError as error:
        return str(error)
    reasons = [reason.rstrip(".") for reason in summary.rig.reasons]
    if nothing := _nothing_came_of_it(summary):
        reasons += [nothing, PROBE]
    return "; ".join(reasons)


def _nothing_came_of_it(summary: "Summary") -> str:
    """Of a run against a server that would not talk: how far it came. Empty: it talked."""
    if summary.unreached and not summary.planned:
        return "no session came so far that anybody spoke"
    if summary.parties.asked and not summary.parties.connected:
        return "nobody got a connection"
    if not summary.sent:
        return "nothing was sent"
    if not summary.accepted:
        return "no message was accepted"
    return "" if summary.owed else "no agent took a session, so that nothing was owed to anybody"


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
def serve(context: typer.Context) -> None:
    """Run the bundled chat server, with the defects that are asked for; `entrega serve --help` lists its options.

    Example: entrega serve --port 8000 --defect server.no-history
    """
    from loadtests.bad_input import BadInput

    try:
        from server_under_test.__main__ import main as serve_chat

        status = serve_chat(context.args)  # which imports the most
    except ImportError as error:
        raise BadInput(f"the bundled server needs {error.name}; pip install 'entrega[server]'") from None
    raise typer.Exit(status)


@app.command()
@spread
def report(held: JudgeOptions, run: Run = LATEST) -> None:
    """Print what became of every message, and write report/ (ledger, summary, page, figures) into the run folder.

    Example: entrega report runs/latest --against baseline/summary.json
    """
    from rich.console import Console

    from reports.ledger import open_ledger
    from reports.page import write_report
    from reports.terminal import print_report

    ledger = open_ledger(run)
    verdict = held.judge(ledger)
    print_report(ledger, verdict, Console())  # first: the folder may be read-only
    print(write_report(ledger, verdict))


@app.command()
@spread
def gate(held: JudgeOptions, told: VerdictOptions, run: Run = LATEST) -> None:
    """Judge a run by its scenario's goals: exit 0 pass, 1 fail, 3 not enough evidence.

    Example: entrega gate runs/latest --goals goals.toml --junit junit.xml
    """
    from reports.check import judged
    from reports.ledger import open_ledger

    ledger = open_ledger(run)
    verdict = held.judge(ledger)
    print(verdict.verdict)
    for reason in verdict.reasons:
        print(f"  {reason}")
    checked = judged(ledger, verdict)
    told.tell([checked])
    raise typer.Exit(told.exit_code([checked]))


@app.command()
@spread
def check(
    scenarios: Annotated[list[str], typer.Argument(help="as for run, one or more")],
    asked: RunOptions,
    held: JudgeOptions,
    told: VerdictOptions,
    out: Annotated[Path, option("--out", help="folder for the runs, junit.xml and summary.md")] = LATEST,
) -> None:
    """Play, report and judge scenarios: CI's one command. Exit 1 if one fails, else 3 if one is unknown, else 0.

    Whatever happens it leaves run folders with their reports, junit.xml and summary.md. Options behind -- go to Locust.

    Example: entrega check steady early-reply short-drop --out check
    """
    first = next((number for number, word in enumerate(scenarios) if word.startswith("-")), len(scenarios))
    orders = [asked.order(scenario, scenarios[first:]) for scenario in scenarios[:first]]
    for wanted in orders:
        held.read(wanted.scenario.name, wanted.scenario.goals)

    from rich.console import Console  # now that all is well said: they take seconds to load

    from reports.check import check as check_all
    from reports.check import print_checked

    checked = check_all(orders, out, _play, held.judge, lambda found: told.tell(found, out))
    print_checked(checked, Console())
    raise typer.Exit(told.exit_code(checked))


@app.command(name="trace")
def trace_command(mid: Annotated[str, typer.Argument(help="RUN:KEY, or KEY alone")], run: Run = LATEST) -> None:
    """One message's whole timeline, the stage where it went missing, and the cause in words.

    Example: entrega trace 17.a.3 runs/latest
    """
    from rich.console import Console

    from reports.lanes import print_trace
    from reports.ledger import open_ledger
    from reports.trace import trace

    print_trace(trace(open_ledger(run), mid), Console())


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(help="scenarios, targets, defects, faults or causes")],
    name: Annotated[str | None, typer.Argument(help="one of them, in full")] = None,
) -> None:
    """What there is to play with.

    Examples: entrega list scenarios; entrega list scenarios early-reply; entrega list defects
    """
    from entrega_lists import TABLES
    from loadtests.bad_input import near

    if what not in TABLES:
        raise typer.BadParameter(f"{what!r}; there are {', '.join(TABLES)}")
    table = TABLES[what]()
    if name is not None and name not in table:
        nearest = near(name, table, f"`entrega list {what}` has them all")
        raise typer.BadParameter(f"no {what.removesuffix('s')} {name!r}; {nearest}")
    if name is not None:
        print("\n".join(table[name][1]))
    else:
        width = max(map(len, table))
        print("\n".join(f"{each:{width}}  {sentence}" for each, (sentence, _) in table.items()))


@app.command()
@spread
def probe(at: ServerOptions) -> None:
    """Play one session step by step, each with the raw reply, and where it fails the key of the target that mends it.

    Exit 0 if the server does all that the target says of it, 1 if not.

    Example: entrega probe --target entrega.toml -H http://127.0.0.1:3000
    """
    from loadtests.probe import probe as probe_target
    from loadtests.target_file import load

    target = load(at.target)
    raise typer.Exit(probe_target(target, at.host, tuple(at.allow_host or ()), at.ca, at.wait))


@app.command()
def selftest(
    quick: Annotated[bool, option("--quick", help="some cases once, within two minutes; else all")] = False,
    soak: Annotated[bool, option("--soak", help="healthy runs of every scenario, and bad-day for 20 minutes")] = False,
    rounds: Annotated[int | None, option("--rounds", min=1, help="how often, each with another seed")] = None,
    json_file: Annotated[Path | None, option("--json", help="write the matrices there")] = None,
    out: Annotated[Path, option("--out", help="the runs' folder; an interrupted selftest goes on there")] = SELFTESTS,
) -> None:
    """Break one thing at a time and see that it is found and rightly named; and that a healthy server is left alone.

    Exit 0 when it is so, 1 when not, 3 when too many runs were not valid. Example:

    entrega selftest --quick --json selftest.json
    """
    if quick and soak:
        raise typer.BadParameter("--quick and --soak exclude each other; leave one out")
    from rich.console import Console

    from reports import matrix
    from reports.confusion import CASES, LONG_DAY, QUICK, SOAK
    from reports.selftest import SEED, finish, play

    cases, usual = (QUICK, 1) if quick else (SOAK, 20) if soak else (CASES, 3)
    plays = [(case, SEED + n) for n in range(rounds or usual) for case in cases]
    found = matrix.verdict(*play([*plays, (LONG_DAY, SEED)] if soak else plays, out))
    matrix.show(found, Console())
    matrix.write(found, out, json_file)
    finish(out)
    raise typer.Exit({True: PASS, False: FAIL, None: UNKNOWN}[found.passed])


@app.command()
def demo() -> None:
    """Two short runs: replies that go missing for ever, and the same on the healthy server. About two minutes.

    Example: entrega demo
    """
    from rich.console import Console

    from reports.ledger import open_ledger
    from reports.page import write_report
    from reports.terminal import print_report

    pages = []
    for title, defects in (("with the defect server.no-history", ["server.no-history"]), ("on the healthy server", [])):
        print(f"early-reply {title}: 60 widgets, 6 agents, 20 s of talk", file=sys.stderr)
        ledger = open_ledger(run("early-reply", widgets=60, agents=6, seconds=20, seed=7, defects=defects))
        verdict = JudgeOptions().judge(ledger)
        pages.append(write_report(ledger, verdict))
        Console().rule(f"early-reply {title}")
        print_report(ledger, verdict, Console())
    print("\nThe pages:", *pages, "The notebook: notebooks/01_first_run.ipynb (make lab)", sep="\n  ")


class _Stopped(BaseException):
    """SIGINT or SIGTERM. Unlike KeyboardInterrupt it is nothing that a library turns into an exit code of its own."""


_signals: list[str] = []  # that have come


def _stop(number: int, *_: object) -> None:
    _signals.append(signal.Signals(number).name)
    if len(_signals) == 1:  # later ones would cut the clean-up, which is bounded
        raise _Stopped(_signals[0])


def _prepare() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # as in a terminal that knows ASCII only
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as a shell wants it for what runs in the background
            signal.signal(number, _stop)


def main() -> None:
    """Commands end with an exit code and at most one line on stderr; a traceback is a bug of ours."""
    from loadtests.bad_input import BadInput

    _prepare()
    try:
        status = app(sys.argv[1:] or ["--help"], prog_name="entrega", standalone_mode=False)
    except SystemExit as ended:  # typer and rich say FAIL where nobody reads what is printed
        status = UNREAD if ended.code == FAIL else ended.code
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "entrega"
        _end(WRONG_USAGE, f"{error.format_message().rstrip('.')}; see `{command} --help`")
    except BadInput as error:
        _end(WRONG_USAGE, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _end(WRONG_USAGE, f"{where}{error.strerror or error}")
    except Exception:  # noqa: BLE001  # a traceback would end with FAIL's code
        traceback.print_exc()
        _end(OUR_FAULT, "an error of entrega's own; please report it with what stands above")
    except _Stopped as stopped:
        _end(UNKNOWN, "; ".join([f"stopped by {stopped}", *getattr(stopped, "__notes__", ())]))
    sys.exit(status)


def _end(code: int, said: str) -> NoReturn:
    print(f"entrega: {' '.join(said.split())}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
