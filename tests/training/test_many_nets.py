"""Many nets at once: threads, processes, joblib, scikit-learn and Optuna give the same bits.

Each trial must return what it returns when the trials run one after the other. A forked process
always runs its kernels on one thread.
"""

import multiprocessing
import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.kernels import native
from tests.support.paths import ROOT
from tests.support.threads import run_in_threads
from tests.support.trials import X, Y, build, one_argument, trial

SEEDS = range(5)
NAMES = "random_flip,conv2d,batch_normalization,max_pooling2d,flatten,dropout,dense,dense_1"


@pytest.fixture(autouse=True)
def _share_small_work():
    before = native.set_work_per_thread(1)
    keras.config.set_num_threads(2)
    yield
    native.set_work_per_thread(before)


@pytest.fixture(scope="module")
def expected():
    """What the trials return one after the other, on one thread."""
    found = [trial(seed) for seed in SEEDS]
    assert {names for names, _, _ in found} == {NAMES}
    assert len({bits for _, _, bits in found}) == len(SEEDS)
    return found


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads, expected):
    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            assert list(pool.map(trial, SEEDS, [threads] * len(SEEDS))) == expected


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes(method, expected):
    trial(0, 2)  # OpenMP's threads are running when the process is forked
    context = multiprocessing.get_context(method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads
        with ProcessPoolExecutor(2, context) as pool:
            arguments = [(seed, 1 + seed % 2) for seed in SEEDS]
            if method == "fork":
                arguments = [(seed, 1) for seed in SEEDS]
            assert list(pool.map(one_argument, arguments)) == expected


def test_processes_forked_while_threads_train(expected):
    found = []
    beside = threading.Thread(target=lambda: found.extend(trial(seed, 2) for seed in SEEDS))
    beside.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            assert list(pool.map(trial, SEEDS)) == expected
    beside.join()
    assert found == expected


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib(backend, threads, expected):
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend, n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(trial)(seed, threads) for seed in SEEDS)
    assert found == expected


# -------------------------------------------------------------------------------------- frameworks


