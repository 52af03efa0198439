"""The progress bar: its text and when it is redrawn."""

import io
import itertools
import math
import os
import re
import subprocess
import sys
import termios

import numpy as np
import pytest

import fastcnn as keras
from fastcnn.training import progress
from fastcnn.training.progress import ProgressBar
from tests.support.paths import ROOT
from tests.support.terminals import Terminal, remove_rich, set_colors, without_styles


@pytest.fixture(autouse=True)
def color_terminal(monkeypatch):
    set_colors(monkeypatch)


@pytest.fixture(params=["rich", "keras"])
def look(request, monkeypatch):
    """Who draws the line in a terminal: rich, or without it we as Keras does."""
    if request.param == "keras":
        remove_rich(monkeypatch)
    return request.param


class Clock:
    """Replaces time.perf_counter."""

    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(progress.time, "perf_counter", lambda: self.now)


def narrow(monkeypatch, columns):
    monkeypatch.setattr(progress, "terminal_width", lambda stream: columns)


def let_time_pass_evenly(monkeypatch):
    """100 us from one look at the clock to the next: a loaded machine may take milliseconds."""
    monkeypatch.setattr(progress.time, "perf_counter", itertools.count(100.0, 1e-4).__next__)


def plain(text):
    """`text` without styles and with whole characters where rich draws halves."""
    return without_styles(text).replace("╸", "━").replace("╺", "━")


def fit(capsys, **settings):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(np.ones((70, 2)), np.zeros(70), **settings)
    return capsys.readouterr().out


LOGS = r"loss: \d\.\d{4}(e-\d\d)? - mae: \d\.\d{4}(e-\d\d)?"


def test_verbose_1_writes_each_epoch_once_to_a_stream(capsys, monkeypatch):
    let_time_pass_evenly(monkeypatch)
    lines = fit(capsys, epochs=2).splitlines()
    assert lines[0] == "Epoch 1/2"
    assert re.fullmatch(rf"3/3 ━{{20}} 0s \d+us/step - {LOGS}", lines[1])
    assert lines[2] == "Epoch 2/2"
    assert len(lines) == 4


def test_verbose_2_writes_one_line_per_epoch(capsys):
    lines = fit(capsys, verbose=2, epochs=2, validation_split=0.5).splitlines()
    assert lines[0] == "Epoch 1/2"
    wanted = rf"2/2 - 0s - \d+(us|ms)/step - {LOGS} - val_{LOGS.replace('mae', 'val_mae')}"
    assert re.fullmatch(wanted, lines[1])


def test_verbose_0_writes_nothing(capsys):
    assert fit(capsys, verbose=0, epochs=2) == ""


def test_single_epoch_has_no_epoch_line(capsys):
    assert fit(capsys).startswith("3/3 ━")


def test_evaluate_and_predict(capsys, monkeypatch):
    let_time_pass_evenly(monkeypatch)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.evaluate(np.ones((70, 2)), np.zeros(70))
    model.predict(np.ones((70, 2)))
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"3/3 ━{20} 0s \d+us/step - loss: \d\.\d{4}(e-\d\d)?", lines[0])
    assert re.fullmatch(r"3/3 ━{20} 0s \d+us/step", lines[1])


def test_terminal_is_redrawn_at_most_once_per_interval(monkeypatch):
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(1000, stream=stream)
    drawn = []

    def logs():
        drawn.append(clock.now)
        return {"loss": 0.5}

    for step in range(1, 1001):
        clock.now += 0.004
        if clock.now >= bar.due:
            bar.update(step, clock.now, logs)
    assert len(drawn) == pytest.approx(4 / 0.052, abs=2)
    assert np.diff(drawn).min() >= 0.05
    bar.finish(1000, {"loss": 0.5})
    assert stream.getvalue().count("\r") == len(drawn) + 1
    assert stream.getvalue().count("\n") == 1


@pytest.mark.usefixtures("look")
def test_terminal_output(monkeypatch):
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(1875, stream=stream)
    clock.now += 3.0
    bar.update(1, clock.now, lambda: {"loss": 1.25})
    clock.now += 0.1
    bar.update(51, clock.now, lambda: {"accuracy": 0.5, "loss": 0.00012})
    frames = plain(stream.getvalue()).split("\r")[1:]
    assert frames[0].rstrip() == f"   1/1875 {'━' * 20} 1:33:42 3s/step - loss: 1.2500"
    # ms/step excludes the first step, which allocates buffers
    assert frames[1].rstrip() == (
        f"  51/1875 {'━' * 20} 3s 2ms/step - accuracy: 0.5000 - loss: 1.2000e-04"
    )
    assert "\x1b[1m  51/1875\x1b[0m" in stream.getvalue()


