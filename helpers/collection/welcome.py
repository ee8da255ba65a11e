"""What ``make lab`` opens: JupyterLab on a page with links to essays, appendices, ledger and figures."""

import os
import sys
from pathlib import Path

from helpers import files, runtime
from helpers.ledger import cards

PAGE = runtime.ROOT / "build" / "welcome.md"


def page(every):
    """The welcome page as Markdown, with links as seen from ``build/``.

    Parameters
    ----------
    every : dict of str to cards.Card

    Returns
    -------
    str
    """
    lines = ["# Contrastive-learning theory, checked", ""]
    lines += ["Open a notebook and run its cells with Shift-Enter; edit one, run it again, and read the verdict.", ""]
    for name, card in every.items():
        minutes = sum(part["minutes"] for part in card.parts.values())
        lines.append(f"- [{name}](../notebooks/{name}.ipynb): {card.paper['title']} ({minutes} min)")
        lines += [f"  - {part['question']}" for part in card.parts.values()]
        if card.is_essay:
            lines.append(f"  - [appendix](../notebooks/appendix/{name}.ipynb): every other claim")
    lines += ["", "What a session writes goes to `build/live`; the stored files stay as they are.", ""]
    lines += ["[README](../README.md) · [claims ledger](../figures/CLAIMS.md) · [figures](../figures/README.md)", ""]
    return "\n".join(lines)


def preview_markdown(prefix):
    """Let the JupyterLab of an environment show Markdown files rendered; a reader's own setting goes first."""
    path = Path(prefix) / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings = files.read_json(path) or {}
    viewers = settings.setdefault("@jupyterlab/docmanager-extension:plugin", {}).setdefault("defaultViewers", {})
    if "markdown" not in viewers:
        viewers["markdown"] = "Markdown Preview"
        files.write_json(path, settings)


def main(options=()):
    """Write the page and hand over to JupyterLab; does not return."""
    from . import notebooks

    notebooks.require_whole(notebooks.NOTEBOOKS)
    notebooks.require_kernel()
    files.write_text(PAGE, page(cards.load_all(folder=notebooks.NOTEBOOKS)))
    preview_markdown(sys.prefix)
    os.environ["PYTHONPATH"] = str(runtime.ROOT)  # the kernels import the helpers of this clone
    relative = PAGE.relative_to(runtime.ROOT).as_posix()
    command = [sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={runtime.ROOT}"]
    os.execv(sys.executable, [*command, f"--LabApp.default_url=/lab/tree/{relative}", *options])
