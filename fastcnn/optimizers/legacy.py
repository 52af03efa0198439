"""`optimizers.legacy`: the names of Keras 2.11, whose classes say what to use instead.

As in Keras 3, importing them works and creating one does not.
"""


class Optimizer:
    """Stands for an optimizer of Keras 2: creating one raises ImportError."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        raise ImportError(
            "Keras 3 has no `optimizers.legacy`: use the class of the same name in `optimizers`, "
            f"`optimizers.{type(self).__name__}`."
        )


class Adagrad(Optimizer):
    """See `Optimizer`."""


class Adam(Optimizer):
    """See `Optimizer`."""


class Ftrl(Optimizer):
    """See `Optimizer`."""


class RMSprop(Optimizer):
    """See `Optimizer`."""


class SGD(Optimizer):
    """See `Optimizer`."""