@pytest.mark.usefixtures("look")
def test_shorter_lines_overwrite_longer_ones_completely(monkeypatch):
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(3, stream=stream)
    clock.now += 1
    bar.update(1, clock.now, lambda: {"accuracy": 0.5, "loss": 0.5})
    bar.update(2, clock.now, lambda: {"loss": 0.5})
    first, second = plain(stream.getvalue()).split("\r")[1:]
    assert len(second) >= len(first)


@pytest.mark.usefixtures("look")
@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120])
@pytest.mark.parametrize("target", [1000, None])
def test_bar_is_no_wider_than_the_terminal(columns, target, monkeypatch):
    """The bar shrinks, then values are left out; the last line has all of them."""
    narrow(monkeypatch, columns)
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(target, stream=stream)
    logs = {f"metric_{index}": index / 7 for index in range(5)}
    for step in (1, 500, 999):
        clock.now += 1
        bar.update(step, clock.now, lambda: logs)
    bar.finish(1000, logs)
    *frames, last = plain(stream.getvalue()).split("\r")[1:]
    assert all(len(frame) < columns for frame in frames)
    assert all(name in last for name in logs)
    values = progress.format_logs(logs).split(" - ")[1:]
    for frame in frames:
        assert set(frame.rstrip().split(" - ")[1:]) <= set(values)
        assert target is None or len(re.findall("━", frame)) >= 5


def test_width_of_a_real_terminal():
    leader, follower = os.openpty()
    with open(follower, "w") as stream, open(leader, "rb"):
        assert progress.terminal_width(stream) == math.inf  # its size was not set
        termios.tcsetwinsize(stream.fileno(), (24, 57))
        assert progress.terminal_width(stream) == 57
    assert progress.terminal_width(io.StringIO()) == math.inf


def test_colors_of_rich(monkeypatch):
    """The bar moves by half characters; values stand out, and the last line differs."""
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(10, stream=stream)
    bar.width = 5
    for step in (1, 2, 10):
        bar.update(step, clock.now + step, lambda: {"a - b: c": 0.5, "loss": 0.25})
    first, second, third = stream.getvalue().split("\r")[1:]
    bold, pink, gray, green = (f"\x1b[{code}m" for code in (1, "38;5;197", "38;5;237", "38;5;70"))
    end = "\x1b[0m"
    assert f"{bold} 1/10{end} {pink}╸{end}{gray}━━━━{end} \x1b[36m9s{end} 1s/step" in first
    assert f"{pink}━{end}{gray}╺{end}{gray}━━━{end}" in second
    assert f"{green}━━━━━{end} \x1b[36m0s{end} 1s/step" in third
    assert f" - a - b: c: \x1b[1;36m0.5000{end} - loss: \x1b[1;36m0.2500{end}" in first
    bar.finish(10, {})
    assert f"{green}━━━━━{end} \x1b[33m0s{end} 1s/step" in stream.getvalue()


def test_without_rich_a_terminal_gets_the_colors_of_keras(monkeypatch):
    remove_rich(monkeypatch)
    green, gray, bold, end = "\x1b[32m", "\x1b[37m", "\x1b[1m", "\x1b[0m"
    assert draw_two_steps(monkeypatch) == (
        f"\r{bold}1/2{end} {green}{'━' * 10}{end}{gray}{'━' * 10}{end} {bold}1s{end} 1s/step"
        f"\r{bold}2/2{end} {green}{'━' * 20}{end}{gray}{end} {bold}0s{end} 1s/step\n"
    )


class Notebook(Terminal):
    """A stream of a notebook, as ipykernel has it; its descriptor may be a terminal's."""

    __module__ = "ipykernel.iostream"

    def isatty(self):
        return False


def test_notebook_redraws_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)  # to import it would fail
    clock, stream = Clock(monkeypatch), Notebook()
    bar = ProgressBar(1000, stream=stream)
    for step in range(1, 1001):
        clock.now += 0.004
        if clock.now >= bar.due:
            bar.update(step, clock.now, lambda: {"loss": 0.5})
    bar.finish(1000, {"loss": 0.25})
    assert stream.getvalue().count("\r") == pytest.approx(4 / 0.2, abs=2)
    assert stream.getvalue().count("\n") == 1
    last = plain(stream.getvalue()).split("\r")[-1]
    assert last == f"1000/1000 {'━' * 20} 4s 4ms/step - loss: 0.2500\n"
    assert "\x1b[32m" in stream.getvalue()  # the colors of Keras, which suit light pages


