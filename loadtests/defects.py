"""Wrong code in a widget, switched on for a whole run; the server's own stand in the target that knows them."""

from types import MappingProxyType

from loadtests.bad_input import BadInput
from loadtests.target import Target

WIDGET_DEFECTS = MappingProxyType(
    {"widget.no-rejoin": "the widget joins its room on the page's first connection only, not after a reconnect"}
)


def check(defects: tuple[str, ...], target: Target) -> None:
    """Raise BadInput for a NAME[=VALUE] that neither the widget nor the target has."""
    known = {*WIDGET_DEFECTS, *target.defects}
    for defect in defects:
        name = defect.partition("=")[0]
        if name not in known:
            raise BadInput(f"no defect {name!r} with target {target.name}; known are {', '.join(sorted(known))}")
