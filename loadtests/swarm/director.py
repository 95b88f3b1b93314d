"""Between Locust and a run: when a test starts there is a folder, a stage and a rig; when it ends the books are closed.

The same code serves `locust -f loadtests/locustfile.py`, with web UI or without, and the launcher, which hands over
a prepared folder in ENTREGA_RUN. Without one, ENTREGA_SCENARIO, ENTREGA_TARGET and Locust's -u -r -t -H say what
to play.
"""

import contextlib
import gc
import os
import select
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment
from locust.runners import STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, MasterRunner, Runner, WorkerRunner

from loadtests import run_folder, run_info
from loadtests import scenario as scenarios
from loadtests import target_file as targets
from loadtests.bad_input import BadInput
from loadtests.defects import widget_values
from loadtests.events import Recorder
from loadtests.scenario import Scenario
from loadtests.swarm import own_errors
from loadtests.swarm.asked import asked_defects, asked_play, cast
from loadtests.swarm.delivery_tab import DeliveryTab
from loadtests.swarm.rig import Rig
from loadtests.swarm.stage import Stage

LAST_READ_S = 90.0  # after the quiet phase at most: a server may have a longer heartbeat; and audits, and farewells
GC_THRESHOLDS = (20_000, 20, 100)
LOOK_S = 0.5
LAST_WORDS_S = 3.0


