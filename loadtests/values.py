"""One value of a scenario, as TOML or JSON gives it: checked, and named where it cannot be used."""

from collections.abc import Mapping
from typing import Any

from loadtests.bad_input import BadInput

Range = tuple[float, float]  # drawn evenly between the two; a single number stands for both


class ScenarioError(BadInput):
    """A scenario that cannot be played; the message is one line that names the field and the mend."""


def number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ScenarioError(f"{name} takes a number from 0 to a million, not {value!r}")
    return float(value)


def whole_number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ScenarioError(f"{name} takes a whole number from 0 on, not {value!r}")
    return value


def between(name: str, value: Any) -> Range:
    low, high = value if isinstance(value, list | tuple) and len(value) == 2 else (value, value)
    low, high = number(name, low), number(name, high)
    if low > high:
        raise ScenarioError(f"{name} = [{low}, {high}] begins after its end; swap the two")
    return low, high


def share(name: str, value: Any) -> float:
    if number(name, value) > 1:
        raise ScenarioError(f"{name} is a share from 0 to 1, not {value}")
    return float(value)


def word(name: str, value: Any, words: tuple[str, ...] = ()) -> str:
    """Text; where `words` are given, one of them."""
    if not isinstance(value, str):
        raise ScenarioError(f"{name} takes text, not {value!r}")
    if words and value not in words:
        raise ScenarioError(f"{name} is {', '.join(words[:-1])} or {words[-1]}, not {value!r}")
    return value


def mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{name} takes a table, not {value!r}")
    return value
