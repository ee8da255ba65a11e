"""Set up the virtual environment: ``python3 helpers/environment.py`` (``make`` calls it when something changed).

Only the standard library, and syntax that old interpreters parse, because this file has to be able to say in one
clear line that the interpreter is too old. An existing ``.venv`` is kept, and with it an installed torch 2.13.0,
whatever its build. The stamp is written last, so that an interrupted set-up is simply taken up again. Where the
installation of a package was broken off, pip may take it for installed though its programs are missing; it writes
INSTALLER after them, so what has none is removed. Two set-ups of one clone wait for each other.

A virtual environment names its folder in many places. After a clone was copied or moved they would still lead to the
original, whose code would run and whose files would be written. The stamp therefore stands for the folder too, and
what leads elsewhere is turned round before anything is installed.
"""

import contextlib
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, ".ready")
OLDEST = (3, 11)
NEEDED_GIB = 3
PACKAGE = "contrastive_theory_checked"
# What a script in .venv/bin starts with: its interpreter, by way of the shell if the path has a space or is long.
INTERPRETER = re.compile(rb"#!(?:/bin/sh\n'''exec' \")?(/[^\n\"]*/\.venv)/bin/python")
LONGEST_SHEBANG = 127  # bytes of a first line that every Linux reads
# Half of pip may fail in any way.
HAS_PIP = "import sys\ntry:\n    import pip._internal.cli.main\nexcept BaseException:\n    sys.exit(1)"
NO_NETWORK = (
    "NewConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "Temporary failure in name resolution",
    "Network is unreachable",
)


def fingerprint():
    """Digest of this clone's folder, the interpreter's version and the two files that say what is installed."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(os.fsencode(os.path.realpath(ROOT)))
    for name in ("requirements.txt", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as stream:
            digest.update(stream.read())
    return digest.hexdigest()


def stop(message):
    """One line on standard error, then exit status 1."""
    sys.exit("set-up stopped: " + message)


def call(arguments, log):
    """Run a command, showing its output as it comes and keeping it in ``log``; returns the exit status.

    An interrupt ends it and whatever it started, in silence. Killed outright, we leave it behind: it holds the clone
    (:func:`alone`) until it has ended, because it inherits what holds it.
    """
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True, "close_fds": False}
    process = subprocess.Popen(arguments, start_new_session=True, **options)
    try:
        for line in process.stdout:
            log.append(line)
            sys.stdout.write(line)
            sys.stdout.flush()
        return process.wait()
    except KeyboardInterrupt:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.terminate()
        process.communicate()
        raise


def explain(log):
    """The likely reason of a failed installation, and what to do."""
    text = "".join(log)
    if "No space left" in text or shutil.disk_usage(ROOT).free < 2**28:
        return f"the disk is full; free {NEEDED_GIB} GiB (10 GiB for the CUDA build of torch) and run the command again"
    if any(sign in text for sign in NO_NETWORK):
        return "no network: the packages of requirements.txt could not be fetched; connect and run the command again"
    return "pip failed, see its last lines above; mend that and run the command again"


def scripts():
    """The text files that name the folder of the virtual environment, with their contents."""
    names = sorted(glob.glob(os.path.join(glob.escape(VENV), "bin", "*")))
    for name in [*names, os.path.join(VENV, "pyvenv.cfg")]:
        if os.path.isfile(name) and not os.path.islink(name):
            with open(name, "rb") as stream:
                content = stream.read()
            if b"\0" not in content[:4096]:  # that would be a program in machine code
                yield name, content


def turned_round(content, others):
    """A script with the path of this virtual environment in the place of others."""
    here = os.fsencode(VENV)
    for other in others:
        whole_path = rb"(?<![^\s!\"'=(])" + re.escape(other) + rb"(?=[/\s\"')]|\Z)"
        content = re.sub(whole_path, lambda _: here, content)
    first, _, rest = content.partition(b"\n")
    if first.startswith(b"#!" + here) and (b" " in here or len(first) > LONGEST_SHEBANG):
        return b"#!/bin/sh\n'''exec' \"" + first[2:] + b'" "$0" "$@"\n\' \'\'\'\n' + rest
    return content


def installed(pattern):
    """What matches a pattern among the packages of the virtual environment; paths."""
    library = os.path.join(glob.escape(VENV), "[lL]ib")
    found = [glob.glob(os.path.join(library, *inner, "site-packages", pattern)) for inner in ((), ("*",))]
    return sorted(found[0] + found[1])


def foreign_links():
    """The files by which Python finds this package installed in place, if they lead to another clone."""
    links = [name for name in installed("__editable__*" + PACKAGE + "*") if os.path.isfile(name)]
    text = ""
    for name in links:
        with open(name, encoding="utf-8", errors="replace") as stream:
            text += stream.read() + "\n"
    for root in (ROOT, os.path.realpath(ROOT)):
        for place in (root, os.path.join(root, "helpers")):
            if re.search(r"(?m)(?:^|['\"])" + re.escape(place) + r"(?:['\"]|$)", text):
                return []
    return links


def make_own():
    """Turn round what in .venv leads to another folder; returns whether anything did."""
    links = foreign_links()
    for name in links:
        os.remove(name)
    found = [INTERPRETER.match(content) for _, content in scripts()]
    others = {match.group(1) for match in found if match}
    others = [other for other in others if os.path.realpath(os.fsdecode(other)) != os.path.realpath(VENV)]
    for name, content in list(scripts()) if others else ():
        own = turned_round(content, others)
        if own != content:
            with open(name, "r+b") as stream:  # keeps the permissions
                stream.write(own)
                stream.truncate()
    return bool(links or others)


def remove_broken_off():
    """Forget packages whose installation or removal was broken off; returns their names."""
    last = ("INSTALLER", "RECORD")  # written in this order, after everything else
    found = [
        name for name in installed("*.dist-info") if not all(os.path.exists(os.path.join(name, file)) for file in last)
    ]
    found += installed("~*")  # what pip had set aside while it replaced it
    for name in found:
        if os.path.isdir(name) and not os.path.islink(name):
            shutil.rmtree(name)
        else:
            os.remove(name)
    return [os.path.basename(name) for name in found]


@contextlib.contextmanager
def alone():
    """Hold this clone while a block runs; waits, and says so, while another set-up of it is at work."""
    if fcntl is None:
        yield
        return
    handle = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up of this clone is at work: waiting for it")
            sys.stdout.flush()
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks
        yield
    finally:
        os.close(handle)


def ready():
    """Whether ``.venv`` is this clone's and matches the requirements."""
    if not os.path.exists(STAMP):
        return False
    with open(STAMP) as stream:
        return stream.read() == fingerprint()


