"""launch(order) -> a run folder: server and swarm as processes of their own, watched until they have ended."""

import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from loadtests import run_folder, run_info
from loadtests.address import CA_VARIABLE, check_url
from loadtests.bad_input import BadInput
from loadtests.events import Recorder
from loadtests.machine import Share, used
from loadtests.order import Order
from loadtests.outages import Outages
from loadtests.plan import server_strikes
from loadtests.progress import Progress, Tail
from loadtests.run_folder import RunFolderError
from loadtests.server_process import ServerError, ServerProcess

LOCUSTFILE = Path(__file__).parent / "locustfile.py"
TICK_S = 0.1
GRACE_S = 120.0  # beyond the plan's end, until a swarm that does not end is ended
WRONG_USAGE = 2  # Locust's exit code, as argparse gives it
LAST_WORDS_BYTES = 2**16
INTERRUPT_S = 4.0  # for everybody to close the books after a signal

Watch = Callable[[Progress], None]


def launch(order: Order, watch: Watch) -> Path:
    """Play the order and return its sealed run folder; run.json's `end` says how it went.

    Raises BadInput before a run began. A signal's exception passes through after the books are closed, with a note
    that names the folder (then nothing is sealed: the next reader does it).
    """
    folder = order.out or run_folder.new_path(Path("runs"), order.scenario.name, order.scenario.seed)
    info = run_info.describe(order.scenario, order.target, order.url or "", order.processes)
    run_folder.create(folder, info)
    (folder / "logs").mkdir()
    run = _Run(order, folder, watch)
    try:
        with run.books():
            run.start_server()
            with run.swarm() as swarm:
                run.follow(swarm)
    except BadInput:
        run_folder.remove(folder)  # nothing was played: the next try may have the same --out
        raise
    with contextlib.suppress(RunFolderError):  # whoever reads it next is told why
        run_folder.seal_run(folder)
    return folder


