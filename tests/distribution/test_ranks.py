"""Trainings on 1 to 4 ranks: the same bits everywhere, and errors on all ranks at once."""

import json
import re

import numpy as np
import pytest

from tests.distribution.launch import needs_mpi, results, start
from tests.support.paths import ROOT

pytestmark = needs_mpi


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """{case: values} of one rank."""
    (values,) = results(1, "tests.distribution.cases", tmp_path_factory.mktemp("one") / "file")
    return values


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_same_bits_as_on_one_rank(one, ranks, tmp_path):
    everywhere = results(ranks, "tests.distribution.cases", tmp_path / "file")
    assert len(everywhere) == ranks
    for rank, values in enumerate(everywhere):
        for name, wanted in one.items():
            # as text: NaN in a log equals itself
            assert json.dumps(values[name]) == json.dumps(wanted), f"{name} on rank {rank}"


def test_as_without_a_distribution(one):
    assert one["like_without_a_distribution"] is True


def test_a_stop_on_one_rank_stops_all(one):
    logs, _, epochs, _ = one["callbacks_see_the_same_on_all_ranks"]
    assert len(logs) == 5  # of 12 batches
    assert epochs == 2  # of 9, by EarlyStopping


def test_allreduce_is_within_rounding(one, tmp_path):
    # nothing in these depends on how a batch is cut, but for the order of the sums
    names = "shared_layers", "like_without_a_distribution"
    file = tmp_path / "file"
    first, second = results(2, "tests.distribution.cases", file, "allreduce", *names)
    assert first == second
    assert first["like_without_a_distribution"] is True
    np.testing.assert_allclose(first["shared_layers"][0], one["shared_layers"][0], rtol=1e-5)


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """{name: error} of each of three ranks that differ."""
    path = tmp_path_factory.mktemp("starts") / "file"
    return results(3, "tests.distribution.starts", path, OMP_NUM_THREADS="")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("backend", "differs from rank 0 in the backend: 'reference' instead of 'native'."),
        ("data", "ValueError: Rank 2 differs from rank 0 in the training data (a checksum): "),
        ("fewer samples", "in the shapes of the training data: [(11, 3)] instead of [(12, 3)]."),
        ("batch size", "in the batch size of the training data: 6 instead of 4."),
        ("validation data", "in the validation data (a checksum): "),
        ("model", "in the shapes of the weights: [((3, 2), 'float32', True), "),
        ("batches", "ValueError: Rank 2 has another batch than rank 0: generators and data sets"),
        ("callback", "in the weights (a checksum): "),
        ("weights", "in the weights (a checksum): "),
        ("synchronized", "has synchronized=True: with a distribution, each slice of a batch"),
        ("unseeded", "no error"),
        ("no error", "no error"),
    ],
)
def test_ranks_that_differ_are_told_so(messages, name, error):
    assert len({rank[name] for rank in messages}) == 1
    assert error in messages[0][name]


def test_cores_are_divided_among_the_ranks(messages):
    for rank in messages:
        assert rank["threads"] == max(1, rank["cores"] // 3)


def test_there_is_a_device_for_each_rank(messages):
    assert messages[1]["devices"] == ["cpu:0", "cpu:1", "cpu:2"]


def test_the_program_gives_the_same_on_two_ranks_and_prints_once():
    """On real images, to the accuracy of one rank."""
    options = ("--epochs", 1, "--limit", 3200, "--seed", 1, "--model", "dnn", "--distributed")
    one, two = (start(n, "fastcnn.fashion", *options) for n in (1, 2))
    assert one.code == two.code == 0, (one, two)
    for done in (one, two):
        assert done.out.count("100/100 ━") == 1
        assert done.out.count("Total params: 101,770") == 1
    assert two.out.splitlines()[-1] == one.out.splitlines()[-1]
    accuracy = json.loads(two.out.splitlines()[-1])[1]
    assert accuracy > 0.7


def test_the_script_of_the_documentation_runs(tmp_path):
    text = (ROOT / "docs" / "distributed.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "script.py").write_text(code)
    outcome = start(2, "script", PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert outcome.code == 0, outcome
    assert re.search(r"^accuracy (\S+) on 2 ranks$", outcome.out, re.MULTILINE)
    assert outcome.out.count("Epoch 3/3") == 1
