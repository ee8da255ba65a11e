import hashlib
import io
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import files, runtime
from helpers.training import checkpoints


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.pt"


def state(number):
    return {"weights": torch.full((3,), float(number)), "step": number}


def test_the_newest_of_two_states_is_read_back(path):
    kept = checkpoints.Checkpoint(path)
    assert kept.load() is None
    for number in range(5):
        kept.save(state(number))
    assert sorted(slot.name for slot in path.parent.iterdir()) == ["run.0.pt", "run.1.pt"]
    found = checkpoints.Checkpoint(path).load()
    assert found["step"] == 4
    assert torch.equal(found["weights"], state(4)["weights"])


def test_another_process_goes_on_in_the_older_slot(path):
    first = checkpoints.Checkpoint(path)
    for number in range(3):
        first.save(state(number))
    second = checkpoints.Checkpoint(path)
    second.load()
    second.save(state(3))
    steps = [checkpoints._read(slot)["state"]["step"] for slot in second.slots]
    assert sorted(steps) == [2, 3]


@pytest.mark.parametrize("before", range(5))
def test_who_saves_without_loading_is_read_as_the_newest(path, before):
    first = checkpoints.Checkpoint(path)
    for number in range(before):
        first.save(state(number))
    checkpoints.Checkpoint(path).save(state(100))
    second = checkpoints.Checkpoint(path)
    assert second.load()["step"] == 100
    steps = sorted(checkpoints._read(slot)["state"]["step"] for slot in second.slots if slot.exists())
    assert steps == [before - 1, 100][-min(before + 1, 2) :]  # the newest of those before is kept


def test_who_saves_over_a_damaged_slot_without_loading_is_read_as_the_newest(path):
    kept = checkpoints.Checkpoint(path)
    for number in range(4):
        kept.save(state(number))
    newest = max(kept.slots, key=lambda slot: checkpoints._read(slot)["saved"])
    newest.write_bytes(b"nothing")
    checkpoints.Checkpoint(path).save(state(100))
    assert checkpoints.Checkpoint(path).load()["step"] == 100
    assert sorted(checkpoints._read(slot)["state"]["step"] for slot in kept.slots) == [2, 100]


def test_what_a_checkpoint_takes_it_gives_back(path):
    given = {
        "numpy": [
            np.float64(0.1),
            np.float32(0.1),
            np.int64(3),
            np.uint8(7),
            np.bool_(True),
            np.str_("a"),
            np.array(2),
        ],
        np.int64(5): (1, 2.5, None, "text", b"bytes", 1j, True),
        "nested": OrderedDict(a=[{"b": torch.arange(3)}], size=torch.Size([2, 3])),
        "torch": [torch.float32, torch.device("cpu")],
    }
    checkpoints.Checkpoint(path).save(given)
    found = checkpoints.Checkpoint(path).load()
    numbers = [0.1, float(np.float32(0.1)), 3, 7, True, "a", 2]
    assert found["numpy"] == numbers
    assert [type(value) for value in found["numpy"]] == [type(value) for value in numbers]
    assert found[5] == given[5]
    assert torch.equal(found["nested"]["a"][0]["b"], torch.arange(3))
    assert found["nested"]["size"] == (2, 3)
    assert found["torch"] == [torch.float32, torch.device("cpu")]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"order": np.arange(3)}, r"state\['order'\] is of type ndarray"),
        ({"a": [1, {2}]}, r"state\['a'\]\[1\] is of type set"),
        ({"a": {("b", frozenset()): 1}}, r"a key of state\['a'\]\[1\] is of type frozenset"),
        ({"path": Path("x")}, r"state\['path'\] is of type \w*Path"),
        ({"when": np.datetime64("2020-01-01")}, r"state\['when'\] is of type date"),
    ],
)
def test_what_could_not_be_read_back_is_refused_when_saved(path, value, place):
    kept = checkpoints.Checkpoint(path)
    kept.save(state(1))
    with pytest.raises(TypeError, match=place):
        kept.save(state(2) | value)
    assert checkpoints.Checkpoint(path).load()["step"] == 1


DAMAGES = {
    "cut short": lambda content: content[:200],
    "one bit turned": lambda content: content[:-100] + bytes([content[-100] ^ 1]) + content[-99:],
    "empty": lambda content: b"",
    "something else": lambda content: b"PK" + content,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_state_is_refused_and_the_previous_one_used(path, damage):
    kept = checkpoints.Checkpoint(path)
    kept.save(state(1))
    kept.save(state(2))
    newest = max(kept.slots, key=lambda slot: checkpoints._read(slot)["saved"])
    newest.write_bytes(damage(newest.read_bytes()))
    fresh = checkpoints.Checkpoint(path)
    with pytest.warns(
        UserWarning, match=rf"{newest.name} is damaged or no checkpoint.*the previous checkpoint is used"
    ):
        assert fresh.load()["step"] == 1
    fresh.save(state(3))  # over the damaged one
    assert checkpoints.Checkpoint(path).load()["step"] == 3


def test_two_damaged_states_are_an_error_that_names_both(path):
    kept = checkpoints.Checkpoint(path)
    kept.save(state(1))
    kept.save(state(2))
    for slot in kept.slots:
        slot.write_bytes(b"nothing")
    with pytest.raises(checkpoints.CheckpointDamaged, match=r"run\.0\.pt is damaged.*run\.1\.pt is damaged.*delete"):
        checkpoints.Checkpoint(path).load()


def test_a_file_that_would_run_code_is_not_loaded(path):
    class Trap:
        def __reduce__(self):
            return (print, ("run",))

    kept = checkpoints.Checkpoint(path)
    with pytest.raises(TypeError, match=r"state\['weights'\] is of type Trap"):
        kept.save({"weights": Trap()})
    assert not any(slot.exists() for slot in kept.slots)
    buffer = io.BytesIO()
    torch.save({"saved": 1, "state": {"weights": Trap()}}, buffer)  # a file from elsewhere, with a fitting checksum
    content = buffer.getvalue()
    kept.slots[1].write_bytes(checkpoints.FORM + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    with pytest.raises(checkpoints.CheckpointDamaged, match="Weights only load failed"):
        checkpoints.Checkpoint(path).load()


def test_what_a_killed_process_was_writing_is_cleared_away(path):
    left = path.parent / ".run.0.pt.abc"
    left.write_bytes(b"half")
    assert checkpoints.Checkpoint(path).load() is None
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_a_run_killed_twenty_times_ends_bit_for_bit_as_one_left_alone(tmp_path):
    script, found = Path(__file__).parent / "killed_run.py", tmp_path / "found.json"
    paths = {"PYTHONPATH": str(runtime.ROOT)}
    options = {"env": os.environ | paths, "capture_output": True, "text": True, "timeout": 1200}
    done = subprocess.run([sys.executable, script, found], **options, check=False)
    assert done.returncode == 0, done.stderr
    found = files.read_json(found)
    assert found["died"] == 20
    assert found["broken saves"] >= 10  # half of the kills come while a file is under way
    assert found["steps"] == sorted(found["steps"])  # the lives went on from one another
    assert 20 <= found["steps"][-1] < 1200
    assert found["epochs"] == 60
    assert found["same losses"]
    assert found["same weights"]
