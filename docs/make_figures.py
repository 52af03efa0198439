"""Write docs/figures/*.svg: `python docs/make_figures.py`; needs matplotlib.

Measured figures come from benchmarks/results, the others from formulas and small computations here.
Text stays text in the files, which keeps them small and lets screen readers read them.
"""

import json
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "figures"
RESULTS = HERE.parent / "benchmarks" / "results"
OURS, OTHER, THIRD = "#1f6f54", "#8a8f98", "#c3c7cd"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fastcnn",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
TRAINING = "Training, batch 32 (ms per step)"


def load(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def named_rows(results, title):
    """The rows of a table of a result file as dictionaries."""
    (found,) = (each for each in results["tables"] if each["title"] == title)
    names = [name for name, _ in found["columns"]]
    return [dict(zip(names, row, strict=True)) for row in found["rows"]]


def speed():
    """Time of a training step, relative to fastcnn, for the networks of one run."""
    results = load("networks-zen4")
    rows = named_rows(results, TRAINING)[::-1]
    figure = Figure((7.5, 3.4), layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(rows))
    kinds = (("fastcnn", OURS, 0.27), ("torch", OTHER, 0), ("keras", THIRD, -0.27))
    for peer, color, offset in kinds:
        ratios = [row[peer][0] / row["fastcnn"][0] for row in rows]
        label = {"torch": "PyTorch", "keras": "Keras on TensorFlow"}.get(peer, peer)
        bars = axes.barh(y + offset, ratios, 0.25, color=color, label=label)
        texts = [f"{row[peer][0]:.3g} ms" for row in rows]
        axes.bar_label(bars, texts, padding=3, fontsize=7.5)
    axes.set_yticks(y, [row["network"].partition(" (")[0].partition(",")[0] for row in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time of a training step, fastcnn = 1 (medians; less is better)")
    axes.set_xlim(0, 7.2)
    figure.legend(frameon=False, loc="outside upper center", ncols=3)
    return figure


def gradients():
    """Which positions behind convolution, ReLU and max-pooling have a gradient."""
    rng = np.random.default_rng(4)
    image = rng.normal(size=(14, 14))
    filters = rng.normal(size=(3, 3))
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    y = np.einsum("ijkl,kl->ij", windows, filters)[:10, :10] - 2.2  # a bias, as after training
    pairs = y.reshape(5, 2, 5, 2).swapaxes(1, 2).reshape(5, 5, 4)
    live = np.zeros((10, 10), bool)
    for i, j in np.argwhere(pairs.max(axis=2) > 0):
        winner = pairs[i, j].argmax()
        live[2 * i + winner // 2, 2 * j + winner % 2] = True
    figure = Figure((7.5, 2.9), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = (
        "output of a convolution",
        f"after ReLU: {np.mean(y > 0):.0%} are not 0",
        f"gradient behind the pool: {live.mean():.0%}",
    )
    arrays = (y, np.maximum(y, 0), np.where(live, y, 0))
    for axes, title, array in zip(panels, titles, arrays, strict=True):
        axes.imshow(array, cmap="BrBG", vmin=-9, vmax=9, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_xticks(np.arange(-0.5, 10, 2), [])
        axes.set_yticks(np.arange(-0.5, 10, 2), [])
        axes.grid(color="black", linewidth=0.8)  # the windows of the pool
        axes.tick_params(length=0)
    return figure


def work(images=32):
    """[(part of a step, dense FLOPs, FLOPs that are computed)] of the tutorial's CNN, at most.

    Winograd's transforms, a few additions per element, are not counted.
    """
    pool, winograd = 1 / 4, 16 / 36  # winners in a 2x2 window; products of F(2x2, 3x3)
    conv1 = 2 * images * 26 * 26 * 9 * 64
    conv2 = 2 * images * 11 * 11 * 9 * 64 * 64
    read = conv2 * 10 * 10 / 11**2  # of 11 rows and columns the pool reads 10
    dense = 2 * images * (1600 * 128 + 128 * 10)
    return [
        ("conv2, forward", conv2, read * winograd),
        ("conv2, filters", conv2, read * pool),
        ("conv2, input", conv2, read * pool),
        ("conv1, forward", conv1, conv1),
        ("conv1, filters", conv1, conv1 * pool),
        ("dense layers", 3 * dense, 3 * dense),
    ]


def flops():
    """The dense FLOPs of a training step of the tutorial's CNN, and what remains of them."""
    rows = work()[::-1]
    figure = Figure((7.5, 2.6), layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(rows))
    full, done = (np.array([row[i] for row in rows]) / 1e6 for i in (1, 2))
    axes.barh(y, full, 0.7, color=THIRD, label=f"every layer dense: {full.sum():.1f} MFLOP")
    axes.barh(y, done, 0.35, color=OURS, label=f"computed: at most {done.sum():.0f} MFLOP")
    axes.set_yticks(y, [name for name, _, _ in rows])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("MFLOP of a training step, batch 32")
    axes.legend(frameon=False, loc="lower right")
    return figure


def products():
    """Multiplications for a 2x2 tile of outputs, by the definition and by Winograd's algorithm."""
    sizes = (3, 5, 7)
    direct = [4 * size**2 for size in sizes]
    # 5x5 is 2x2 filters of 3x3, and 7x7 is 3x3 of them: F(2x2, 3x3) has 4x4 products, and all but
    # the first filter of a row or column start with a zero, which saves one of the four
    winograd = [(4 + 3 * ((size - 1) // 2 - 1)) ** 2 for size in sizes]
    figure = Figure((7.5, 2.2), layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(sizes))[::-1]
    for values, color, offset, label in (
        (direct, THIRD, 0.19, "by the definition"),
        (winograd, OURS, -0.19, "Winograd's F(2x2, 3x3)"),
    ):
        bars = axes.barh(y + offset, values, 0.36, color=color, label=label)
        axes.bar_label(bars, padding=3)
    axes.set_yticks(y, [f"{size} x {size} filter" for size in sizes])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("products for each channel, filter and 2 x 2 tile of outputs")
    axes.legend(frameon=False, loc="upper right")
    return figure


def batches():
    """Time of a training step per image, by batch size and threads."""
    rows = named_rows(
        load("scaling-zen5"), "Scaling of the tutorial's CNN: training step, us per image"
    )
    figure = Figure((7.5, 2.8), layout="constrained")
    axes = figure.subplots()
    for name, color, label in (
        ("fastcnn, 1T", OTHER, "1 thread"),
        ("fastcnn, 2T", OURS, "2 threads"),
    ):
        axes.plot([row["batch"] for row in rows], [row[name] for row in rows], "o-", color=color)
        axes.annotate(
            label, (rows[-1]["batch"], rows[-1][name]), (6, 0), textcoords="offset points"
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks([row["batch"] for row in rows], [str(row["batch"]) for row in rows])
    axes.set_xlim(0.9, 2600)
    axes.set_ylim(0)
    axes.set_xlabel("batch size")
    axes.set_ylabel("us per image")
    return figure


FIGURES = (speed, gradients, flops, products, batches)


def write(folder=FOLDER):
    """Draw all figures into a folder."""
    with rc_context(STYLE):
        for draw in FIGURES:
            path = Path(folder, f"{draw.__name__}.svg")
            draw().savefig(path, metadata={"Date": None, "Creator": None})
            lines = path.read_text("utf-8").splitlines()
            path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
