import errno
import gzip
import hashlib
import http.server
import io
import os
import tarfile
import threading
import urllib.error

import numpy as np
import pytest

from helpers.data import datasets as data

NAMES = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")


def idx(array):
    array = np.asarray(array, np.uint8)
    sizes = b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def cifar_bytes(labels, rng):
    rows = rng.integers(0, 256, (len(labels), data.CIFAR_RECORD), dtype=np.uint8)
    rows[:, 0] = labels
    return rows.tobytes(), rows[:, 1:].reshape(-1, 3, 32, 32)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A three-image stand-in for the training part: files in the real format, pins and places replaced."""
    rng = np.random.default_rng(0)
    plain = dict(zip(NAMES, (idx(rng.integers(0, 256, (3, 28, 28))), idx([9, 0, 4])), strict=True))
    pins = {name: (hashlib.sha256(content).hexdigest(), len(content)) for name, content in plain.items()}
    monkeypatch.setattr(data, "FASHION_CONTENT", pins)
    monkeypatch.setattr(data, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(data, "FASHION_ADDRESSES", ("http://127.0.0.1:9/",))
    return {name: gzip.compress(content) for name, content in plain.items()}


def serve(files):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content, claimed = files.get(self.path.strip("/"), (None, 0))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(claimed))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_address[1]}/"


@pytest.fixture
def server(monkeypatch):
    files = {}
    running, address = serve(files)
    monkeypatch.setattr(data, "FASHION_ADDRESSES", (address,))
    monkeypatch.setattr(data, "CIFAR_ADDRESS", address)
    yield files
    running.shutdown()
    running.server_close()


class FullDisk(io.FileIO):
    """A file on a disk that fills up half-way through a write."""

    def write(self, content):
        super().write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def put(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def test_digits_range_shape_and_type():
    digits = data.digits()
    assert digits.images.shape == (1797, 8, 8)
    assert digits.images.dtype == np.float32
    assert (digits.images.min(), digits.images.max()) == (0, 1)
    assert np.bincount(digits.labels).min() > 170


def test_split_is_disjoint_and_a_function_of_the_generator():
    digits = data.digits()
    tagged = data.Images(np.arange(1797, dtype=np.float32)[:, None, None], digits.labels)
    first, second = data.split(tagged, np.random.default_rng(3), sizes=(1200, 597))
    again, _ = data.split(tagged, np.random.default_rng(3), sizes=(1200, 597))
    assert set(first.images.ravel()) | set(second.images.ravel()) == set(range(1797))
    np.testing.assert_array_equal(first.images, again.images)


@pytest.mark.parametrize("sizes", [(1797, 1), (0, 5), ()])
def test_split_refuses_sizes_that_do_not_fit(sizes):
    with pytest.raises(ValueError, match="do not fit"):
        data.split(data.digits(), np.random.default_rng(0), sizes=sizes)


def test_the_fashion_test_images_of_the_repository():
    fashion = data.fashion_mnist("test")
    assert fashion.images.shape == (10000, 28, 28)
    assert np.bincount(fashion.labels).tolist() == [1000] * 10
    assert fashion.images.max() == 1


def test_a_part_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="part is 'validation'"):
        data.fashion_mnist("validation")
    with pytest.raises(ValueError, match="part is 'validation'"):
        data.cifar10("validation")


@pytest.mark.parametrize("place", ["debian", "cache"])
def test_training_images_are_found_where_they_lie(tiny, tmp_path, place):
    put(tmp_path / place, tiny)
    train = data.fashion_mnist("train", cache=tmp_path / "cache")
    assert train.labels.tolist() == [9, 0, 4]


def test_another_gzip_header_around_the_same_content_is_accepted(tiny, tmp_path):
    renamed = {name: gzip.compress(gzip.decompress(content), 1, mtime=1) for name, content in tiny.items()}
    put(tmp_path / "cache", renamed)
    assert len(data.fashion_mnist("train", cache=tmp_path / "cache")) == 3


def test_a_missing_file_names_the_places_and_the_way_out(tiny, tmp_path):
    with pytest.raises(data.DataUnavailable, match=r"train-images.*cache.*debian.*download=True"):
        data.fashion_mnist("train", cache=tmp_path / "cache")


@pytest.mark.parametrize("damage", ["truncated", "altered", "no gzip", "longer"])
def test_damaged_files_are_refused_and_left_alone(tiny, tmp_path, damage):
    good = tiny[NAMES[0]]
    plain = bytearray(gzip.decompress(good))
    plain[100] ^= 1
    bad = {
        "truncated": good[:-20],
        "altered": gzip.compress(bytes(plain)),
        "no gzip": b"<html>not found</html>",
        "longer": gzip.compress(gzip.decompress(good) + b"\0"),
    }[damage]
    put(tmp_path / "cache", tiny | {NAMES[0]: bad})
    with pytest.raises(data.DataCorrupt, match=NAMES[0]):
        data.fashion_mnist("train", cache=tmp_path / "cache", download=True)
    assert (tmp_path / "cache" / NAMES[0]).read_bytes() == bad


def test_download_checks_stores_and_reports(tiny, tmp_path, server):
    server.update({name: (content, len(content)) for name, content in tiny.items()})
    seen = []
    train = data.fashion_mnist(
        "train", cache=tmp_path / "c", download=True, report=lambda *progress: seen.append(progress)
    )
    assert len(train) == 3
    assert seen[-1] == (len(tiny[NAMES[1]]),) * 2
    assert sorted(os.listdir(tmp_path / "c")) == sorted(NAMES)


@pytest.mark.parametrize("fault", ["altered", "broken off", "not there"])
def test_a_bad_download_writes_nothing(tiny, tmp_path, server, fault):
    content = tiny[NAMES[0]]
    if fault != "not there":
        server[NAMES[0]] = (content[::-1], len(content)) if fault == "altered" else (content[:-9], len(content))
    with pytest.raises(data.DataUnavailable, match="nothing was written"):
        data.fashion_mnist("train", cache=tmp_path / "c", download=True)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("reason", [TimeoutError("timed out"), urllib.error.URLError("no route to host")])
def test_without_a_network_the_message_says_so(tiny, tmp_path, monkeypatch, reason):
    def refuse(address, timeout):
        assert timeout == data.TIMEOUT_SECONDS
        raise reason

    monkeypatch.setattr(data.urllib.request, "urlopen", refuse)
    with pytest.raises(data.DataUnavailable, match=r"could not be downloaded.*(timed out|no route)"):
        data.fashion_mnist("train", cache=tmp_path / "c", download=True)


def test_a_full_disk_leaves_the_folder_as_it_was(tiny, tmp_path, server, monkeypatch):
    server.update({name: (content, len(content)) for name, content in tiny.items()})
    cache = tmp_path / "c"
    put(cache, {NAMES[1]: tiny[NAMES[1]]})
    monkeypatch.setattr("helpers.files.os.fdopen", FullDisk)
    with pytest.raises(OSError, match=r"train-images.*not written.*No space left") as caught:
        data.fashion_mnist("train", cache=cache, download=True)
    assert caught.value.errno == errno.ENOSPC
    assert os.listdir(cache) == [NAMES[1]]
    assert (cache / NAMES[1]).read_bytes() == tiny[NAMES[1]]


def test_idx_round_trip():
    array = np.random.default_rng(1).integers(0, 256, (4, 3, 5), dtype=np.uint8)
    np.testing.assert_array_equal(data.parse_idx(idx(array)), array)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x0d\x01" + bytes(8), b"\0\0\x08\x03\0\0", idx([1, 2, 3])[:-1], idx([1, 2, 3]) + b"\0"],
)
def test_idx_refuses_what_is_not_one(content):
    with pytest.raises(data.DataCorrupt, match="idx"):
        data.parse_idx(content)


def test_cifar_format():
    content, pixels = cifar_bytes([3, 9, 0], np.random.default_rng(2))
    images, labels = data.parse_cifar(content)
    assert labels.tolist() == [3, 9, 0]
    np.testing.assert_array_equal(images, pixels)


@pytest.mark.parametrize(("labels", "cut"), [([3], 1), ([], 0), ([10], 0)])
def test_cifar_refuses_bad_records(labels, cut):
    content, _ = cifar_bytes(labels, np.random.default_rng(0))
    with pytest.raises(data.DataCorrupt, match="CIFAR-10"):
        data.parse_cifar(content[: len(content) - cut])


@pytest.fixture
def archive(monkeypatch):
    rng = np.random.default_rng(5)
    names = [*data.CIFAR_FILES["train"], *data.CIFAR_FILES["test"]]
    files = {name: cifar_bytes([k, 9 - k], rng)[0] for k, name in enumerate(names)}
    content = tar(files)
    monkeypatch.setattr(data, "CIFAR_MD5", hashlib.md5(content).hexdigest())
    return content


def test_cifar_from_a_folder_the_user_names(archive, tmp_path):
    put(tmp_path, {data.CIFAR_ARCHIVE: archive})
    train, test = (data.cifar10(part, folder=tmp_path) for part in ("train", "test"))
    assert train.images.shape == (10, 3, 32, 32)
    assert train.labels.tolist() == [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert test.labels.tolist() == [5, 4]


def test_cifar_download(archive, tmp_path, server):
    server[data.CIFAR_ARCHIVE] = (archive, len(archive))
    assert len(data.cifar10("test", folder=tmp_path, download=True)) == 2
    assert (tmp_path / data.CIFAR_ARCHIVE).read_bytes() == archive


def test_cifar_missing_or_damaged(archive, tmp_path):
    with pytest.raises(data.DataUnavailable, match="cifar-10-binary"):
        data.cifar10("test", folder=tmp_path)
    put(tmp_path, {data.CIFAR_ARCHIVE: archive[:-1]})
    with pytest.raises(data.DataCorrupt, match="published MD5"):
        data.cifar10("test", folder=tmp_path)


def test_an_archive_without_its_files_is_refused():
    with pytest.raises(data.DataCorrupt, match=r"lacks test_batch\.bin"):
        data.parse_cifar_archive(tar({"readme.html": b"x"}), ["test_batch.bin"])
    with pytest.raises(data.DataCorrupt, match="cannot be read"):
        data.parse_cifar_archive(b"no archive", ["test_batch.bin"])


def test_bytes_are_those_of_the_file():
    shipped = data.fashion_mnist("test")
    plain = gzip.decompress((data.REPOSITORY / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert np.array_equal(shipped.as_bytes(), data.parse_idx(plain))


@pytest.mark.parametrize("values", [[0.5], [-1 / 255], [256 / 255], [np.nan]])
def test_other_values_are_no_bytes(values):
    with pytest.raises(ValueError, match="no k / 255"):
        data.Images(np.array([[values]], np.float32), np.zeros(1, np.int64)).as_bytes()


def test_sets_by_name(archive, tmp_path, monkeypatch):
    assert len(data.images("fashion-mnist", "test", download=False)) == 10_000
    monkeypatch.setattr(data, "cache_folder", lambda: tmp_path)
    with pytest.raises(data.DataUnavailable, match="cifar-10-binary"):
        data.images("cifar-10", "test", download=False)
    put(tmp_path / "cifar-10", {data.CIFAR_ARCHIVE: archive})
    assert len(data.images("cifar-10", "test")) == 2


def test_an_unknown_set_names_the_known_ones():
    with pytest.raises(ValueError, match="no data set is named 'mnist'; there are fashion-mnist, cifar-10"):
        data.images("mnist", "test")


def test_the_cache_lies_in_a_folder_of_its_own():
    assert data.cache_folder().name == "contrastive-theory-checked"


@pytest.fixture
def homeless(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(data.Path, "home", home)


def test_the_images_of_the_repository_need_no_home(homeless):
    assert len(data.images("fashion-mnist", "test")) == len(data.fashion_mnist("test")) == 10_000


def test_what_lies_here_needs_no_home(homeless, tiny, tmp_path):
    put(tmp_path / "debian", tiny)
    assert len(data.fashion_mnist("train")) == len(data.fashion_mnist("train", download=True)) == 3


def test_what_has_to_be_fetched_asks_for_a_home(homeless, tiny, archive, tmp_path):
    for call in (
        lambda: data.fashion_mnist("train", download=True),
        lambda: data.images("cifar-10", "test"),
        data.cache_folder,
    ):
        with pytest.raises(data.DataUnavailable, match="no home folder to keep data in: set HOME"):
            call()
    with pytest.raises(data.DataUnavailable, match="debian"):
        data.fashion_mnist("train")
    put(tmp_path / "mine", {data.CIFAR_ARCHIVE: archive})
    assert len(data.cifar10("test", folder=tmp_path / "mine")) == 2


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
def test_the_type_of_the_sizes_does_not_matter(dtype):
    everything = data.digits()
    expected = data.split(everything, np.random.default_rng(0), sizes=[100, 100, 27])
    found = data.split(everything, np.random.default_rng(0), sizes=np.array([100, 100, 27], dtype=dtype))
    assert [len(part) for part in found] == [100, 100, 27]
    for mine, theirs in zip(found, expected, strict=True):
        assert np.array_equal(mine.images, theirs.images)
