"""The environment is read once, checked, and turned into independent generators."""

import numpy as np
import pytest
import torch

from helpers import runtime


def test_a_strict_run_of_the_defaults_writes_into_figures():
    run = runtime.current({"STRICT": "1"})
    assert (run.profile, run.seed, run.output, run.strict) == ("quick", 0, runtime.ROOT / "figures", True)


def test_any_other_strict_run_stays_out_of_figures():
    assert runtime.current({"STRICT": "1", "PROFILE": "full"}).output == runtime.ROOT / "build" / "full-0"
    assert runtime.current({"STRICT": "1", "SEED": "4"}).output == runtime.ROOT / "build" / "quick-4"


@pytest.mark.parametrize("environment", [{}, {"SEED": "4"}, {"STRICT": "0"}, {"STRICT": ""}])
def test_a_live_session_writes_to_a_place_of_its_own(environment):
    run = runtime.current(environment)
    assert (run.output, run.strict) == (runtime.ROOT / "build" / "live", False)


def test_an_output_folder_counts_from_the_root_wherever_a_process_stands(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for environment in ({"OUTPUT": "build/here"}, {"OUTPUT": "build/here", "STRICT": "1"}):
        assert runtime.current(environment).output == runtime.ROOT / "build" / "here"
    assert runtime.current({"OUTPUT": str(tmp_path)}).output == tmp_path
    assert runtime.settings({"OUTPUT": "../elsewhere"})["output"] == runtime.ROOT.parent / "elsewhere"


def test_what_is_empty_counts_as_unset():
    empty = dict.fromkeys(["PROFILE", "SEED", "DEVICE", "OUTPUT", "STRICT", "REDRAW", "LOCAL_RANK"], "")
    assert runtime.current(empty) == runtime.current({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROFILE", "fast"),
        ("SEED", "-1"),
        ("SEED", "one"),
        ("DEVICE", "tpu"),
        ("DEVICE", "mps"),
        ("STRICT", "yes"),
        ("REDRAW", "true"),
    ],
)
def test_an_unknown_value_is_refused_and_repeated(name, value):
    with pytest.raises(ValueError, match=value):
        runtime.current({name: value})


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="torch sees 0 GPU"):
        runtime.current({"DEVICE": "cuda"})


def test_unset_device_is_the_gpu_if_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert runtime.current({}).device == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert runtime.current({}).device == torch.device("cuda")


def test_generators_depend_on_seed_and_claim_only():
    run, other = runtime.current({}), runtime.current({"SEED": "1"})
    assert np.array_equal(run.rng("A").normal(size=3), run.rng("A").normal(size=3))
    assert not np.array_equal(run.rng("A").normal(size=3), run.rng("B").normal(size=3))
    assert not np.array_equal(run.rng("A").normal(size=3), other.rng("A").normal(size=3))
    draws = [torch.rand(3, generator=generator.torch_generator("A")) for generator in (run, run, other)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_pick_and_progress():
    run = runtime.current({"PROFILE": "full"})
    assert run.pick(quick=1, full=2) == 2
    assert list(run.progress(range(3), description="x")) == [0, 1, 2]


def test_torchrun_gives_every_process_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert runtime.current({"DEVICE": "cuda", "LOCAL_RANK": "1"}).device == torch.device("cuda", 1)
    with pytest.raises(ValueError, match=r"torchrun started process 2 here, from 0, but torch sees 2 GPU\(s\)"):
        runtime.current({"DEVICE": "cuda", "LOCAL_RANK": "2"})
