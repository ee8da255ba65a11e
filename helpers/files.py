"""Writing files so that nothing is ever half-written, reading them back, and seeing whether numbers moved.

Every file the collection writes goes through :func:`write_bytes`: a temporary file beside the target,
flushed to disk, then renamed over it. An interrupted run or a full disk leaves the old file as it was. A process that
is killed outright cannot take its temporary file with it; :func:`sweep` does, before the next run.
"""

import contextlib
import csv
import io
import json
import os
import tempfile
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # Windows: two runs at once are then not told apart
    fcntl = None

ROOT = Path(__file__).resolve().parents[1]
# A number agrees if it moved by less than this fraction, where nothing else is stated.
FRACTION = 0.01
# How the name of a file ends, and starts with a dot, that is not yet whole.
UNFINISHED = ".part"


class Busy(OSError):
    """Another process holds what this one wants to write."""


def folder(output, name, place="essay"):
    """Where ledger and figures of a notebook go: ``<output>/<name>``, of an appendix ``<output>/<name>/appendix``."""
    return Path(output) / name / "appendix" if place == "appendix" else Path(output) / name


def write_bytes(path, content):
    """Write ``content`` to ``path`` atomically.

    Parameters
    ----------
    path : path-like
        Target; its folder is made if need be.
    content : bytes

    Raises
    ------
    OSError
        If the disk is full or the folder cannot be written. The message names the target; the old
        file, if any, is intact and no temporary file is left.
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno, f"{path} was not written ({error.strerror}); the old file, if any, is intact"
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def sweep(folder, name="*"):
    """Remove what killed processes left unfinished of files called ``name``, in a folder and below it."""
    for path in Path(folder).rglob(f".{name}.*{UNFINISHED}"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path, remedy):
    """Hold a folder, or a file that stands for what is written, against other processes while a block runs.

    The system lets go of it when the process ends, however it ends. Where it knows no such locks nothing is held.

    Parameters
    ----------
    path : path-like
        A folder that exists, or a file, which is made if need be.
    remedy : str
        What to do instead; ends the message.

    Raises
    ------
    Busy
        If another process holds it.
    """
    if fcntl is None:
        yield
        return
    path = Path(path)
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another run is writing {str(path).removesuffix('.lock')}: {remedy}") from error
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def require_writable(folder):
    """Raise ``OSError``, naming the folder, if files cannot be written there; it is made if need be."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, f"{folder} cannot be written ({error.strerror}); nothing was run") from error


def write_text(path, text):
    """Write ``text`` as UTF-8, atomically; see :func:`write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path, value):
    """Write ``value`` as indented JSON, atomically; NaN and infinity are refused (``ValueError``)."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path):
    """The value stored in a JSON file, or None where there is no such file.

    Raises
    ------
    ValueError
        If the file is there and does not parse; the message names it.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); delete it to have it written afresh") from error


def csv_text(columns):
    """A table as csv text: floats with 12 significant digits, everything else as ``str``.

    Parameters
    ----------
    columns : dict of str to sequence
        All of one length.

    Returns
    -------
    str
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"columns differ in length: {lengths}")
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([f"{value:.12g}" if isinstance(value, float) else value for value in row])
    return buffer.getvalue()


def read_csv(path):
    """A csv file as ``dict`` of column name to list of ``str``, or None where there is no such file."""
    path = Path(path)
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = list(csv.reader(stream)) or [[]]
    return {name: [row[k] for row in rows] for k, name in enumerate(header)}


def moved(stored, fresh, agreement):
    """Names of the columns in which two csv tables differ beyond their tolerance.

    Parameters
    ----------
    stored : dict of str to list of str
        As read by :func:`read_csv`.
    fresh : dict of str to list
    agreement : dict of str to float
        Fraction of the column's largest absolute value.

    Returns
    -------
    list of str
        Empty if they agree; the names of missing, new, longer, shorter and differing columns otherwise.
    """
    names = [name for name in stored.keys() | fresh.keys() if name not in stored or name not in fresh]
    for name in stored.keys() & fresh.keys():
        old, new = stored[name], fresh[name]
        if len(old) != len(new):
            names.append(name)
            continue
        try:
            before, after = np.array(old, dtype=float), np.array(new, dtype=float)
        except ValueError:
            if old != [str(value) for value in new]:
                names.append(name)
            continue
        scale = max(np.abs(before).max(initial=0), np.abs(after).max(initial=0))
        if np.any(np.abs(before - after) > agreement[name] * scale):
            names.append(name)
    return sorted(names)
