"""Real images: digits and Fashion-MNIST, which need no network, and the larger sets, which may be downloaded.

Nothing is used before its checksum is verified, and a file that does not match is refused, never repaired. A
download goes to a cache folder in one piece: an interruption leaves what was there before.
"""

import contextlib
import gzip
import hashlib
import http.client
import io
import os
import sys
import tarfile
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from sklearn.datasets import load_digits

from helpers import files

REPOSITORY = Path(__file__).resolve().parents[2] / "data" / "fashion-mnist"
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
TIMEOUT_SECONDS = 60
BLOCK = 1 << 18
Folder = str | os.PathLike[str]
Report = Callable[[int, int | None], None]

# SHA-256 and size of the *uncompressed* content: the compressed files of Debian and of the authors differ in their
# gzip header only (the authors' MD5s, once their header is put back onto Debian's files, are the published ones).
FASHION_CONTENT = {
    "train-images-idx3-ubyte.gz": ("c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888", 47_040_016),
    "train-labels-idx1-ubyte.gz": ("bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9", 60_008),
    "t10k-images-idx3-ubyte.gz": ("5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b", 7_840_016),
    "t10k-labels-idx1-ubyte.gz": ("0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34", 10_008),
}
FASHION_ADDRESSES = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
CIFAR_ARCHIVE = "cifar-10-binary.tar.gz"
CIFAR_ADDRESS = "https://www.cs.toronto.edu/~kriz/"
CIFAR_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
CIFAR_RECORD = 1 + 3 * 32 * 32
CIFAR_FILES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}


class DataUnavailable(OSError):
    """A data set is neither on this machine nor to be had; the message lists the places tried and what helps."""


class DataCorrupt(ValueError):
    """A file is truncated or altered; the message names it. It was not used, and it was not overwritten."""


