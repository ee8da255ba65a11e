"""The recipes of README's section on the losses, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Take the losses along\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.S)
COPY, SIMCLR, CLIP = (code for _, code in BLOCKS)
WITHOUT_PROJECT = 'import sys\nsys.modules["helpers"] = None  # an import of it fails\n'


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder into which the first recipe has copied the losses."""
    clone = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "helpers" / "losses", clone / "helpers" / "losses")
    shutil.copy(ROOT / "LICENSE", clone)
    (clone / "my_project").mkdir()
    subprocess.run(["bash", "-ec", COPY], cwd=clone, check=True)
    return clone / "my_project"


def run(command, project):
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | loopback
    options = {"cwd": project, "env": environment, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([sys.executable, *command], check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_section_has_three_recipes(project):
    assert [language for language, _ in BLOCKS] == ["bash", "python", "python"]
    assert sorted(path.name for path in project.iterdir()) == ["LICENSE", "contrastive"]


def test_simclr_with_a_queue(project):
    check = """
assert torch.equal(queue[:64], first.detach()) and queue.shape == (512, 16)
views, old = (torch.nn.functional.normalize(rows, dim=1) for rows in (torch.cat([first, second]), old))
logits = views @ torch.cat([views, old]).T / 0.2
logits = logits.masked_fill(torch.eye(128, 640).bool(), -torch.inf)
dense = torch.nn.functional.cross_entropy(logits, torch.arange(128).roll(64))
assert abs(dense - value) < 1e-5, (dense, value)
print("as dense")
"""
    code = SIMCLR.replace("    value = loss", "    old = queue\n    value = loss")
    assert "old = queue" in code
    (project / "simclr_step.py").write_text(WITHOUT_PROJECT + code + check)
    assert run(["simclr_step.py"], project) == "as dense\n"


def test_clip_under_two_processes(project):
    # Each process writes a file of its own, as what two of them print at once may run into one line, and leaves at once
    # when the group is closed: a thread of torch's that outlives the interpreter aborts the process now and then.
    keep = """
from pathlib import Path
Path(f"rank{group.get_rank()}").write_text(repr([p.tolist() for p in model.parameters()]))
"""
    leave = """
import os, sys
sys.stdout.flush()
os._exit(0)
"""
    code = CLIP.replace("group.barrier()\n", keep + "group.barrier()\n") + leave
    assert keep in code
    (project / "clip_step.py").write_text(WITHOUT_PROJECT + code)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    printed = run([*launcher, "clip_step.py"], project)
    assert printed.count("temperature") == 1  # by one of the two
    first, second = ((project / f"rank{rank}").read_text() for rank in (0, 1))
    assert first == second  # both processes hold the same model
