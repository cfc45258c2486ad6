"""A sandbox of each kind, or the reason why there is none on this machine."""

from collections.abc import Callable

import pytest

from cogitate.errors import SandboxError
from cogitate.sandbox import Limits, Program, RunResult, Sandbox, get_sandbox, python_argv

Run = Callable[..., RunResult]


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    try:
        return get_sandbox(request.param)
    except SandboxError as error:
        pytest.skip(f"no {request.param} on this machine: {error}")


@pytest.fixture
def run(sandbox: Sandbox) -> Run:
    """Run Python code in it."""

    def run_code(code: str, **fields: object) -> RunResult:
        fields.setdefault("limits", Limits(wall_seconds=60.0))
        program = Program(argv=(*python_argv(), "-c", code), **fields)  # type: ignore[arg-type]
        return sandbox.run(program)

    return run_code
