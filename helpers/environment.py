"""Set up the virtual environment: ``python3 helpers/environment.py`` (``make`` calls it when something changed).

Only the standard library, and syntax that old interpreters parse, because this file has to be able to say in one
clear line that the interpreter is too old. An existing ``.venv`` is kept, and with it an installed torch 2.13.0,
whatever its build. The stamp is written last, so that an interrupted set-up is simply taken up again.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, ".ready")
OLDEST = (3, 11)
NEEDED_GIB = 3
NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "Temporary failure in name resolution",
    "Network is unreachable",
)


def fingerprint():
    """Digest of the interpreter's version and of the two files that say what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("requirements.txt", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()


def stop(message):
    """One line on standard error, then exit status 1."""
    sys.exit("set-up stopped: " + message)


def call(arguments, log):
    """Run a command, showing its output as it comes and keeping it in ``log``; returns the exit status."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    for line in process.stdout:
        log.append(line)
        sys.stdout.write(line)
        sys.stdout.flush()
    return process.wait()


def explain(log):
    """The likely reason of a failed installation, and what to do."""
    text = "".join(log)
    if "No space left" in text or shutil.disk_usage(ROOT).free < 2**28:
        return f"the disk is full; free {NEEDED_GIB} GiB (10 GiB for the CUDA build of torch) and run the command again"
    if any(sign in text for sign in NO_NETWORK):
        return "no network: the packages of requirements.txt could not be fetched; connect and run the command again"
    return "pip failed, see its last lines above; mend that and run the command again"


def main():
    """Create or complete ``.venv``; does nothing if it already matches the requirements."""
    if sys.version_info < OLDEST:
        oldest, found = ".".join(map(str, OLDEST)), sys.version.split()[0]
        stop(f"Python {oldest} or newer is needed, this is {found}; name another with PYTHON=python{oldest}")
    wanted = fingerprint()
    if os.path.exists(STAMP):
        with open(STAMP) as stream:
            if stream.read() == wanted:
                return
    if shutil.disk_usage(ROOT).free < NEEDED_GIB * 2**30 and not os.path.exists(VENV):
        stop(f"less than {NEEDED_GIB} GiB of disk is free; free some and run the command again")
    python = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
    log = []
    if not os.path.exists(python) and call([sys.executable, "-m", "venv", VENV], log):
        stop("the venv module failed (on Debian: install python3-venv); then run the command again")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    print("setting up .venv (one to ten minutes, once)")
    if call([*pip, "--quiet", "-r", os.path.join(ROOT, "requirements.txt")], log) or call(
        [*pip, "--quiet", "-e", ROOT], log
    ):
        stop(explain(log))
    with open(STAMP, "w") as stream:
        stream.write(wanted)


if __name__ == "__main__":
    main()
