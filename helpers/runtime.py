"""Profile, seed, device, output folder and progress: the only reader of environment variables.

``PROFILE`` (quick, full), ``SEED`` (0), ``DEVICE`` (cuda if there is one, else cpu) and ``OUTPUT``
(a folder) change the sizes and the numbers of a notebook, never its claims or its verdict lines.
``LOCAL_RANK``, set by ``torchrun``, picks the GPU of a process.
``STRICT=1`` is how ``make`` runs notebooks, from the top: ledger and figures go where they are stored. Without it a
session is live: cells may be run again, and files go to ``build/live``.
``REDRAW=1`` rewrites every stored figure and ledger even where all numbers agree.
"""

import os
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers.files import ROOT

try:
    from tqdm import tqdm
except ImportError:  # tables are recorded where only the numerical libraries are
    tqdm = None

PROFILES = ("quick", "full")


@dataclass(frozen=True)
class Run:
    """One execution of the collection: what the environment asked for, checked once.

    Attributes
    ----------
    profile : str
        ``quick`` (at most 150 s a notebook on one thread) or ``full``.
    seed : int
        Root of every random generator.
    device : torch.device
        Where training cells run; theorems are checked on the CPU in float64.
    output : Path
        Folder that receives one sub-folder a notebook (figures, csv files, ledger).
    redraw : bool
        Rewrite stored files even where every number agrees within its tolerance.
    strict : bool
        Notebooks run from the top, once: a second record of a claim is an error, and every claim is asked for.
    """

    profile: str
    seed: int
    device: object
    output: Path
    redraw: bool = False
    strict: bool = False

    def rng(self, claim_id):
        """NumPy generator of one claim, independent of every other claim's.

        Parameters
        ----------
        claim_id : str
            Any label, usually a claim id; its CRC-32 enters the seed, so that inserting a claim
            moves no other claim's draws.

        Returns
        -------
        numpy.random.Generator
        """
        return np.random.default_rng(self._sequence(claim_id))

    def torch_generator(self, claim_id):
        """CPU ``torch.Generator`` of one claim; draw on the CPU, then move to ``device``."""
        import torch

        state = int(self._sequence(claim_id).generate_state(1, np.uint64)[0] >> 1)
        return torch.Generator().manual_seed(state)

    def pick(self, *, quick, full):
        """The value for this run's profile: ``quick`` or ``full``."""
        return quick if self.profile == "quick" else full

    def progress(self, iterable, *, description, total=None):
        """Iterate with a progress bar on a terminal and in silence elsewhere.

        Stored notebook outputs must not hold a bar, so it is shown only where standard error is a
        terminal.
        """
        if tqdm is None or not sys.stderr.isatty():
            return iterable
        return tqdm(iterable, desc=description, total=total)

    def _sequence(self, claim_id):
        return np.random.SeedSequence([self.seed, zlib.crc32(claim_id.encode())])


def bar(**options):
    """A progress bar, as ``tqdm`` makes it; without tqdm one line on standard error for every update."""
    return _Lines(**options) if tqdm is None else tqdm(**options)


class _Lines:
    def __init__(self, *, total, initial=0, desc="", unit="", **_):
        self.total, self.done, self.label, self.unit = total, initial, desc, unit
        self.start, self.initial = time.monotonic(), initial

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def update(self):
        self.done += 1
        left = (time.monotonic() - self.start) / (self.done - self.initial) * (self.total - self.done)
        print(f"{self.label}: {self.unit} {self.done} of {self.total}, {left / 60:.0f} min left", file=sys.stderr)


def current(environment=None):
    """Read the environment and return the :class:`Run` it describes.

    Parameters
    ----------
    environment : mapping, optional
        Stands in for ``os.environ`` in tests.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If a variable holds something else than its documented values, or ``DEVICE`` or ``torchrun`` asks for a GPU
        that is not there.

    >>> current({"SEED": "3", "DEVICE": "cpu", "STRICT": "1"}).output.name
    'quick-3'
    """
    import torch

    env = os.environ if environment is None else environment
    asked = settings(env)
    device = _device(env.get("DEVICE", ""))
    rank, gpus = env.get("LOCAL_RANK", ""), torch.cuda.device_count()
    if device == torch.device("cuda") and rank.isdecimal():  # one of torchrun's processes
        if int(rank) >= gpus:
            raise ValueError(f"torchrun started process {rank} here, from 0, but torch sees {gpus} GPU(s): one each")
        device = torch.device("cuda", int(rank))
    return Run(device=device, **asked)


def settings(environment):
    """What a run is asked for, without the device: profile, seed, output, redraw and strict; needs no torch.

    ``output`` is ``OUTPUT``, from the root of the repository, or the folder that belongs to the run: a strict run of
    the quick profile with seed 0 writes to ``figures``, any other strict run to ``build/<profile>-<seed>``, a live
    session to ``build/live``. An empty variable counts as unset.

    Parameters
    ----------
    environment : mapping

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a variable holds something else than its documented values.

    >>> settings({"STRICT": "1", "PROFILE": "full"})["output"].name
    'full-0'
    """
    profile = environment.get("PROFILE") or "quick"
    if profile not in PROFILES:
        raise ValueError(f"PROFILE is {profile!r}, expected one of {', '.join(PROFILES)}")
    seed = environment.get("SEED") or "0"
    if not seed.isdecimal():
        raise ValueError(f"SEED is {seed!r}, expected a non-negative integer")
    strict, redraw = (_switch(environment, name) for name in ("STRICT", "REDRAW"))
    own = ROOT / "figures" if (profile, int(seed)) == ("quick", 0) else ROOT / "build" / f"{profile}-{int(seed)}"
    output = own if strict else ROOT / "build" / "live"
    if environment.get("OUTPUT"):
        output = Path(os.path.normpath(ROOT / environment["OUTPUT"]))
    return {"profile": profile, "seed": int(seed), "output": output, "redraw": redraw, "strict": strict}


def _switch(environment, name):
    value = environment.get(name) or "0"
    if value not in ("0", "1"):
        raise ValueError(f"{name} is {value!r}, expected 1 or nothing")
    return value == "1"


def _device(name):
    import torch

    if not name:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"DEVICE is {name!r}, expected cpu, cuda or cuda:<index>") from error
    if device.type not in ("cpu", "cuda"):
        raise ValueError(f"DEVICE is {name!r}, expected cpu, cuda or cuda:<index>")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"DEVICE is {name!r}, but torch sees {torch.cuda.device_count()} GPU(s); DEVICE=cpu uses the CPU"
        )
    return device
