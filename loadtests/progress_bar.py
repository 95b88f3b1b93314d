"""A run's progress for a person: a bar on a terminal or in a notebook, else a line on stderr now and then."""

import importlib
import sys
from typing import Any

from tqdm import tqdm

from loadtests.progress import Progress

LINE_EVERY_S = 10.0


class ProgressBar:
    """Call it with each Progress."""

    def __init__(self) -> None:
        in_notebook = "ipykernel.kernelapp" in sys.modules
        self._form = _Cell() if in_notebook else _Bar() if sys.stderr.isatty() else _Lines()

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._form.close()

    def __call__(self, progress: Progress) -> None:
        parties = f"{progress.connected}/{progress.asked} connected, {progress.joined} joined"
        messages = f"{progress.sent} sent, {progress.displayed} displayed, {progress.overdue} overdue now"
        self._form.show(progress, parties, messages)


class _Bar:
    """On a terminal; it goes when the run is over."""

    def __init__(self) -> None:
        form = "{desc} |{bar:20}| {n:.0f}/{total:.0f} s{postfix}"
        self._bar = tqdm(total=1.0, bar_format=form, file=sys.stderr, leave=False)

    def show(self, progress: Progress, parties: str, messages: str) -> None:
        self._bar.total = progress.planned_s
        self._bar.n = min(progress.elapsed_s, progress.planned_s)
        self._bar.set_description_str(parties, refresh=False)
        self._bar.set_postfix_str(messages)

    def close(self) -> None:
        self._bar.close()


class _Cell:
    """In a notebook: HTML that is replaced in its place, and one line of text in the end.

    A widget would need its kernel to be seen again, and a notebook that somebody sends you has none.
    """

    def __init__(self) -> None:
        # By name: who records needs no IPython, and a notebook has it.
        self._display: Any = importlib.import_module("IPython.display").display
        self._handle = self._display({"text/plain": "starting"}, raw=True, display_id=True)
        self._said = "nothing was played"

    def show(self, progress: Progress, parties: str, messages: str) -> None:
        elapsed_s = min(progress.elapsed_s, progress.planned_s)
        self._said = f"played for {elapsed_s:.0f} s: {messages.removesuffix(' now')}"
        said = f"{elapsed_s:.0f}/{progress.planned_s:.0f} s: {parties}, {messages}"
        bar = f'<progress value="{elapsed_s:.1f}" max="{progress.planned_s:.1f}"></progress> {said}'
        self._handle.update({"text/html": bar, "text/plain": said}, raw=True)

    def close(self) -> None:
        self._handle.update({"text/plain": self._said}, raw=True)


class _Lines:
    """In a log."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def show(self, progress: Progress, parties: str, messages: str) -> None:
        if progress.elapsed_s >= self._next_s:
            self._next_s = progress.elapsed_s + LINE_EVERY_S
            said = f"{progress.elapsed_s:.0f}/{progress.planned_s:.0f} s: {parties}, {messages}"
            print(said, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Every line stands already."""