@dataclass(frozen=True)
class Images:
    """Images with labels.

    Attributes
    ----------
    images : ndarray, shape (n, height, width) or (n, 3, height, width), float32 in [0, 1]; uint8 in :func:`byte_images`
    labels : ndarray, shape (n,), int64
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: ArrayLike) -> "Images":
        """The images with these indices (or this mask), in this order."""
        return Images(self.images[index], self.labels[index])

    def as_bytes(self) -> np.ndarray:
        """The images as uint8, k for k / 255, a quarter of the memory; refuses other values (``ValueError``).

        >>> fashion_mnist("test").as_bytes().max()
        np.uint8(255)
        """
        scaled = 255 * self.images
        rounded = np.rint(scaled)
        if not (np.abs(scaled - rounded) < 1e-3).all() or rounded.min() < 0 or rounded.max() > 255:
            raise ValueError(f"images hold values that are no k / 255, k = 0 to 255 (shape {self.images.shape})")
        return rounded.astype(np.uint8)


def split(images: Images, rng: np.random.Generator, *, sizes: Sequence[int]) -> tuple[Images, ...]:
    """Disjoint random parts of a set of images.

    Parameters
    ----------
    images : Images
    rng : numpy.random.Generator
        The split is a function of it alone.
    sizes : sequence of int
        Size of each part; what is left over is dropped.

    Returns
    -------
    tuple of Images

    Raises
    ------
    ValueError
        If a size is not positive or they sum to more than there is.

    >>> train, test = split(digits(), np.random.default_rng(0), sizes=(1297, 500))
    >>> len(train), len(test)
    (1297, 500)
    """
    sizes = [int(size) for size in sizes]  # sums of narrow integers would wrap around
    if min(sizes, default=0) < 1 or sum(sizes) > len(images):
        raise ValueError(
            f"sizes {tuple(sizes)} do not fit: expected positive numbers with a sum of at most {len(images)}"
        )
    order = rng.permutation(len(images))
    ends = np.cumsum(sizes)
    return tuple(images.take(order[end - size : end]) for size, end in zip(sizes, ends, strict=True))


def digits() -> Images:
    """The 1,797 hand-written digits of scikit-learn (UCI), 8 x 8 pixels, in their stored order.

    Returns
    -------
    Images
        Shape (1797, 8, 8), values k / 16.

    >>> digits().images.shape
    (1797, 8, 8)
    """
    bunch = load_digits()
    return Images((bunch.images / 16).astype(np.float32), bunch.target.astype(np.int64))


def fashion_mnist(
    part: str, *, cache: Folder | None = None, download: bool = False, report: Report | None = None
) -> Images:
    """Fashion-MNIST (Xiao, Rasul and Vollgraf 2017), 28 x 28 pixels, ten classes.

    The test part travels with this repository. The training part is looked for in ``cache``, then in the folder of
    Debian's package ``dataset-fashion-mnist``, and downloaded into ``cache`` only if ``download`` is set.

    Parameters
    ----------
    part : {"train", "test"}
        60,000 or 10,000 images.
    cache : path-like, optional
        :func:`cache_folder` by default.
    download : bool
    report : callable, optional
        Called as ``report(received, total)`` in bytes while a download runs; ``total`` is None where unknown.

    Returns
    -------
    Images
        Shape (n, 28, 28), values k / 255.

    Raises
    ------
    DataUnavailable
        If a file is nowhere, or the network failed.
    DataCorrupt
        If a file is truncated or altered.
    OSError
        If the disk is full; the cache is then as it was.

    >>> len(fashion_mnist("test"))
    10000
    """
    if part not in ("train", "test"):
        raise ValueError(f"part is {part!r}, expected 'train' or 'test'")
    folders = [REPOSITORY]
    if part == "train":
        cache = Path(cache) if cache is not None else _own_folder("fashion-mnist", needed=False)
        folders = [DEBIAN] if cache is None else [cache, DEBIAN]
    prefix = "train" if part == "train" else "t10k"
    contents = []
    for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"):
        digest, size = FASHION_CONTENT[name]
        path = next((folder / name for folder in folders if (folder / name).exists()), None)
        if path is None:
            addresses, target = [base + name for base in FASHION_ADDRESSES], None
            if download:
                target = Path(cache) if cache is not None else _own_folder("fashion-mnist", needed=True)
            path = _download(addresses, folders, name, target, report, _content_check(digest, size))
        contents.append(_uncompressed(path.read_bytes(), path, digest, size))
    images, labels = (parse_idx(content) for content in contents)
    return _images(images, labels, classes=10)


def cifar10(part: str, *, folder: Folder | None = None, download: bool = False, report: Report | None = None) -> Images:
    """CIFAR-10 (Krizhevsky 2009), 32 x 32 pixels, three colours, ten classes, from its binary version (no pickle).

    Only the archive ``cifar-10-binary.tar.gz`` is read, because only for the archive a checksum is published: MD5
    on the data set's page, no SHA-256. Never run on the real file, which could not be had here; the parser is tested
    on small files of the same format. MD5 guards against damage, not against forgery.

    Parameters
    ----------
    part : {"train", "test"}
        50,000 or 10,000 images.
    folder : path-like, optional
        Holds the archive, or receives it; :func:`cache_folder` by default.
    download, report
        As in :func:`fashion_mnist`.

    Returns
    -------
    Images
        Shape (n, 3, 32, 32), values k / 255.

    Raises
    ------
    DataUnavailable, DataCorrupt, OSError
        As in :func:`fashion_mnist`.
    """
    if part not in CIFAR_FILES:
        raise ValueError(f"part is {part!r}, expected 'train' or 'test'")
    folder = Path(folder) if folder is not None else _own_folder("cifar-10", needed=True)
    path = folder / CIFAR_ARCHIVE

    def check(content, where):
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != CIFAR_MD5:
            raise DataCorrupt(f"{where} ({len(content)} bytes) does not have the published MD5 {CIFAR_MD5}")

    if not path.exists():
        target = folder if download else None
        path = _download([CIFAR_ADDRESS + CIFAR_ARCHIVE], [folder], CIFAR_ARCHIVE, target, report, check)
    content = path.read_bytes()
    check(content, path)
    return parse_cifar_archive(content, CIFAR_FILES[part])


def images(name: str, part: str, *, download: bool = True) -> Images:
    """One of the large sets by the name that a table's settings give it.

    Parameters
    ----------
    name : {"fashion-mnist", "cifar-10"}
    part : {"train", "test"}
    download : bool
        Fetch what is not on this machine.

    Returns
    -------
    Images

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    DataUnavailable, DataCorrupt, OSError
        As in :func:`fashion_mnist`.

    >>> images("fashion-mnist", "test", download=False).images.shape
    (10000, 28, 28)
    """
    if name not in IMAGE_SETS:
        raise ValueError(f"no data set is named {name!r}; there are {', '.join(IMAGE_SETS)}")
    return IMAGE_SETS[name](part, download=download)


IMAGE_SETS = {"fashion-mnist": fashion_mnist, "cifar-10": cifar10}


@cache
def byte_images(name: str, part: str) -> Images:
    """:func:`images` as uint8, a quarter of the memory; read once a process, so not to be written into.

    >>> byte_images("fashion-mnist", "test").images.dtype
    dtype('uint8')
    """
    found = images(name, part)
    return Images(found.as_bytes(), found.labels)


def cache_folder() -> Path:
    """The platform's folder for data that can be had again, with this collection's name.

    Raises
    ------
    DataUnavailable
        If the user has no home folder.
    """
    try:
        home = Path.home()
    except RuntimeError as error:
        raise DataUnavailable("this user has no home folder to keep data in: set HOME to one") from error
    places = {"darwin": home / "Library" / "Caches", "win32": home / "AppData" / "Local"}
    return places.get(sys.platform, home / ".cache") / "contrastive-theory-checked"


def _own_folder(name, *, needed):
    """A data set's part of the cache; without a home a refusal, or None where other places may do."""
    try:
        return cache_folder() / name
    except DataUnavailable:
        if needed:
            raise
        return None


