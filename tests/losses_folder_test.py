"""The folder of the losses stands alone: torch and the standard library beside it, and nothing of this project."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "helpers" / "losses"
ALLOWED = {"torch", *sys.stdlib_module_names}
LIFTED = """
import sys
sys.modules["helpers"] = None  # an import of it fails
import torch
import lifted
from lifted import alpha_cl, kernel_objectives, kernels, pair_family, pair_loss_family, population_losses
x = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
options = {"temperature": 0.3, "positive_in_denominator": True}
loss = lifted.infonce(x, x.detach().flip(1), **options, reduction="mean")
loss.backward()
dense = lifted.infonce_from_scores(x.detach() @ x.detach().flip(1).T, **options).mean()
assert abs(loss.item() - dense.item()) < 1e-14, (loss, dense)
assert not [name for name in sys.modules if name.startswith("helpers.")]
print(lifted.__file__)
"""


def absolute_imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level < 2, f"{path.name} reaches out of the folder"
            if not node.level:
                yield node.module


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_imports_torch_its_neighbours_and_the_standard_library_only(path):
    assert {name.split(".")[0] for name in absolute_imports(path)} <= ALLOWED


@pytest.mark.slow
def test_the_folder_works_where_it_is_copied_to(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "lifted", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LIFTED}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env={}, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "lifted" / "__init__.py")