def draw_two_steps(monkeypatch):
    """What a bar writes to a terminal."""
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(2, stream=stream)
    bar.update(1, clock.now + 1, dict)
    bar.finish(2, {})
    return stream.getvalue()


def test_no_color_turns_colors_off(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = draw_two_steps(monkeypatch)
    assert drawn.count("\r") == 2
    assert "\x1b" not in drawn


def test_dumb_terminal_gets_the_last_state_only(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    assert draw_two_steps(monkeypatch) == f"2/2 {'━' * 20} 0s 1s/step\n"


SILENT = """
import sys
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None
import numpy as np
import fastcnn as keras
from fastcnn.datasets import fetch
from fastcnn.testing import check_gradients

x, y = np.zeros((70, 2)), np.zeros(70)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
for verbose in (0, 1, 2):
    model.fit(x, y, epochs=2, verbose=verbose, validation_split=0.5)
    model.evaluate(x, y, verbose=verbose)
    model.predict(x, verbose=verbose)
callbacks = [
    keras.callbacks.EarlyStopping("loss", patience=0, verbose=1),
    keras.callbacks.ReduceLROnPlateau("loss", patience=1, verbose=1),
    keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate, verbose=1),
    keras.callbacks.ModelCheckpoint(sys.argv[1] + "/m.keras", verbose=1),
    keras.callbacks.TerminateOnNaN(),
]
model.fit(x, y, epochs=3, callbacks=callbacks)
model.fit(x, y, callbacks=[keras.callbacks.EarlyStopping("nothing")])  # warns
model.summary()
keras.show_config()
print(model.plan())
with fetch.progress_bar() as progress:
    progress.update(progress.add_task("download", total=2), completed=1)
open(sys.argv[1] + "/done", "w").close()
"""


def test_program_without_a_console(tmp_path):
    """Everything that writes is silent where `sys.stdout` and `sys.stderr` are None."""
    command = [sys.executable, "-c", SILENT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")
    assert (tmp_path / "done").exists()


def test_unknown_number_of_steps(look):
    out = Terminal()
    bar = ProgressBar(None, stream=out)
    start = bar._start
    bar.update(1, start + 2, lambda: {"loss": 1.0, "many": np.array([0.5, 1.5])})
    bar.update(12, start + 4, lambda: {"loss": 0.5})
    assert look == "rich" or "\x1b" not in out.getvalue()
    first, second = plain(out.getvalue()).split("\r")[1:]
    assert first == "      1/Unknown 2s 2s/step - loss: 1.0000 - many: 1.0000"
    assert second.rstrip() == "     12/Unknown 4s 182ms/step - loss: 0.5000"
    assert len(second) == len(first)
    bar.finish(12, {"loss": 0.5})
    assert "12/12" in out.getvalue()


def test_validation_time_is_excluded_from_time_per_step(monkeypatch):
    clock, stream = Clock(monkeypatch), io.StringIO()
    bar = ProgressBar(11, stream=stream)
    clock.now += 1
    bar.update(1, clock.now, dict)
    clock.now += 1
    bar.stop_clock(11)
    clock.now += 60
    bar.finish(11, {})
    assert stream.getvalue() == f"11/11 {'━' * 20} 62s 100ms/step\n"


def test_streams_without_unicode_or_isatty():
    class Ascii(io.StringIO):
        encoding = "ascii"

    stream = Ascii()
    ProgressBar(2, stream=stream).finish(2, {})
    assert stream.getvalue().startswith("2/2 ==================== 0s")
    assert not progress.is_live(object())


def test_interrupted_bar_ends_its_line(monkeypatch):
    clock, stream = Clock(monkeypatch), Terminal()
    bar = ProgressBar(2, stream=stream)
    bar.close()
    assert stream.getvalue() == ""
    bar.update(1, clock.now, dict)
    bar.close()
    assert stream.getvalue().endswith("\n")


def test_silent_bars_are_never_due():
    assert ProgressBar(2, verbose=0).due == math.inf


def test_formats():
    assert [progress.format_seconds(s) for s in (0.9, 59, 61, 3725)] == [
        "0s",
        "59s",
        "1:01",
        "1:02:05",
    ]
    assert [progress.format_step(s) for s in (0, 2.4, 0.0031, 0.00025)] == [
        "0s/step",
        "2s/step",
        "3ms/step",
        "250us/step",
    ]
    assert progress.format_logs({"a": 0.5, "b": 0.001, "c": 0.0, "d": math.nan}) == (
        " - a: 0.5000 - b: 1.0000e-03 - c: 0.0000e+00 - d: nan"
    )
