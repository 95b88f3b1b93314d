"""constraints.txt: names and versions only, and every one of them fits the oldest Python that we promise."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()


def test_constraints_are_names_and_versions() -> None:
    assert PINS
    assert [line for line in PINS if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)] == []


def test_what_is_installed_leaves_out_no_python_of_ours() -> None:
    pinned = {pin.split("==")[0] for pin in PINS}
    named = {each.name.lower().replace("_", "-").replace(".", "-"): each.metadata for each in distributions()}
    wanted = {name: told.get("Requires-Python") for name, told in named.items() if name in pinned}
    assert len(wanted) > 100
    # A package may ask for a patch release, such as 3.11.5; Debian 12 has 3.11.2, and pip then finds no version at all.
    assert [name for name, asked in wanted.items() if asked and not SpecifierSet(asked).contains("3.11.0")] == []