class _Run:
    def __init__(self, order: Order, folder: Path, watch: Watch) -> None:
        self._order = order
        self._folder = folder
        self._watch = watch
        self._outages: Outages | None = None  # of a server of its own
        self._database = tempfile.mkdtemp(prefix="entrega-")  # holds tokens and texts: never in the run folder
        self._recorder = Recorder(folder / "events" / "launcher.jsonl")
        self._server_cpu = Share(self._server_used)

    # -- processes

    def start_server(self) -> None:
        """Start the target's server, if the run is to have one of its own. Raises BadInput."""
        if self._order.url is None:
            target, logs = self._order.target, (self._folder / "logs").resolve()
            server = ServerProcess(target.start or "", self._environment(), logs, target.folder)
            strikes = list(server_strikes(self._order.scenario))
            self._outages = Outages(self._folder, server, strikes, self._recorder.append)
            server.launch()
            self._outages.ready()
            url = check_url(server.url, self._order.allowed_hosts)
            run_folder.update(self._folder, url=url)

    @contextlib.contextmanager
    def books(self) -> Iterator[None]:
        """Whatever happens: the server ends with the run, and run.json says how it ended."""
        try:
            yield
        except BadInput:
            raise
        except OSError as error:
            self._end("failed", f"recording in {self._folder} stopped: {error.strerror}; free space there")
        except BaseException as signalled:
            signalled.add_note(f"what was recorded is in {self._folder}")
            self._end("interrupted", "a signal")
            raise
        finally:
            self._close()

    def _close(self) -> None:
        if self._outages is not None:
            self._outages.close()
        shutil.rmtree(self._database)
        try:
            self._recorder.close()
        except OSError as error:
            self._end("failed", f"recording in {self._folder} stopped: {error.strerror}; free space there")

    def _environment(self) -> dict[str, str]:
        scenario = self._order.scenario
        return {
            "ENTREGA_PORT": "0",
            "ENTREGA_DATABASE": f"sqlite:///{self._database}/chat.db",
            "ENTREGA_DEFECT": ",".join(name for name in self._order.defects if name.startswith("server.")),
            "ENTREGA_SEED": str(scenario.seed),
            "ENTREGA_INJECTED": str((self._folder / "injected.jsonl").resolve()),
            "ENTREGA_PING_INTERVAL": str(scenario.ping_interval_s),
            "ENTREGA_PING_TIMEOUT": str(scenario.ping_timeout_s),
        }

    @contextlib.contextmanager
    def swarm(self) -> "Iterator[subprocess.Popen[bytes]]":
        """Locust as a process group of its own, which ends when this process does: it holds the lifeline's far end."""
        far, near = os.pipe()
        environment = {
            **os.environ,
            "ENTREGA_RUN": str(self._folder.resolve()),
            "ENTREGA_LIFELINE": str(far),
            "ENTREGA_DEFECT": ",".join(name for name in self._order.defects if name.startswith("widget.")),
            **({CA_VARIABLE: str(self._order.ca)} if self._order.ca else {}),
        }
        with (self._folder / "logs" / "locust.log").open("wb") as log:
            swarm = subprocess.Popen(
                self._locust(), env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, pass_fds=(far,),
            )  # fmt: skip
        os.close(far)
        try:
            yield swarm
        finally:
            _end_group(swarm)
            os.close(near)

    def _locust(self) -> list[str]:
        scenario = self._order.scenario
        users = scenario.widgets + scenario.agents
        command = [sys.executable, "-P", "-m", "locust", "-f", str(LOCUSTFILE), "--only-summary"]
        has_web = any(option.startswith(("--web-", "-P")) for option in self._order.locust_options)
        command += ["--autostart", "--web-host", "127.0.0.1"] if has_web else ["--headless"]
        command += ["-u", str(users), "-r", str(scenario.arrivals_per_s), "-t", f"{round(scenario.run_time_s)}s"]
        command += ["--exit-code-on-error", "0"]
        if self._order.processes > 1:
            port = str(_free_port())
            command += ["--processes", str(self._order.processes), "--master-port", port]
            command += ["--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        return [*command, *self._order.locust_options]

    # -- while it lasts

    def follow(self, swarm: "subprocess.Popen[bytes]") -> None:
        """Watch the swarm until it has ended, and hurt the server as planned."""
        try:
            self._follow(swarm)
        except ServerError as error:
            if shutil.disk_usage(self._folder).free < LAST_WORDS_BYTES:  # it died of that, and could not say so
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
            self._end("failed", str(error))

    def _follow(self, swarm: "subprocess.Popen[bytes]") -> None:
        scenario = self._order.scenario
        planned_s = scenario.run_time_s + scenario.quiet_phase_s
        tail = Tail(self._folder / "events", scenario.late_after_s)
        began_s, next_look_s, t0_ns = time.monotonic(), 0.0, None
        while swarm.poll() is None:
            elapsed_s = time.monotonic() - began_s
            if elapsed_s > planned_s + GRACE_S:
                self._end("failed", f"the swarm had not ended {GRACE_S:.0f} s after its plan")
                return
            if elapsed_s >= next_look_s:
                next_look_s = elapsed_s + 0.5
                self._watch(tail.progress(elapsed_s, planned_s))
                self._look_at_server()
                self._recorder.flush()
                info = run_folder.read_info(self._folder)
                if info["end"]["state"]:
                    return  # a load process could not go on; the others need not play to the end
                if self._order.out is None and t0_ns is None and info["t0_ns"]:
                    run_folder.point_latest(self._folder)
                t0_ns = info["t0_ns"]
            if self._outages is not None:
                self._outages.tick(t0_ns)
            time.sleep(TICK_S)
        self._watch(tail.progress(time.monotonic() - began_s, planned_s))
        self._end(*self._how(swarm.returncode, began=t0_ns is not None))

    def _how(self, status: int, *, began: bool) -> tuple[str, str | None]:
        """The run's end by Locust's exit status. Raises BadInput for options that Locust does not take."""
        log = self._folder / "logs" / "locust.log"
        if status == WRONG_USAGE and not began:
            said = log.read_text().strip().rpartition("error: ")[2]
            raise BadInput(f"Locust says: {said}; `locust --help` lists its options")
        return ("failed", f"Locust ended with {status}; see {log}") if status else ("complete", None)

    def _look_at_server(self) -> None:
        cpu = self._server_cpu.since()
        if cpu is not None and cpu >= 0:  # below: another process has come in its place, or a child left unnoticed
            self._recorder.append("server_cpu", cpu=cpu)

    def _server_used(self) -> tuple[int, int] | None:
        pid = None if self._outages is None else self._outages.pid
        return None if pid is None else used(pid)

    def _end(self, state: str, reason: str | None) -> None:
        run_folder.end(self._folder, state, reason)


def _end_group(swarm: "subprocess.Popen[bytes]") -> None:
    """End Locust and its workers, politely first; nothing happens to a group that has ended."""
    for name, wait_s in ((signal.SIGTERM, INTERRUPT_S), (signal.SIGKILL, INTERRUPT_S)):
        try:
            os.killpg(swarm.pid, name)
        except ProcessLookupError:
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            swarm.wait(wait_s)
    swarm.wait(INTERRUPT_S)


def _free_port() -> int:
    """A port for Locust's master, so that two runs at once do not meet."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
