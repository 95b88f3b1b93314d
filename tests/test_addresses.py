"""Nothing that is committed names a package index, a file on one, or a folder of the machine it was written on."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Put together from halves, so that this file does not name what it looks for.
FORBIDDEN = {
    "an index's address": "|".join(
        [
            "pypi" + r"\.org",
            "pythonhosted" + r"\.org",
            r"registry\." + "(npmjs|yarnpkg)",
            "/simple" + "/",
            "index" + "-url",
        ]
    ),
    "a lock file's address": '"?resolved"?' + r":\s*\"?https?:|\"resolution\"" + ":|" + "@ " + "(file|https?):",
    "a machine's folder": r"(?<![\w.])/(" + "root|work|home/[a-z]+" + ")/",
}


def committed() -> list[Path]:
    """Every committed text file; none where this is no checkout, such as an unpacked archive."""
    asked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in asked.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_names(what: str) -> None:
    files = committed()
    if not files:
        pytest.skip("not a git checkout")
    pattern = re.compile(FORBIDDEN[what])
    found = []
    for path in files:
        for number, line in enumerate(path.read_bytes().decode("utf-8", "replace").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("an index's address", "--extra-index" + "-url x"),
        ("an index's address", "https://files.pythonhosted" + ".org/packages/x.whl"),
        ("a lock file's address", '"resolved"' + ': "https://example.test/x.tgz"'),
        ("a lock file's address", "thing @ " + "file:///tmp/thing"),
        ("a machine's folder", "see /root" + "/notes"),
    ],
)
def test_the_patterns_find_what_they_are_for(what: str, line: str) -> None:
    assert re.search(FORBIDDEN[what], line)
