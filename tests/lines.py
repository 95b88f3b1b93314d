"""Print how large each house is: `python -m tests.lines`, the last step of `make check`.

Lines are those that are not blank, of every file that is shipped; the goal is of the whole without tests. A function's
length counts from its `def` to its last line. Beyond 250 lines a file, beyond 30 a function is worth a second look;
nothing fails for it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL = 6_500
SHIPPED = {".py", ".toml", ".html", ".css", ".js"}
HOUSES = {
    "entrega*.py": ["entrega*.py"],
    "loadtests (top)": ["loadtests/*", "loadtests/scenarios/*", "loadtests/targets/*"],
    "loadtests/swarm": ["loadtests/swarm/**/*"],
    "server_under_test": ["server_under_test/**/*"],
    "reports": ["reports/**/*"],
}
BESIDE = {"tests": ["tests/**/*"]}


def files(patterns: list[str]) -> list[Path]:
    """The shipped files that the patterns name, in order."""
    found = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in found if path.suffix in SHIPPED and "node_modules" not in path.parts)


def size(path: Path) -> int:
    """Lines of a file that are not blank."""
    return sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """(lines, file:name) of each function in a Python file."""
    if path.suffix != ".py":
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path.relative_to(ROOT)}:{node.name}"


def row(house: str, paths: list[Path]) -> int:
    """Print one house's line and return its size."""
    longest = max(((size(path), path.name) for path in paths), default=(0, ""))
    function = max((found for path in paths for found in functions(path)), default=(0, ""))
    lines = sum(size(path) for path in paths)
    print(f"{house:<18} {lines:>6} {len(paths):>6}   {longest[0]:>4} {longest[1]:<22} {function[0]:>4} {function[1]}")
    return lines


def main() -> None:
    """Print the table."""
    print(f"{'house':<18} {'lines':>6} {'files':>6}   {'longest file':<27} longest function")
    total = sum([row(house, files(patterns)) for house, patterns in HOUSES.items()])
    print(f"{'together':<18} {total:>6}   goal: near {GOAL:,}")
    for house, patterns in BESIDE.items():
        row(house, files(patterns))


if __name__ == "__main__":
    main()
