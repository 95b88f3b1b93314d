"""A second opinion: histories told line by line, from the sentences of the design and of the tree of causes alone."""

import pytest

from tests.written.opinions import alone, check, check_counters, histories, readings, together
from tests.written.reading import READINGS

TOGETHER = {file: histories(file) for file in ("owed", "causes")}
RUNS = histories("runs")
COUNTED = histories("counters")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return {file: readings(together(TOGETHER[file], tmp_path_factory.mktemp(file) / "run")) for file in TOGETHER}


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize(("file", "name"), [(file, name) for file in TOGETHER for name in TOGETHER[file]])
def test_of_one_run(told, file, name, reading):
    check(TOGETHER[file][name], told[file][reading], list(TOGETHER[file]).index(name))


@pytest.mark.parametrize("name", RUNS)
def test_of_a_run_of_its_own(name, tmp_path):
    for ledger in readings(alone(RUNS[name], tmp_path / "run")).values():
        check(RUNS[name], ledger)


@pytest.mark.parametrize("name", COUNTED)
def test_counters(name, tmp_path):
    for ledger in readings(alone(COUNTED[name], tmp_path / "run")).values():
        check_counters(COUNTED[name], ledger)


def test_every_history_expects_something():
    assert all(history.expected for told in (*TOGETHER.values(), RUNS) for history in told.values())
