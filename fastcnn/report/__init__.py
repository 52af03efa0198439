"""What is worth seeing of a training run, as one HTML page without scripts and network.

    training.py    the runs: `Training`, and the callback that times epochs
    page.py        the page: its frame, and writing it atomically
    chapter.py     the sections about one model
    figures.py     pictures of `fastcnn.plot` as inline SVG in the colors of the page
    tables.py      tables, and values that carry all their digits
    style.py       the style sheet

`python -m fastcnn.fashion --report FOLDER` writes it. All but `training.py` needs matplotlib.
"""
