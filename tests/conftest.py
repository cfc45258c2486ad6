"""Shared set-up: shapes and types are executed, runs are repeatable, slow tests ask to be named."""

import os
from collections.abc import Generator
from pathlib import Path

# Subprocesses import the package from this checkout, installed or not.
SOURCE = Path(__file__).parents[1] / "src"
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])
)

# One thread per test process: xdist workers share the cores, and a sum over threads is not
# reproducible across machines. Before torch is imported, or it has no effect.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("WANDB_MODE", "offline")

from jaxtyping import install_import_hook

install_import_hook("cogitate", "typechecker.check")

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

OFF_BY_DEFAULT = ("slow", "gpu", "vllm", "network", "needs_smollm2")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip marked tests unless ``-m`` names their marker."""
    expression = config.getoption("markexpr") or ""
    for item in items:
        unasked = [
            marker
            for marker in OFF_BY_DEFAULT
            if item.get_closest_marker(marker) and marker not in expression
        ]
        if unasked:
            item.add_marker(pytest.mark.skip(reason=f"asks for -m {unasked[0]}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make captured text encodable: xdist cannot send the lone surrogates that some tests log."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report
