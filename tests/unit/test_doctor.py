import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from cogitate import doctor
from cogitate.checks import Check
from cogitate.doctor import (
    check_disk,
    check_extra,
    check_gpu,
    check_kernels,
    check_memory,
    check_models,
    check_network,
    check_processor,
    check_python,
    check_speed,
    check_torch,
    diagnose,
    existing_parent,
    matmul_gflops,
    package_version,
    usable_processors,
)
from cogitate.extras import EXTRAS, Extra


@pytest.fixture(autouse=True)
def no_attacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacks take seconds; tests/unit/sandbox runs them."""
    check = Check(name="sandbox", status="ok", seen="not tried here")
    monkeypatch.setattr(doctor, "check_sandbox", lambda: check)


def test_everything_is_looked_at_in_a_fixed_order(tmp_path: Path) -> None:
    names = [check.name for check in diagnose(runs_dir=tmp_path)]
    assert names[:4] == ["python", "torch", "processor", "speed"]
    assert names[-len(EXTRAS) :] == [f"extra {extra.name}" for extra in EXTRAS]
    assert "network" not in names


def test_advice_comes_with_every_fault(tmp_path: Path) -> None:
    for check in diagnose(runs_dir=tmp_path):
        assert check.seen
        assert check.status == "ok" or check.advice, check.name


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_python().status == "ok"
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 4))
    assert check_python().status == "fail"


@pytest.mark.parametrize(
    ("version", "status"),
    [("2.13.0+cpu", "ok"), ("2.11.0", "ok"), ("2.4.1", "warn"), ("not installed", "fail")],
)
def test_torch(monkeypatch: pytest.MonkeyPatch, version: str, status: str) -> None:
    monkeypatch.setattr(doctor, "package_version", lambda name: version)
    assert check_torch().status == status


def test_versions_of_packages() -> None:
    assert package_version("torch") == torch.__version__
    assert package_version("no-such-package-at-all") == "not installed"


class TestProcessor:
    def test_as_many_threads_as_processors(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch, "get_num_threads", usable_processors)
        assert check_processor().status == "ok"

    def test_too_many_threads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(torch, "get_num_threads", lambda: 10_000)
        check = check_processor()
        assert check.status == "warn"
        assert f"OMP_NUM_THREADS={usable_processors()}" in check.advice

    def test_a_limit_in_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "usable_processors", lambda: 8)
        monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert "leaves processors idle" in check_processor().advice
        monkeypatch.delenv("OMP_NUM_THREADS")
        assert check_processor().status == "ok"

    def test_a_container_may_use_fewer_than_exist(self) -> None:
        assert 1 <= usable_processors() <= (os.cpu_count() or 1)


def test_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert matmul_gflops(size=64, seconds=0.0) > 0
    monkeypatch.setattr(doctor, "matmul_gflops", lambda: 5.0)
    assert check_speed().status == "warn"
    monkeypatch.setattr(doctor, "matmul_gflops", lambda: 250.0)
    assert check_speed().seen == "250 GFLOP/s in float32 matrix products"


def test_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check_gpu().seen == "none; training runs on the processor"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "H100")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (79e9, 80e9))
    assert check_gpu().seen == "H100, 79.0 GB of 80.0 GB free"


@pytest.mark.parametrize(
    ("free", "status"), [(20_000_000_000, "ok"), (4_000_000_000, "warn"), (None, "ok")]
)
def test_memory(monkeypatch: pytest.MonkeyPatch, free: int | None, status: str) -> None:
    monkeypatch.setattr(doctor, "available_bytes", lambda: free)
    assert check_memory().status == status


class TestDisk:
    def usage(self, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
        monkeypatch.setattr(
            doctor.shutil, "disk_usage", lambda path: type("Usage", (), {"free": free})()
        )

    def test_enough(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.usage(monkeypatch, 20_000_000_000)
        check = check_disk("disk", tmp_path / "not" / "yet")
        assert check.status == "ok"
        assert check.seen == f"20.0 GB free for {tmp_path}/not/yet"

    def test_little(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.usage(monkeypatch, 1_000_000_000)
        assert check_disk("disk", tmp_path).status == "warn"

    def test_not_writable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
        check = check_disk("disk", tmp_path)
        assert check.status == "fail"
        assert "output_dir" in check.advice

    def test_the_nearest_directory_that_exists(self, tmp_path: Path) -> None:
        assert existing_parent(tmp_path / "a" / "b") == tmp_path
        assert existing_parent(Path()) == Path.cwd()


def test_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cogitate.kernels.build.status",
        lambda: {"available": True, "detail": "/x.so", "lanes": 16, "matrix_unit": False},
    )
    assert check_kernels().seen == "native, without a matrix unit (AMX), compiled at /x.so"
    monkeypatch.setattr(
        "cogitate.kernels.build.status",
        lambda: {"available": False, "detail": "no C compiler", "lanes": 0},
    )
    check = check_kernels()
    assert check.status == "warn"
    assert "apt-get install gcc" in check.advice


def test_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COGITATE_CACHE", str(tmp_path))
    assert check_models().advice == "Fetch one: cogitate model fetch smollm2-135m"
    monkeypatch.setattr("cogitate.models.presets.is_complete", lambda directory, preset: True)
    assert check_models().seen == f"smollm2-135m in {tmp_path}/models"


def test_git(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    assert doctor.check_git().status == "warn"


def test_a_missing_extra_is_fine_and_says_what_it_would_enable() -> None:
    check = check_extra(Extra(name="x", modules=("no_such_module_at_all",), enables="flying"))
    assert check.status == "ok"
    assert check.seen == "optional, not installed (no_such_module_at_all): flying"
    assert check.advice == "pip install 'cogitate[x]'"


class TestNetwork:
    def connect(self, monkeypatch: pytest.MonkeyPatch, reachable: set[str]) -> None:
        class Connection:
            def __enter__(self) -> "Connection":
                return self

            def __exit__(self, *exception: object) -> None:
                pass

        def create_connection(address: tuple[str, int], timeout: float) -> Any:
            if address[0] not in reachable:
                raise OSError("no route")
            return Connection()

        monkeypatch.setattr("socket.create_connection", create_connection)

    def test_reachable(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.connect(monkeypatch, {"pypi.org", "huggingface.co"})
        assert diagnose(runs_dir=tmp_path, online=True)[-1].status == "ok"

    def test_not_reachable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connect(monkeypatch, {"pypi.org"})
        check = check_network()
        assert check.status == "warn"
        assert "huggingface.co not reachable (no route)" in check.seen


def test_it_asks_no_network_by_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise AssertionError("no network without --online")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.create_connection", refuse)
    assert diagnose(runs_dir=tmp_path)
    assert sys.modules  # the checks ran in this process
