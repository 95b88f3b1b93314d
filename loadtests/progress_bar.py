"""A run's progress for a person: a bar on a terminal or in a notebook, on stderr."""

import sys
from types import TracebackType

from tqdm.auto import tqdm

from loadtests.progress import Progress


class ProgressBar:
    """Call it with each Progress."""

    def __init__(self) -> None:
        form = "{desc} |{bar}| {n:.0f}/{total:.0f} s{postfix}"
        self._bar = tqdm(total=1.0, bar_format=form, file=sys.stderr, leave=False)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.close()

    def __call__(self, progress: Progress) -> None:
        self._bar.total = progress.planned_s
        self._bar.n = min(progress.elapsed_s, progress.planned_s)
        self._bar.set_description_str(f"{progress.connected}/{progress.asked} connected, {progress.joined} joined")
        self._bar.set_postfix_str(
            f"{progress.sent} sent, {progress.displayed} displayed, {progress.overdue} overdue now", refresh=True
        )
