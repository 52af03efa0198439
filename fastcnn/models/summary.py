"""The table that `model.summary()` prints, drawn with rich as Keras draws it."""

import shutil
from itertools import pairwise

WIDTH = 88
COLUMNS = (0.45, 0.80, 1.0)  # where the columns end, as shares of the width


def print_summary(model, line_length=None, print_fn=None, show_trainable=False):
    """Print the model's layers, shapes and weight counts.

    Args:
        line_length: width in characters; by default at most 88 and what the terminal has.
        print_fn: called once with the complete text instead of printing.
        show_trainable: whether to add a column that says Y or N.
    """
    import rich.console
    import rich.markup
    import rich.table

    wanted = WIDTH + 12 if show_trainable else WIDTH
    width = line_length or min(wanted, shutil.get_terminal_size().columns - 4)
    ends = [share * (0.9 if show_trainable else 1) for share in COLUMNS]
    headers = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    if show_trainable:
        ends.append(1.0)
        headers.append(("Trainable", "center"))
    edges = [0, *(int(end * width) for end in ends)]
    widths = [end - begin for begin, end in pairwise(edges)]
    if min(widths) < 4:
        raise ValueError(f"A width of {width} characters is too small for the summary.")
    columns = [
        rich.table.Column(name, justify=justify, width=width)
        for (name, justify), width in zip(headers, widths, strict=True)
    ]
    table = rich.table.Table(*columns, width=width, show_lines=True)
    for layer in model.layers:
        table.add_row(*_row(layer, show_trainable, rich.markup.escape))

    console = rich.console.Console(
        highlight=False,
        color_system=None if print_fn else "auto",
        force_terminal=False if print_fn else None,
        width=max(width, shutil.get_terminal_size().columns),
    )
    if print_fn:
        console.begin_capture()
    console.print(f'[bold]Model: "{rich.markup.escape(model.name)}"[/]')
    console.print(table)
    for label, count, size in _totals(model):
        console.print(f"[bold] {label}: [/][color(34)]{count:,}[/] ({readable_size(size)})")
    if print_fn:
        print_fn(console.end_capture())


def _row(layer, show_trainable, escape):
    kind = f"[color(33)]{type(layer).__name__}[/]"
    shape = "?"
    if layer.built:
        sizes = [f"[color({45 if n is None else 34})]{n}[/]" for n in layer.output_shape]
        shape = f"({', '.join(sizes)})"
    count = f"[color(34)]{layer.count_params():,}[/]" if layer.built else "0 (unbuilt)"
    row = [f"{escape(layer.name)} ({kind})", shape, count]
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    return row


def _totals(model):
    """(label, count, bytes) of the lines below the table."""
    trainable = sum(variable.size for variable in model.trainable_weights)
    others = sum(variable.size for variable in model.non_trainable_weights)
    size = 8 if model.dtype == "float64" else 4
    optimizer = getattr(model, "optimizer", None)
    state = optimizer.count_params() if optimizer is not None and optimizer.built else 0
    # Keras counts the step counter as an int64
    state_bytes = state * size + (4 if state else 0)
    yield "Total params", trainable + others + state, (trainable + others) * size + state_bytes
    yield "Trainable params", trainable, trainable * size
    yield "Non-trainable params", others, others * size
    if state:
        yield "Optimizer params", state, state_bytes


def readable_size(count):
    """Bytes as `952.29 KB`: a KB is 1024 bytes."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1024 or unit == "TB":
            return f"{count:.2f} {unit}"
        count /= 1024
    raise AssertionError
