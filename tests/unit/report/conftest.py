"""One synthetic run of each kind, made once."""

from pathlib import Path

import pytest

from synthetic_run import make_run


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished GRPO run. Read only."""
    return make_run(tmp_path_factory.mktemp("runs") / "full", steps=20, planned=20, problems=12)


@pytest.fixture(scope="session")
def weak_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, but it learned less. Read only."""
    folder = tmp_path_factory.mktemp("runs")
    return make_run(folder / "weak", steps=20, planned=20, problems=12, loss="dapo", strength=0.5)