class TestOptuna:
    @pytest.fixture
    def optuna(self):
        optuna = pytest.importorskip("optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        return optuna

    @staticmethod
    def objective(threads):
        def objective(trial_of_study):
            settings = {
                "units": trial_of_study.suggest_int("units", 4, 16),
                "rate": trial_of_study.suggest_float("rate", 1e-3, 1e-1, log=True),
            }
            _, loss, bits = trial(trial_of_study.number, threads, **settings)
            trial_of_study.set_user_attr("bits", bits.hex())
            return loss

        return objective

    @pytest.mark.parametrize("threads", [1, 2])
    def test_every_trial_is_that_of_its_number_and_parameters(self, threads, optuna):
        """The order in which trials ask the sampler depends on time, so they are queued here."""
        studies = []
        for jobs in (1, 3):
            study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
            for units, rate in ((4, 0.01), (6, 0.002), (8, 0.05), (16, 0.02)):
                study.enqueue_trial({"units": units, "rate": rate})
            study.optimize(self.objective(threads), n_trials=4, n_jobs=jobs)
            studies.append([(t.params, t.value, t.user_attrs) for t in study.trials])
        assert studies[0] == studies[1]

    def test_a_study_with_two_jobs_can_be_repeated_from_its_parameters(self, optuna):
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(self.objective(1), n_trials=5, n_jobs=2)
        for done in study.trials:
            _, loss, bits = trial(done.number, 2, **done.params)
            assert (loss, bits.hex()) == (done.value, done.user_attrs["bits"])

    def test_pruned_and_failed_trials_do_not_disturb_the_others(self, optuna, expected):
        class Stop(keras.callbacks.Callback):
            def __init__(self, number):
                super().__init__()
                self.number = number

            def on_epoch_end(self, epoch, logs=None):
                if self.number == 1:
                    raise optuna.TrialPruned
                if self.number == 2:
                    raise ArithmeticError

        def objective(trial_of_study):
            number = trial_of_study.number
            try:
                _, loss, _ = trial(number, 1, callbacks=[Stop(number)])
            finally:
                assert keras.config.num_threads() == 2
            return loss

        study = optuna.create_study()
        study.optimize(objective, n_trials=5, n_jobs=2, catch=(ArithmeticError,))
        states = [done.state.name for done in study.trials]
        assert states == ["COMPLETE", "PRUNED", "FAIL", "COMPLETE", "COMPLETE"]
        for number in (0, 3, 4):
            assert study.trials[number].value == expected[number][1]


class TestScikitLearn:
    @staticmethod
    def estimator():
        wrappers = pytest.importorskip("fastcnn.wrappers", exc_type=ImportError)
        return wrappers.SKLearnClassifier(seeded, fit_kwargs={"epochs": 2, "verbose": 0})

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("backend", ["threading", "loky"])
    def test_grid_search(self, backend, threads):
        estimator = self.estimator()
        import joblib
        from sklearn.model_selection import GridSearchCV

        keras.config.set_num_threads(threads)
        found = []
        for jobs in (None, 2):
            with joblib.parallel_config(backend):
                grid = {"model_kwargs": [{"units": 4}, {"units": 16}]}
                search = GridSearchCV(estimator, grid, cv=2, n_jobs=jobs).fit(X, Y)
            scores = search.cv_results_["split0_test_score"], search.cv_results_["mean_test_score"]
            weights = search.best_estimator_.model_.get_weights()
            found.append([np.asarray(a).tobytes() for a in (*scores, *weights)])
        assert found[0] == found[1]

    @pytest.mark.parametrize("backend", ["threading", "loky"])
    def test_cross_validation(self, backend):
        estimator = self.estimator()
        import joblib
        from sklearn.model_selection import cross_val_score

        expected = cross_val_score(estimator, X, Y, cv=3, scoring=negative_loss)
        assert len(set(expected)) == 3
        with joblib.parallel_config(backend):
            found = cross_val_score(estimator, X, Y, cv=3, scoring=negative_loss, n_jobs=2)
        assert found.tobytes() == expected.tobytes()


def seeded(X, y, units=8):  # noqa: N803 - scikit-learn's name
    """The net of a fold: its seed is set where it is built, in the thread that trains it."""
    keras.utils.set_random_seed(3)
    model = build(units)
    model.compile("adam", "categorical_crossentropy")
    return model


def negative_loss(estimator, X, y):  # noqa: N803
    """A score that is different if any bit of the output is."""
    rows = estimator.decision_function(X)[np.arange(len(y)), y]
    return float(np.log(rows.astype(np.float64)).mean())


# --------------------------------------------------------------------------------- what is global


def test_names_do_not_depend_on_other_threads():
    """Also if another thread calls `clear_session` while a model is being built."""
    barrier = threading.Barrier(2)
    found = [None, None]

    def run(index):
        keras.utils.clear_session()
        layers = []
        for _ in range(3):
            barrier.wait()
            if index == 1:
                keras.utils.clear_session()
            layers.append(keras.layers.Dense(2))
        found[index] = [layer.name for layer in layers]

    run_in_threads(run)
    assert found == [["dense", "dense_1", "dense_2"], ["dense"] * 3]


def test_custom_objects_belong_to_the_thread():
    class Mine(keras.layers.Layer):
        pass

    read, config = keras.saving.deserialize_keras_object, {"class_name": "Mine", "config": {}}
    with keras.utils.custom_object_scope({"Mine": Mine}), ThreadPoolExecutor(1) as pool:
        assert isinstance(read(config), Mine)
        with pytest.raises(ValueError, match="Mine"):
            pool.submit(read, config).result()


@pytest.mark.parametrize("seed", [None, 4])
def test_forked_workers_without_a_seed_draw_different_numbers(seed):
    """With one, each draws what the parent would draw next."""
    program = f"""
import multiprocessing, warnings
import fastcnn as keras
from tests.support.trials import draw
warnings.simplefilter("ignore", DeprecationWarning)
keras.random.generator().random()
if {seed} is not None:
    keras.utils.set_random_seed({seed})
first = []
for _ in range(3):
    with multiprocessing.get_context("fork").Pool(1) as pool:
        first.append(pool.map(draw, [0])[0])
assert len(dict(first)) == 3
print(len(set(dict(first).values())))
"""
    assert output(program) == ("3" if seed is None else "1")


def test_threads_that_are_the_first_to_use_anything():
    """What is imported when it is first used is imported by several threads at once."""
    program = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import fastcnn as keras
from tests.support.trials import trial
sys.setswitchinterval(1e-5)
barrier = threading.Barrier(4)

def first(seed):
    barrier.wait()
    optimizer = keras.optimizers.get("nadam")
    layer = keras.layers.deserialize({"class_name": "PReLU", "config": {}})
    return optimizer.name, type(layer).__name__, trial(seed)

with ThreadPoolExecutor(4) as pool:
    found = list(pool.map(first, range(4)))
assert found == [("nadam", "PReLU", trial(seed)) for seed in range(4)]
print("same")
"""
    assert output(program) == "same"


def test_no_helper_threads_where_one_is_set():
    """Nets in Python threads of one kernel thread each do not start OpenMP's."""
    program = """
import os
from concurrent.futures import ThreadPoolExecutor
import fastcnn as keras
from tests.support.trials import trial
keras.config.set_num_threads(3)
with ThreadPoolExecutor(2) as pool:
    list(pool.map(trial, range(4)))
    print(len(os.listdir("/proc/self/task")), end=" ")
    list(pool.map(trial, range(4), [3] * 4))
    print(len(os.listdir("/proc/self/task")) > 3)
"""
    assert output(program, OPENBLAS_NUM_THREADS="1") == "3 True"


def output(program, **environment):
    """What a program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT, env={**os.environ, **environment}, timeout=120, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout.strip()


def test_progress_of_several_threads(capsys):
    """Lines may mix; every bar reaches its end."""

    def run(index):
        keras.utils.set_random_seed(index)
        build().fit(X, Y, 8, epochs=2, verbose=1 + index % 2)

    run_in_threads(run, 4)
    assert capsys.readouterr().out.count("6/6 ") == 8


def test_threads_that_save_to_one_file(tmp_path):
    """The file is always that of one of them."""
    path, models = tmp_path / "net.keras", [build() for _ in range(3)]
    values = [model.get_weights()[0].tobytes() for model in models]

    def run(index):
        for _ in range(5):
            models[index].save(path)
            assert keras.models.load_model(path).get_weights()[0].tobytes() in values

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