def parse_idx(content):
    """The array in an idx file of unsigned bytes (the format of MNIST).

    Parameters
    ----------
    content : bytes
        Uncompressed: two zero bytes, 8 (unsigned byte), the number of axes, the sizes as big-endian 32-bit
        integers, then the values in C order.

    Returns
    -------
    ndarray of uint8

    Raises
    ------
    DataCorrupt
        If the header is none, or the number of values is not what the header says.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])).tolist()
    [7, 8, 9]
    """
    header = content[:4]
    if len(header) < 4 or header[:3] != b"\0\0\x08" or not 1 <= header[3] <= 3 or len(content) < 4 + 4 * header[3]:
        raise DataCorrupt(f"not an idx file of unsigned bytes: it starts with {content[:8]!r}")
    shape = np.frombuffer(content, ">u4", count=header[3], offset=4).astype(int)
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * header[3])
    if values.size != shape.prod():
        raise DataCorrupt(f"the idx header promises {shape.tolist()} values, but {values.size} follow")
    return values.reshape(shape)


def parse_cifar(content):
    """Labels and pixels of one file of CIFAR-10's binary version.

    Parameters
    ----------
    content : bytes
        Records of 3,073 bytes: the label, then 1,024 red, 1,024 green and 1,024 blue values, row by row.

    Returns
    -------
    images : ndarray, shape (n, 3, 32, 32), uint8
    labels : ndarray, shape (n,), uint8

    Raises
    ------
    DataCorrupt
        If the length is no multiple of a record, or a label exceeds 9.
    """
    if not content or len(content) % CIFAR_RECORD:
        raise DataCorrupt(f"a CIFAR-10 file has {len(content)} bytes, expected a positive multiple of {CIFAR_RECORD}")
    records = np.frombuffer(content, np.uint8).reshape(-1, CIFAR_RECORD)
    labels = records[:, 0]
    if labels.max() > 9:
        raise DataCorrupt(f"a CIFAR-10 file holds the label {labels.max()}, expected 0 to 9")
    return records[:, 1:].reshape(-1, 3, 32, 32), labels


def parse_cifar_archive(content, names):
    """The images of the named files of a tar.gz archive of CIFAR-10's binary version; nothing is unpacked to disk.

    Raises
    ------
    DataCorrupt
        If the archive cannot be read or lacks a file.
    """
    parts = []
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            if missing := [name for name in names if name not in members]:
                raise DataCorrupt(f"the CIFAR-10 archive lacks {', '.join(missing)}; it holds {sorted(members)}")
            parts = [parse_cifar(archive.extractfile(members[name]).read()) for name in names]
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataCorrupt(f"the CIFAR-10 archive cannot be read: {error}") from error
    return _images(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)), classes=10)


def _images(images, labels, *, classes):
    if len(images) != len(labels) or labels.max() >= classes:
        raise DataCorrupt(
            f"{len(images)} images, {len(labels)} labels up to {labels.max()}; expected {classes} classes"
        )
    return Images(images.astype(np.float32) / 255, labels.astype(np.int64))


def _content_check(digest, size):
    return lambda content, where: _uncompressed(content, where, digest, size)


def _uncompressed(content, where, digest, size):
    """What a gzip file holds, verified; never more than ``size + 1`` bytes are unpacked."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            plain = stream.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataCorrupt(f"{where} ({len(content)} bytes) is truncated or no gzip file: {error}") from error
    if len(plain) != size or hashlib.sha256(plain).hexdigest() != digest:
        raise DataCorrupt(
            f"{where} does not hold the expected {size} bytes with SHA-256 {digest}; delete or replace it"
        )
    return plain


def _download(addresses, folders, name, target, report, check):
    """Fetch, check, then store one file; returns its path. With ``target`` None, say where it was looked for."""
    looked = ", ".join(str(folder) for folder in folders)
    if target is None:
        raise DataUnavailable(
            f"{name} is in none of {looked}; call with download=True, or put the file from {addresses[0]} there"
        )
    failures = []
    for address in addresses:
        try:
            content = _fetch(address, report)
            check(content, address)
        except (OSError, http.client.HTTPException, DataCorrupt) as error:
            failures.append(f"{address}: {error}")
            continue
        files.write_bytes(target / name, content)
        return target / name
    raise DataUnavailable(
        f"{name} is in none of {looked} and could not be downloaded ({'; '.join(failures)}); nothing was written"
    )


def _fetch(address, report):
    blocks, received = [], 0
    with contextlib.closing(urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS)) as answer:
        length = answer.headers.get("Content-Length")
        total = int(length) if length and length.isdecimal() else None
        while block := answer.read(BLOCK):
            blocks.append(block)
            received += len(block)
            if report is not None:
                report(received, total)
    if total is not None and received != total:
        raise OSError(f"the connection broke off after {received} of {total} bytes")
    return b"".join(blocks)
