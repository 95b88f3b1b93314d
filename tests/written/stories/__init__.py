"""Every cause in a handful of events each, told in words: what happened, and what the ledger must say of it.

Beside each cause stands what is nearly the same and has another. All of these are told in one run; those that need a
run of their own, since they tell of a whole server or its journal, are in alone and torn.
"""

from types import ModuleType

from tests.written.history import Written
from tests.written.stories import alone, both, displays, ends, gaps, refused, rooms, server, tabs, torn


def _told_in(module: ModuleType) -> tuple[Written, ...]:
    found = vars(module).values()
    return tuple(each for each in found if getattr(each, "__module__", "") == module.__name__ and _tells(each))


def _tells(each: object) -> bool:
    return list(getattr(each, "__annotations__", {})) == ["s", "return"]  # its parts take more, or give something


STORIES = tuple(
    tell for module in (rooms, refused, tabs, gaps, server, displays, both, ends) for tell in _told_in(module)
)

ALONE = (*alone.ALONE, *torn.TORN)
