"""A run's progress for a person, on stderr: a bar on a terminal or in a notebook, else a line now and then."""

import sys
from types import TracebackType

from tqdm.auto import tqdm

from loadtests.progress import Progress

LINE_EVERY_S = 10.0


class ProgressBar:
    """Call it with each Progress."""

    def __init__(self) -> None:
        self._quiet = not sys.stderr.isatty() and "ipykernel" not in sys.modules
        form = "{desc} |{bar:20}| {n:.0f}/{total:.0f} s{postfix}"
        self._bar = tqdm(total=1.0, bar_format=form, file=sys.stderr, leave=False, disable=self._quiet)
        self._next_line_s = 0.0

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        parties = f"{progress.connected}/{progress.asked} connected, {progress.joined} joined"
        messages = f"{progress.sent} sent, {progress.displayed} displayed, {progress.overdue} overdue now"
        if self._quiet:
            self._line(progress, f"{parties}, {messages}")
            return
        self._bar.total = progress.planned_s
        self._bar.n = min(progress.elapsed_s, progress.planned_s)
        self._bar.set_description_str(parties, refresh=False)
        self._bar.set_postfix_str(messages)

    def _line(self, progress: Progress, said: str) -> None:
        if progress.elapsed_s >= self._next_line_s:
            self._next_line_s = progress.elapsed_s + LINE_EVERY_S
            print(f"{progress.elapsed_s:.0f}/{progress.planned_s:.0f} s: {said}", file=sys.stderr, flush=True)
