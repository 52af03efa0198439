"""The sections about one model: training, classes, pictures, and what is inside the network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from fastcnn import plot
from fastcnn.plot.confusion import count_pairs
from fastcnn.plot.figures import new_figure
from fastcnn.plot.predictions import worst
from fastcnn.report import tables
from fastcnn.report.figures import as_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from fastcnn.report.training import Report, Training

WIDTH = 4.0  # of a figure in inches: about that of a phone
COUNT = 12  # samples and mistakes
GRAD_CAM = (
    "Grad-CAM: the heat shows where the features are that speak for the class that is predicted. "
    "One image of each class, with its probability."
)
SALIENCY = (
    "Saliency: the brighter a pixel, the more the score of the class that is predicted depends on "
    "it. One image of each class, with its probability."
)


class Chapter:
    """The sections about one model, drawn within `figures.style`.

    Args:
        report: the `Report`.
        training: one of its trainings.
        number: its index, for the ids.
        level: of the sections' headings.
    """

    def __init__(self, report: Report, training: Training, number: int, level: int) -> None:
        self.report, self.training = report, training
        self.names = report.class_names
        self.key = f"model{number}"  # what ids begin with
        self.level = level
        # not `predict`, for which distributed processes would wait for each other
        self.probabilities = np.asarray(training.model(report.x))
        self.predicted = self.probabilities.argmax(axis=1)
        self.pairs = count_pairs(report.y, self.predicted, self.names)

    def sections(self) -> list[tuple[str, str, str]]:
        """(id, title, HTML) of each section."""
        training = f"{self.key}-training", "Training", self._training()
        if not np.isfinite(self.probabilities).all():
            return [training]  # there is nothing to see in a model that has diverged
        return [
            training,
            (f"{self.key}-classes", "Classes", self._classes()),
            (f"{self.key}-pictures", "Pictures", self._pictures()),
            (f"{self.key}-inside", "Inside the network", self._inside()),
        ]

    def _figure(self, key: str, figure: Figure, alt: str, caption: str) -> str:
        svg = as_svg(figure, f"{self.key}-{key}", alt)
        return f"<figure>\n{svg}\n<figcaption>{escape(caption)}</figcaption>\n</figure>"

    # ---------------------------------------------------------------------------------- training

    def _training(self):
        training, timer = self.training, self.training.timer
        steps = sum(timer.seconds) / max(len(timer.seconds) * timer.steps, 1)
        results = [
            ("test accuracy", tables.decimal(training.accuracy)),
            ("test loss", tables.decimal(training.loss)),
            ("weights", tables.count(training.model.count_params())),
            ("seconds of training", tables.decimal(training.seconds, 2)),
        ]
        if timer.seconds:
            results.append(("ms/step", tables.decimal(1e3 * steps, 3)))
        html = [tables.pairs(results, "results")]
        if not np.isfinite(self.probabilities).all():
            html.append(
                "<p>The training has diverged: the network returns values that are not numbers. "
                "Try a smaller learning rate.</p>"
            )
        if timer.resumed:
            html.append(
                f"<p>The run was resumed after epoch {timer.resumed}; the seconds of training are "
                "those since then.</p>"
            )
        columns = []
        if timer.seconds:
            columns.append(self._curves())
            columns.append(tables.epochs(training))
        else:
            columns.append("<p>The training was stopped in its first epoch.</p>")
        html.append(f'<div class="pair">\n{"".join(columns)}\n</div>')
        html.append(f"<h{self.level + 1}>Layers</h{self.level + 1}>\n{tables.layers(training)}")
        return "\n".join(html)

    def _curves(self):
        logs = self.training.logs
        fig = new_figure(WIDTH, 2.1, constrained_layout=True)
        changes = "; ".join(
            f"{name.replace('_', ' ')} goes from {values[0]:.4f} to {values[-1]:.4f}"
            for name, values in logs.items()
        )
        return self._figure(
            "curves",
            plot.history(logs, fig=fig),
            f"Curves over {len(self.training.timer.seconds)} epochs: {changes}.",
            "Means over each epoch of training, while the weights change.",
        )

    # ----------------------------------------------------------------------------------- classes

    def _classes(self):
        wrong = self.pairs - np.diag(np.diag(self.pairs))
        true, predicted = np.unravel_index(wrong.argmax(), wrong.shape)
        confused = "Nothing is confused."
        if wrong.any():
            confused = (
                f"The most frequent confusion: {wrong[true, predicted]} of "
                f"{self.pairs[true].sum()} images of {self.names[true]} are taken for "
                f"{self.names[predicted]}."
            )
        ax = new_figure(WIDTH, 4.0, constrained_layout=True).add_subplot()
        plot.confusion_matrix(self.report.y, self.probabilities, self.names, ax=ax)
        figure = self._figure(
            "confusion",
            ax.figure,
            f"Confusion matrix of {len(self.names)} classes. {confused}",
            "Confusion matrix: a row for each true class, a column for each predicted one. "
            + confused,
        )
        counts = tables.confusion(self.pairs, self.names)
        return (
            f'<div class="pair">\n{tables.classes(self.pairs, self.names)}\n{figure}\n</div>\n'
            f"<details>\n<summary>The confusion matrix as a table</summary>\n{counts}\n</details>"
        )

    # ---------------------------------------------------------------------------------- pictures

    def _pictures(self):
        report = self.report
        wrong = worst(report.y, self.probabilities)
        shown = (
            f"The bars are the probabilities of the classes 0 to {len(self.names) - 1}, in the "
            "order of the table above."
        )
        arguments = report.x, report.y, self.probabilities, self.names, COUNT, 2
        samples = self._figure(
            "samples",
            plot.samples(*arguments, fig=self._grid(len(report.y))),
            f"The first test images: {self._describe(np.arange(min(COUNT, len(report.y))))}.",
            "The first test images: blue where the prediction is right, red where it is wrong, "
            f"with the true class in parentheses. {shown}",
        )
        mistakes = self._figure(
            "mistakes",
            plot.mistakes(*arguments, fig=self._grid(len(wrong))),
            f"The most certain mistakes: {self._describe(wrong[:COUNT])}.",
            f"The most certain of {len(wrong):,} mistakes: predicted with this probability, and "
            "the true class in parentheses."
            if len(wrong)
            else "All test images are recognized.",
        )
        return f'<div class="pair">\n{samples}\n{mistakes}\n</div>'

    def _grid(self, count):
        """A figure for so many pictures, two in a row."""
        return new_figure(WIDTH, 1.1 * max(-(-min(count, COUNT) // 2), 1))

    def _describe(self, chosen):
        """What the images at these indices are taken for, in words."""
        texts = []
        for index in chosen:
            predicted, label = self.predicted[index], self.report.y[index]
            text = f"{self.names[predicted]} {self.probabilities[index, predicted]:.0%}"
            texts.append(text if predicted == label else f"{text}, really {self.names[label]}")
        return "; ".join(texts) or "none"

    # ------------------------------------------------------------------------------------ inside

    def _inside(self):
        model, image = self.training.model, self.report.x[0]
        title = self.names[self.report.y[0]]
        maps = self._figure(
            "maps",
            plot.feature_maps(model, image),
            f"A test image, {title}, and the output of each layer for it.",
            f"A test image ({title}), and below it what each layer makes of it: the first eight "
            "channels, or a stripe for each unit. Bright is large.",
        )
        ax = plot.filters(model)
        filters = self._figure(
            "filters",
            ax.figure,
            f"The filters of the first layer that has some. {ax.get_title()}.",
            "The filters of the first layer that has some: blue weights are positive, red ones "
            "negative.",
        )
        examples = self._one_of_each_class()
        views = [self._views("saliency", plot.saliency, examples, SALIENCY)]
        if any(len(layer.output_shape) == 4 and layer.weights for layer in model.layers):
            views.insert(0, self._views("grad-cam", plot.grad_cam, examples, GRAD_CAM))
        return (
            f'<div class="pair">\n{maps}\n{filters}\n</div>\n'
            f'<div class="pair">\n{"".join(views)}\n</div>'
        )

    def _one_of_each_class(self) -> list[int]:
        """For each class the first image that is recognized, otherwise the first one."""
        found = []
        for label in range(len(self.names)):
            mine: NDArray = np.flatnonzero(self.report.y == label)
            right = mine[self.predicted[mine] == label]
            found += [int(index) for index in (*right[:1], *mine[:1])][:1]
        return found

    def _views(self, key, draw, examples, caption):
        columns, height = 4, 1.17
        rows = max(-(-len(examples) // columns), 1)
        fig = new_figure(WIDTH, height * rows)
        grid = fig.add_gridspec(
            rows, columns, left=0.01, right=0.99, top=1 - 0.17 / (height * rows), bottom=0.01,
            wspace=0.06, hspace=0.2,
        )  # fmt: skip
        texts = []
        for position, index in enumerate(examples):
            ax = fig.add_subplot(grid[divmod(position, columns)])
            draw(self.training.model, self.report.x[index], class_names=self.names, ax=ax)
            texts.append(ax.get_title())
        return self._figure(key, fig, f"{caption} The images: {'; '.join(texts)}.", caption)
