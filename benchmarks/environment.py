"""The peers' own environment, ``build/bench``: it sees the project's packages and adds the peers beside them.

``python -m benchmarks.environment [--quick]`` makes it if need be and runs the benchmarks in it.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from helpers import files, runtime

HERE = Path(__file__).parent
WANTED = (HERE / "requirements.txt", HERE / "requirements-alone.txt")
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def make(folder):
    """The interpreter of an environment that holds the peers; made only once for the same lists of peers."""
    python, stamp = folder / "bin" / "python", folder / "peers.txt"
    wanted = f"{folder.resolve()}\n"  # a copy of the folder would still see the packages of the original
    wanted += "".join(path.read_text() for path in WANTED)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    venv.create(folder, with_pip=True, clear=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "project.pth").write_text(sysconfig.get_path("purelib") + "\n")  # torch, numpy and scipy are already here
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", WANTED[0]], check=True)
    subprocess.run([*install, "--no-deps", "-r", WANTED[1]], check=True)
    files.write_text(stamp, wanted)
    return python


if __name__ == "__main__":
    python = make(runtime.ROOT / "build" / "bench")
    command, options = [python, "-W", "ignore", "-m"], {"cwd": runtime.ROOT, "env": os.environ | ONE_THREAD}
    agreement = ["pytest", "-q", "-p", "no:cacheprovider", "benchmarks/peers_test.py"]  # equal before it is compared
    for module in (agreement, ["benchmarks.run", *sys.argv[1:]], ["benchmarks.images"]):
        if status := subprocess.run([*command, *module], **options, check=False).returncode:
            sys.exit(status)
