"""The table that a notebook shows for the `History` of a `fit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastcnn.core.tables import Table
from fastcnn.training.progress import format_value

if TYPE_CHECKING:
    from fastcnn.callbacks import History

MOST, EDGE = 40, 15  # of more epochs than MOST, the first and last EDGE are listed


def history_table(history: History) -> Table:
    """A row per epoch, a column per value of the logs.

    Values that were not computed in every epoch (see `validation_freq` of `fit`) do not say in
    which, so they are below the table.
    """
    logs = history.history
    count = max(map(len, logs.values()), default=0)
    columns = {name: values for name, values in logs.items() if len(values) == count}
    epochs = history.epoch if len(history.epoch) == count else range(count)
    rows = [
        [str(epoch + 1), *map(format_value, values)]
        for epoch, *values in zip(epochs, *columns.values(), strict=True)
    ]
    if count > MOST:
        rows[EDGE:-EDGE] = [["…"] * (1 + len(columns))]
    notes = [
        f"{name}: computed in {len(values)} of {count} epochs, last {format_value(values[-1])}"
        for name, values in logs.items()
        if values and name not in columns
    ]
    head = f"History of {count} epoch{'' if count == 1 else 's'}"
    return Table(["epoch", *columns], ["right"] * (1 + len(columns)), rows, head, notes)