class Director:
    """One process of Locust: local, master or worker."""

    def __init__(self, environment: Environment, runner: Runner) -> None:
        """Exits with status 2 where these users cannot play."""
        self.environment = environment
        self.runner = runner
        self._options: Any = environment.parsed_options
        try:
            self._agent = cast(environment)  # the user class whose number the scenario fixes
        except BadInput as error:
            sys.exit(_told(error))
        self._handed = os.environ.get("ENTREGA_RUN")
        environment.events.test_start.add_listener(self._test_start)
        environment.events.spawning_complete.add_listener(self._spawned)
        environment.events.test_stopping.add_listener(self._test_stopping)
        environment.events.test_stop.add_listener(self._test_stop)
        environment.events.quitting.add_listener(self._quitting)
        self._end: tuple[str, str | None] = ("complete", None)
        self._refused = False
        self._folder: Path | None = None  # of the run that this process began
        self._tab = DeliveryTab(environment.web_ui) if environment.web_ui is not None else None
        own_errors.watch(environment, self._failed_itself)
        gevent.spawn(self._watch_lifeline, os.environ.get("ENTREGA_LIFELINE"))
        if isinstance(runner, WorkerRunner):
            runner.register_message("entrega", lambda msg, **_: self._play(**msg.data))
        self._take_over_run_time()

    @property
    def rig(self) -> Rig | None:
        return getattr(self.environment, "entrega", None)

    # -- the start

    def _take_over_run_time(self) -> None:
        """-t is the end of sending, not of the test: parties leave after the quiet phase, and with them the test."""
        self._run_time_s: float | None = self._options.run_time
        if self._options.headless or self._handed:
            self._options.run_time = None

    def _test_start(self, **_: Any) -> None:
        if not isinstance(self.runner, WorkerRunner):
            try:
                self._begin(*(self._prepared() if self._handed else self._prepare()))
            except (BadInput, OSError) as error:
                self._refuse(error)

    def _begin(self, folder: Path, scenario: Scenario) -> None:
        self._agent.fixed_count = scenario.agents
        self.environment.stop_timeout = max(self.environment.stop_timeout, scenario.quiet_phase_s + LAST_READ_S)
        t0_ns = time.monotonic_ns()
        run_folder.update(folder, **run_info.begun(scenario, t0_ns))
        self._folder = folder
        if self._tab is not None:
            self._tab.follow(folder, scenario.late_after_s)
        limit = None if self._open_end else scenario.widgets
        call: dict[str, Any] = {"folder": str(folder), "t0_ns": t0_ns, "limit": limit}
        if isinstance(self.runner, MasterRunner):
            self.runner.send_message("entrega", call)
        else:
            self._play(**call)
        if limit is not None or self._handed:
            gevent.spawn(self._quit_when_all_have_left, scenario)

    def _prepared(self) -> tuple[Path, Scenario]:
        folder = Path(str(self._handed))
        return folder, scenarios.from_table(run_folder.read_info(folder)["scenario"])

    @property
    def _open_end(self) -> bool:
        """Somebody at the web UI, or a shape, may ask for more users than at first, and will stop."""
        return not self._options.headless or self.environment.shape_class is not None

    def _prepare(self) -> tuple[Path, Scenario]:
        rate = float(getattr(self.runner, "spawn_rate", None) or self._options.spawn_rate or 1.0)
        run_time_s = self._options.run_time or self._run_time_s
        scenario, target, url = asked_play(
            self.environment, self.runner.target_user_count, rate, run_time_s, self._open_end
        )
        workers = len(self.runner.clients.ready) if isinstance(self.runner, MasterRunner) else 1
        info = run_info.describe(scenario, target, url, workers)
        folder = run_folder.new_path(Path("runs"), scenario.name, scenario.seed)
        run_folder.create(folder, info)
        run_folder.point_latest(folder)
        return folder, scenario

    def _play(self, folder: str, t0_ns: int, limit: int | None) -> None:
        """Set the stage in a process that has users."""
        number = self.runner.worker_index + 1 if isinstance(self.runner, WorkerRunner) else 1
        info = run_folder.read_info(Path(folder))
        stage = Stage(
            folder=Path(folder),
            run=info["run"],
            url=info["url"],
            scenario=scenarios.from_table(info["scenario"]),
            target=targets.from_table(info["target"]),
            t0_ns=t0_ns,
            limit=limit,
            defects=widget_values(asked_defects()),
            recorder=Recorder(Path(folder) / "events" / f"swarm-{number}.jsonl"),
            row=self._row,
        )
        gevent.config.track_greenlet_tree = False  # where each was spawned: half a kilobyte a party
        # What is there now stays; the collector need not look at it again, with a pause of the loop each time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        self.environment.entrega = Rig(stage, partial(self._recorder_failed, stage.folder))  # type: ignore[attr-defined]

    def _row(self, request_type: str, name: str, took_ms: float, failed: str | None) -> None:
        request = self.environment.events.request
        if failed is None and len(request._handlers) == 1:  # Locust's own: what it does, at half the cost
            self.environment.stats.log_request(request_type, name, took_ms, 0)  # type: ignore[arg-type]  # its own users give floats
            return
        request.fire(
            request_type=request_type,
            name=name,
            response_time=took_ms,
            response_length=0,
            exception=RuntimeError(failed) if failed else None,
            context={},
        )

    # -- the end

    def _quit_when_all_have_left(self, scenario: Scenario) -> None:
        ends_s = time.monotonic() + scenario.run_time_s
        latest_s = ends_s + scenario.quiet_phase_s + LAST_READ_S
        while (time.monotonic() < ends_s or self.runner.user_count) and time.monotonic() < latest_s:
            gevent.sleep(0.2)
            if self.runner.state == STATE_STOPPED:
                break  # by somebody at the web UI
        self.runner.quit()
        if self.environment.web_ui is not None:
            self.environment.web_ui.stop()  # whose end Locust waits for

    def _test_stopping(self, **_: Any) -> None:
        if self.rig is not None:
            self.rig.stage.end_sending()

    def _test_stop(self, **_: Any) -> None:
        rig, folder, self._folder = self.rig, self._folder, None
        self.environment.stop_timeout = 0.0  # a worker would sleep as long again before it may play the next test
        if rig is not None:
            rig.close()
            if self.rig is rig:  # closing takes as long as the disk does; the next test may have begun
                self.environment.entrega = None  # type: ignore[attr-defined]
        if not self._handed and folder is not None:
            run_folder.end(folder, *self._end)
            print(folder, flush=True)

    def _quitting(self, **_: Any) -> None:
        """Ctrl-C and SIGTERM come here while the test still runs: they do not wait for the quiet phase."""
        if self.runner.state in (STATE_SPAWNING, STATE_RUNNING) or (self.rig is not None and not self.rig.closed):
            self._interrupt("a signal")
        elif self.rig is not None:
            self.rig.close()  # which is under way: wait for it

    def _interrupt(self, reason: str) -> None:
        self._end = ("interrupted", reason)
        self.environment.stop_timeout = 0.0
        if self.rig is not None:
            self.rig.close(reason)

    def _watch_lifeline(self, descriptor: str | None) -> None:
        """The launcher holds the other end of a pipe, which is readable at its end when the launcher is gone."""
        while descriptor is not None:
            gevent.sleep(LOOK_S)
            if select.select([int(descriptor)], [], [], 0)[0]:
                self._interrupt("the launcher is gone")
                if self.rig is not None:
                    run_folder.end(self.rig.stage.folder, *self._end)
                gevent.spawn(self.runner.quit)
                gevent.sleep(LAST_WORDS_S)
                os._exit(1)  # whatever Locust still waits for: nobody is left who would read it

    def _recorder_failed(self, folder: Path, why: str) -> None:
        self._fail(folder, "the recorder failed", f"recording in {folder} stopped: {why}")

    def _failed_itself(self, where: str) -> None:
        if self.rig is not None and not self.rig.closed and self._end[0] == "complete":
            self._end = ("failed", where)  # at once: one mistake seldom comes alone
            why = f"an error of entrega's own, {where}; please report it with the traceback in the log"
            gevent.spawn(self._fail, self.rig.stage.folder, "the load generator failed", why)

    def _fail(self, folder: Path, said: str, why: str) -> None:
        """End the run; `said` is what its parties were stopped by."""
        self._interrupt(said)
        self._end = ("failed", why)
        gevent.spawn(self.runner.quit)
        with contextlib.suppress(OSError):  # the log may lie on the same full disk
            print(f"entrega: {self._end[1]}", file=sys.stderr, flush=True)
        run_folder.end(folder, *self._end)

    def _refuse(self, error: Exception) -> None:
        status = _told(error)
        if self._options.headless:
            self.environment.process_exit_code = status
            gevent.spawn(self.runner.quit)
        else:
            self._refused = True

    def _spawned(self, **_: Any) -> None:
        """A test that was refused goes on until its users are there; then it is stopped, to be mended in the form."""
        if self._refused:
            self._refused = False
            gevent.spawn(self.runner.stop)


def _told(error: Exception) -> int:
    """Say what is wrong with what was asked; the exit status of that."""
    print(f"entrega: {error}", file=sys.stderr, flush=True)
    return 2
