"""Build the site: ``make site``. Touches ``build/`` only; names a missing tool in one line.

``python3 site/build.py [--out FOLDER]`` makes the environment of the site (``build/site-venv``, ``build/site-npm``)
where it is not there, writes the source tree (``source.py``) and calls Sphinx with warnings as errors.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build"
VENV, NPM, SOURCE, DOCTREES = (BUILD / f"site-{name}" for name in ("venv", "npm", "src", "doctrees"))
PYTHON = VENV / ("Scripts" if os.name == "nt" else "bin") / "python"
STATIC = {
    "katex/katex.min.css": "katex/dist/katex.min.css",
    "katex/fonts": "katex/dist/fonts",
    "datatables/dataTables.min.js": "datatables.net/js/dataTables.min.js",
    "datatables/dataTables.dataTables.min.css": "datatables.net-dt/css/dataTables.dataTables.min.css",
    "svg-pan-zoom/svg-pan-zoom.min.js": "svg-pan-zoom/dist/svg-pan-zoom.min.js",
}


def main():
    parser = argparse.ArgumentParser(description="Build the site into build/site.")
    parser.add_argument("--out", default=str(BUILD / "site"), help="folder of the finished site")
    parser.add_argument("--slides", action="store_true", help="build the slides into build/slides instead")
    parser.add_argument("--pdf", action="store_true", help="print what was built into build/pdf, by headless Chromium")
    parser.add_argument("--test", action="store_true", help="look at what was built, in headless Chromium")
    options = parser.parse_args()
    for tool, remedy in (("node", "install Node.js 20 or newer"), ("npm", "install npm"), ("dot", "install graphviz")):
        if shutil.which(tool) is None:
            sys.exit(f"site stopped: {tool} is missing; {remedy} and run the command again")
    prepare()
    start = time.monotonic()
    modules = NPM / "node_modules"
    if options.pdf:
        sys.exit(subprocess.run([PYTHON, HERE / "printing.py"]).returncode)
    if options.test:
        sys.exit(test(Path(options.out)))
    if options.slides:
        environment = os.environ | {"SITE_NODE_MODULES": str(modules), "PYTHONPATH": str(HERE.parent)}
        subprocess.run([PYTHON, HERE / "slides.py", BUILD / "slides"], env=environment, check=True)
        return
    if status := subprocess.run([PYTHON, HERE / "source.py", SOURCE]).returncode:
        sys.exit(status)  # it has said in one line what is wrong
    forget_if_changed()
    environment = os.environ | {"SITE_NODE_MODULES": str(modules)}
    command = [
        PYTHON,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-j",
        "2",
        "-c",
        HERE,
        "-d",
        DOCTREES,
        SOURCE,
        options.out,
    ]
    status = subprocess.run(command, env=environment).returncode
    if status:
        sys.exit("site stopped: Sphinx found faults, see above")
    for target, source in STATIC.items():
        copy = Path(options.out) / "_static" / target
        copy.parent.mkdir(parents=True, exist_ok=True)
        found = modules / source
        shutil.copytree(found, copy, dirs_exist_ok=True) if found.is_dir() else shutil.copyfile(found, copy)
    size = sum(path.stat().st_size for path in Path(options.out).rglob("*") if path.is_file()) / 1e6
    print(f"{options.out}/index.html ({size:.0f} MB, {time.monotonic() - start:.0f} s)")


def test(site):
    """Faults that a parser finds, then those that only a browser finds; returns the exit status."""
    if shutil.which("chromium") is None and shutil.which("chromium-browser") is None:
        sys.exit("site stopped: chromium is missing; install it and run the command again")
    if not (site / "index.html").exists():
        sys.exit(f"site stopped: {site} is not there; make site builds it")
    status = subprocess.run([PYTHON, HERE / "checks.py", site]).returncode
    environment = os.environ | {"SITE_NODE_MODULES": str(NPM / "node_modules"), "PYTHONPATH": str(HERE.parent)}
    for name in ("browser_test.py", "slides_test.py"):  # each starts a browser of its own
        command = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", HERE, HERE / name]
        status = subprocess.run(command, env=environment).returncode or status
    return status


def prepare():
    """The site's own Python environment and npm packages, renewed when their lists change."""
    for folder, names, install in (
        (VENV, ("requirements.txt",), install_python),
        (NPM, ("package.json", "package-lock.json"), install_npm),
    ):
        digest = hashlib.sha256(str(folder).encode())  # a copied clone makes its own
        for name in names:
            digest.update((HERE / name).read_bytes())
        stamp = folder / ".ready"
        if not stamp.exists() or stamp.read_text() != digest.hexdigest():
            print(f"setting up {folder.relative_to(HERE.parent)} (a minute or two, once)", flush=True)
            install()
            stamp.write_text(digest.hexdigest())


def forget_if_changed():
    """Sphinx reads again what changed; where what reads it changed, it must read everything."""
    digest = hashlib.sha256()
    for name in ("conf.py", "anchors.py", "navigation.py", "prerendered_math.py", "render_math.js", "requirements.txt"):
        digest.update((HERE / name).read_bytes())
    stamp = DOCTREES / ".made-by"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        shutil.rmtree(DOCTREES, ignore_errors=True)
        DOCTREES.mkdir(parents=True)
        stamp.write_text(digest.hexdigest())


def install_python():
    shutil.rmtree(VENV, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    options = ["--disable-pip-version-check", "--quiet", "--progress-bar", "off"]
    subprocess.run([PYTHON, "-m", "pip", "install", *options, "-r", HERE / "requirements.txt"], check=True)


def install_npm():
    NPM.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, NPM / name)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=NPM, check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"site stopped: {error.cmd[0]} ended with {error.returncode}, see above")
    except KeyboardInterrupt:
        sys.exit("interrupted; the same command starts again")
