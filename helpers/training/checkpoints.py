"""Checkpoints of a training run: two slots written in turn, each whole or not there, each with its own checksum.

A checkpoint at ``run.pt`` lives in the slots ``run.0.pt`` and ``run.1.pt``. Saving replaces the older slot, so that the
last two states are kept; reading takes the newest slot whose SHA-256 fits its content. Tensors are read back with
``weights_only``: a file from elsewhere can fill the state, it cannot run code.
"""

import hashlib
import io
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

from helpers import files

FORM = b"checkpoint 1 sha256 "
READABLE = (bool, int, float, complex, str, bytes, type(None), torch.Size, torch.dtype, torch.device)


class CheckpointDamaged(ValueError):
    """No slot of a checkpoint can be read, though there are some; the message names them and what helps."""


class Checkpoint:
    """The two slots of one run.

    Parameters
    ----------
    path : path-like
        Names the slots; never written itself.
    """

    def __init__(self, path):
        path = Path(path)
        self.slots = tuple(path.with_name(f"{path.stem}.{number}{path.suffix}") for number in range(2))
        self._saved = None  # unknown before the slots have been looked at

    def save(self, state):
        """Write a state over the older slot; it is the newest from then on, loaded before or not.

        Parameters
        ----------
        state : dict
            Tensors, numbers, strings, and lists, tuples and dicts of these. NumPy's numbers become Python's.

        Raises
        ------
        TypeError
            If something in the state could not be read back; the message says where it stands. Nothing is written.
        OSError
            If the disk is full; both slots are then as they were.
        """
        state = plain(state, "state")
        if self._saved is None:
            self._saved = max((read["saved"] for read in self._slots()[0]), default=0)
        buffer = io.BytesIO()
        torch.save({"saved": self._saved + 1, "state": state}, buffer)
        content = buffer.getvalue()
        files.write_bytes(
            self.slots[(self._saved + 1) % 2], FORM + hashlib.sha256(content).hexdigest().encode() + b"\n" + content
        )
        self._saved += 1

    def load(self):
        """The newest readable state, on the CPU, or None if nothing was ever saved.

        Warns
        -----
        UserWarning
            For a damaged slot, if the other one can be used.

        Raises
        ------
        CheckpointDamaged
            If there are slots and none can be read.
        """
        for slot in self.slots:
            for unfinished in slot.parent.glob(f".{slot.name}.*"):  # a process was killed while it wrote
                unfinished.unlink(missing_ok=True)
        found, refused = self._slots()
        if refused and not found:
            raise CheckpointDamaged(f"{'; '.join(refused)}; delete it to start afresh")
        if refused:
            warnings.warn(f"{refused[0]}; the previous checkpoint is used", stacklevel=2)
        if not found:
            self._saved = 0
            return None
        newest = max(found, key=lambda read: read["saved"])
        self._saved = newest["saved"]
        return newest["state"]

    def _slots(self):
        """What the slots hold that can be read, and why the others cannot."""
        found, refused = [], []
        for slot in self.slots:
            if slot.exists():
                try:
                    found.append(_read(slot))
                except ValueError as error:
                    refused.append(str(error))
        return found, refused

    def delete(self):
        """Remove both slots, if they are there."""
        for slot in self.slots:
            slot.unlink(missing_ok=True)


def plain(value, place):
    """The same value with NumPy's numbers as Python's; refuses what a file for ``weights_only`` cannot give back.

    Parameters
    ----------
    value : Tensor, number, string, or lists, tuples and dicts of these
    place : str
        Where it stands, for the message.

    Raises
    ------
    TypeError

    >>> plain({"rate": np.float64(0.5), "steps": [np.int64(3)]}, "state")
    {'rate': 0.5, 'steps': [3]}
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, torch.Tensor) or type(value) in READABLE:
        return value
    if type(value) in (list, tuple):
        return type(value)(plain(entry, f"{place}[{number}]") for number, entry in enumerate(value))
    if type(value) in (dict, OrderedDict):
        pairs = ((plain(key, f"a key of {place}"), plain(entry, f"{place}[{key!r}]")) for key, entry in value.items())
        copied = type(value)(pairs)
        if isinstance(value, OrderedDict):
            vars(copied).update(vars(value))  # a module's state carries the versions of its layers
        return copied
    raise TypeError(
        f"{place} is of type {type(value).__name__}: a checkpoint holds tensors, numbers, strings, and lists, tuples "
        f"and dicts of these"
    )


def _read(slot):
    """What a slot holds; ``ValueError`` if it is damaged or no checkpoint."""
    head, _, content = slot.read_bytes().partition(b"\n")
    if head != FORM + hashlib.sha256(content).hexdigest().encode():
        raise ValueError(f"{slot} is damaged or no checkpoint: its checksum does not fit its {len(content)} bytes")
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds of error
        raise ValueError(f"{slot} is whole, but was not written by this class: {error}") from error
