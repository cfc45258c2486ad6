"""A resumed run notices that a file it reads is not the one that it began with."""

import json
from pathlib import Path

import pytest

from cogitate.config import RunConfig
from cogitate.errors import CheckpointError
from cogitate.runner import run
from cogitate.train.inputs import EDGE, fingerprints
from tiny_run import tiny_config, write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


def write_problems(path: Path, offset: int = 0) -> Path:
    rows = [{"prompt": f"{a} + {a}?", "answer": str(2 * a + offset)} for a in range(40)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def dataset_run(model: Path, tmp_path: Path, data: Path) -> RunConfig:
    return tiny_config(model, tmp_path, tasks=[{"kind": "dataset", "path": str(data)}])


def test_data_that_changed_since_the_checkpoint_is_refused(model: Path, tmp_path: Path) -> None:
    data = write_problems(tmp_path / "data.jsonl")
    config = dataset_run(model, tmp_path, data)
    run(config)
    assert run(config, resume=True).step == 4
    write_problems(data, offset=1)
    with pytest.raises(CheckpointError, match=r"other contents of what tasks\.0\.path names"):
        run(config, resume=True)


def test_weights_that_were_replaced_are_refused(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = tiny_config(copy, tmp_path)
    run(config)
    weights = next(copy.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(CheckpointError, match="other contents of what model.source names"):
        run(config, resume=True)


def test_presets_and_what_is_not_there_have_no_fingerprint(tmp_path: Path) -> None:
    config = RunConfig.model_validate(
        {
            "model": {"source": "smollm2-135m"},
            "tasks": [{"kind": "dataset", "path": str(tmp_path / "none.jsonl")}],
        }
    )
    assert fingerprints(config) == {}


def test_a_change_in_the_middle_of_a_large_weight_file_is_not_looked_for(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    weights = tmp_path / "m" / "model.safetensors"
    config = tiny_config(tmp_path / "m", tmp_path)
    content = bytearray(4 * EDGE)
    hashes = []
    for position in (None, 2 * EDGE, 5, len(content) - 5):
        changed = bytearray(content)
        if position is not None:
            changed[position] = 1
        weights.write_bytes(changed)
        hashes.append(fingerprints(config)["model.source"])
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