def require_writable():
    """Stop if nothing can be written beside this clone's files."""
    try:
        with tempfile.TemporaryFile(dir=ROOT):
            pass
    except OSError as error:
        stop(ROOT + " cannot be written (" + str(error.strerror) + "); nothing was set up")


def main():
    """Create or complete ``.venv``; does nothing if it already matches the requirements."""
    if sys.version_info < OLDEST:
        oldest, found = ".".join(map(str, OLDEST)), sys.version.split()[0]
        stop(f"Python {oldest} or newer is needed, this is {found}; name another with PYTHON=python{oldest}")
    if ready():
        return
    require_writable()
    with alone():
        if not ready():  # another set-up may have ended just now
            set_up()


def set_up():
    """Create or complete ``.venv``, whatever state it is in."""
    if os.path.exists(VENV) and os.path.realpath(VENV) != os.path.join(os.path.realpath(ROOT), ".venv"):
        stop(".venv is a link to " + os.path.realpath(VENV) + ", which is not ours to change; remove the link")
    if shutil.disk_usage(ROOT).free < NEEDED_GIB * 2**30 and not os.path.exists(VENV):
        stop(f"less than {NEEDED_GIB} GiB of disk is free; free some and run the command again")
    python = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin", "python")
    log = []
    if os.path.exists(STAMP):
        os.remove(STAMP)
    if make_own():
        print("this clone was moved or copied: its .venv is made its own")
    names = remove_broken_off()
    if names:
        print("an installation was broken off, and is repeated: " + ", ".join(names))
    # The folder may be there without pip, or with half of it: the module venv was interrupted.
    usable = os.path.exists(python) and not call([python, "-c", HAS_PIP], log)
    if not usable and call([sys.executable, "-m", "venv", VENV], log):
        stop("the venv module failed (on Debian: install python3-venv); then run the command again")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--progress-bar", "off"]
    print("setting up .venv (one to ten minutes, once)")
    if call([*pip, "--quiet", "-r", os.path.join(ROOT, "requirements.txt")], log) or call(
        [*pip, "--quiet", "--no-deps", "-e", ROOT], log
    ):
        stop(explain(log))
    with open(STAMP, "w") as stream:
        stream.write(fingerprint())


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        stop("interrupted; the same command goes on")
    except OSError as error:
        stop(str(error) + "; mend that and run the command again")
