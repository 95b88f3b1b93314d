"""What a person or a file gave that cannot be used. The message is one line: what, and the mend."""

import difflib
from collections.abc import Iterable


class BadInput(Exception):
    """Ends a command with exit code 2 and its message, never with a traceback."""


def near(name: str, known: Iterable[str], all_of_them: str) -> str:
    """The mend of an unknown name: the nearest that there are, and where all of them stand."""
    nearest = difflib.get_close_matches(name, tuple(known))
    return f"near it: {', '.join(nearest)}; {all_of_them}" if nearest else all_of_them
