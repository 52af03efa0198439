"""A rank that raises, hangs, ends or is killed ends the job, with a message and a checkpoint."""

import re

import pytest

from fastcnn.callbacks.backup import FILE
from tests.distribution.faults import TIMEOUT
from tests.distribution.launch import needs_mpi, start

pytestmark = needs_mpi


def run(kind, folder, ranks=3):
    outcome = start(ranks, "tests.distribution.faults", kind, folder)
    if kind != "none":
        assert outcome.code != 0, outcome
        assert (folder / FILE).exists(), outcome  # of step 6
        assert "weights" not in outcome.out
    return outcome


def weights(outcome):
    assert outcome.code == 0, outcome
    return re.search(r"weights (\d+)", outcome.out)[1]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    return weights(run("none", tmp_path_factory.mktemp("none"), ranks=1))


def test_killed_rank_and_resume_with_another_number_of_ranks(tmp_path, uninterrupted):
    run("kill", tmp_path, ranks=3)
    assert weights(run("none", tmp_path, ranks=2)) == uninterrupted
    assert not (tmp_path / FILE).exists()


def test_raising_rank_prints_the_only_traceback_and_all_unwind(tmp_path, uninterrupted):
    outcome = run("raise", tmp_path)
    assert outcome.err.count("Traceback") == 1, outcome
    assert "OSError: The disk of the last rank is full." in outcome.err
    assert "fastcnn: rank 2 of 3 failed, see above: all ranks stop." in outcome.err
    assert outcome.out.count("unwound") == 3
    assert weights(run("none", tmp_path, ranks=1)) == uninterrupted


def test_error_of_all_ranks_is_printed_once(tmp_path):
    outcome = run("all", tmp_path)
    assert outcome.err.count("OSError: The disk of every rank is full.") == 1, outcome
    assert outcome.err.count("all ranks stop") == 1


@pytest.mark.parametrize("kind", ["stop", "sleep"])
def test_hanging_rank_is_named(tmp_path, kind):
    outcome = run(kind, tmp_path)
    assert "Traceback" not in outcome.err
    message = f"fastcnn: Rank 2 does not answer: the others have waited for {TIMEOUT:.0f} s"
    assert outcome.err.count(message) == 1, outcome


def test_rank_that_ends_is_named(tmp_path):
    outcome = run("exit", tmp_path)
    assert "Traceback" not in outcome.err
    message = "fastcnn: Rank 2 has ended its program: the others wait for it. All ranks stop."
    assert outcome.err.count(message) == 1, outcome


def test_rank_with_other_weights_is_named(tmp_path):
    outcome = run("weights", tmp_path)
    assert outcome.err.count("Rank 2 differs from rank 0 in the weights") == 1, outcome
