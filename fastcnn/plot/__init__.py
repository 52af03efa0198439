"""Pictures of training, of predictions, and of what a network sees. Requires matplotlib.

    history(history)                  loss and metrics of each epoch
    samples(x, y_true, y_pred)        pictures with true and predicted names and probabilities
    mistakes(x, y_true, y_pred)       the wrong predictions of which the model is most certain
    confusion_matrix(y_true, y_pred)  which classes are taken for which
    filters(model)                    the weights of a convolution
    feature_maps(model, image)        the picture after each layer
    grad_cam(model, image)            where the features are that speak for a class
    saliency(model, image)            the pixels on which a class's score depends the most

Functions with one panel draw into `ax` and return the Axes, the others draw into `fig` and return
the Figure. Without these arguments they create a Figure that pyplot does not know: save it with
`figure.savefig("picture.png")`, or let a notebook show it. Nothing is shown in a window unless you
pass a figure of pyplot, `fig=plt.figure()`, and call `plt.show()`.

`x` are arrays (n, height, width) or (n, height, width, channels), of bytes or floats; labels are
integers, one-hot rows or names; predictions are what `model.predict` returns: probabilities
(n, classes), or (n, 1) for two classes. Colors are readable on light and on dark backgrounds: those
of texts follow matplotlib's style, such as "dark_background".
"""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach

if TYPE_CHECKING:
    from fastcnn.plot.confusion import confusion_matrix
    from fastcnn.plot.curves import history
    from fastcnn.plot.explanations import grad_cam, saliency
    from fastcnn.plot.layers import feature_maps, filters
    from fastcnn.plot.predictions import mistakes, samples

PARTS = {  # imported when first used, and matplotlib with them
    "confusion": ("confusion_matrix",),
    "curves": ("history",),
    "explanations": ("grad_cam", "saliency"),
    "layers": ("feature_maps", "filters"),
    "predictions": ("mistakes", "samples"),
}

_find, __dir__ = attach(__name__, PARTS)


def __getattr__(name):
    try:
        return _find(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError("Drawing requires matplotlib: pip install 'fastcnn[plot]'.") from None


__all__ = [
    "confusion_matrix",
    "feature_maps",
    "filters",
    "grad_cam",
    "history",
    "mistakes",
    "saliency",
    "samples",
]
