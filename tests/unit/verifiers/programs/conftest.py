import pytest

from cogitate.errors import SandboxError
from cogitate.sandbox import Sandbox, get_sandbox


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    try:
        return get_sandbox("auto")
    except SandboxError as error:
        pytest.skip(f"no sandbox here: {error}")
