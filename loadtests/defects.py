"""Wrong code in a widget, switched on for a whole run; the server's own stand in the target that knows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from loadtests.bad_input import BadInput, near
from loadtests.target import Target


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect. `unit` is what its value is, None when it takes none; `default` holds where no value is given."""

    name: str
    sentence: str
    unit: str | None = None
    default: str = "1"


def _table(*defects: Defect) -> Mapping[str, Defect]:
    return {defect.name: defect for defect in defects}


WIDGET_DEFECTS = _table(
    Defect(
        "widget.no-rejoin", "the widget joins its room on the page's first connection only, not after a reconnect"
    ),
    Defect("widget.no-reconnect", "the widget does not come back when its connection has ended"),
    Defect("widget.stale-room", "the widget's socket is in the room of a session that the customer had before"),
    Defect(
        "widget.late-listener", "the widget listens for messages only so long after it has connected", "milliseconds",
        "500",
    ),
    Defect("widget.handler-per-connect", "every connection adds one more handler, and each one appends the message"),
    Defect("widget.no-dedupe", "the widget asks for everything with every join, and shows a message whenever it comes"),
    Defect("widget.fetch-then-join", "the widget fetches the history before it joins, and then only listens"),
    Defect("widget.replace-on-fetch", "the widget joins, fetches the history, and shows that instead of what it had"),
)  # fmt: skip


def check(defects: tuple[str, ...], target: Target) -> None:
    """Raise BadInput for a NAME[=VALUE] that neither the widget nor the target has, or for a value that is none."""
    known = {*WIDGET_DEFECTS, *target.defects}
    for defect in defects:
        name = defect.partition("=")[0]
        if name not in known:
            nearest = near(name, sorted(known), "`entrega list defects` has them all")
            raise BadInput(f"no defect {name!r} with target {target.name}; {nearest}")
    widget_values(defects)


def widget_values(defects: Iterable[str]) -> dict[str, float]:
    """Name -> value of the widget's defects among `NAME[=VALUE]`. Raises BadInput."""
    return dict(_value(each) for each in defects if each.partition("=")[0] in WIDGET_DEFECTS)


def _value(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    defect = WIDGET_DEFECTS[name]
    if equals and defect.unit is None:
        raise BadInput(f"{name} takes no value; write just {name}")
    try:
        number = float(value if equals else defect.default)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 60_000:
        raise BadInput(f"{name}={value} is no value for it; it takes {defect.unit}, 0 to 60000")
    return name, number
