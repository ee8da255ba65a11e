"""Plotted numbers in long form: one row a plotted value, as a gallery stores them."""

import numpy as np


def columns(pieces):
    """Concatenate pieces of a picture into columns of one length.

    Parameters
    ----------
    pieces : sequence of dict of str to scalar or array_like, shape (points,)
        All with the same names; inside a piece scalars (a curve's label, say) are repeated for every point.

    Returns
    -------
    dict of str to list

    Raises
    ------
    ValueError
        If there is no piece, names differ, or the arrays of a piece have different lengths.

    >>> columns([{"curve": "exact", "x": [1, 2]}, {"curve": "bound", "x": [3]}])
    {'curve': ['exact', 'exact', 'bound'], 'x': [1, 2, 3]}
    """
    if not pieces:
        raise ValueError("there is no piece to put into columns")
    names, found = list(pieces[0]), {name: [] for name in pieces[0]}
    for piece in pieces:
        if list(piece) != names:
            raise ValueError(f"a piece has the names {list(piece)}, expected {names}")
        lengths = {len(values) for values in piece.values() if np.ndim(values)}
        if len(lengths) > 1:
            raise ValueError(f"a piece has arrays of {sorted(lengths)} entries, expected one length")
        length = max(lengths, default=1)
        for name, values in piece.items():
            found[name].extend(np.broadcast_to(values, length).tolist())
    return found
