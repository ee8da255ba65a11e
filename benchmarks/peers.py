"""Other people's implementations, each behind one call; what cannot be imported is named, never skipped in silence.

Some packages import torchvision only for names. Where the CPU build of torch has none beside it, a module whose every
attribute is an empty class stands in.
"""

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
import types
import warnings

TORCHVISION = (
    "torchvision",
    "torchvision.datasets",
    "torchvision.datasets.vision",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
    "torchvision.transforms.functional",
    "torchvision.utils",
)


class _Named(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def prepare(*, sentences=True):
    """Import what looks whether torchvision works, then put the empty one in place unless there is a real one.

    Without ``sentences`` sentence-transformers is left out, which takes seconds to import.
    """
    if sentences:
        available({"sentence-transformers": lambda: module("sentence_transformers.sentence_transformer.losses")})
    if importlib.util.find_spec("torchvision"):
        return
    for name in TORCHVISION:
        stand_in = _Named(name)
        stand_in.__path__, stand_in.__spec__ = [], importlib.machinery.ModuleSpec(name, None)
        stand_in.__version__ = "0"
        sys.modules[name] = stand_in


def module(name):
    """A peer's module, without its warnings; ImportError says which peer is absent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def file_of(distribution, path):
    """A single file of a distribution whose package does not import here, loaded by its path."""
    found = next(file for file in importlib.metadata.files(distribution) if str(file) == path)
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), found.locate())
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def version(distribution):
    """``name version``, for the table."""
    return f"{distribution} {importlib.metadata.version(distribution)}"


def available(factories):
    """Peers that can be built, and for the others the reason: two dicts by label."""
    found, absent = {}, {}
    for label, factory in factories.items():
        try:
            found[label] = factory()
        except (ImportError, StopIteration, importlib.metadata.PackageNotFoundError) as error:
            absent[label] = f"{type(error).__name__}: {error}"
    return found, absent
