"""What a careless function changes in the trainer's process is put back."""

import decimal
import logging
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from cogitate.rewards.calling import Failure, run_coroutine
from cogitate.rewards.config import CustomRewardConfig
from cogitate.rewards.custom import CustomReward
from cogitate.rewards.guard import CallTimeout, call_with_limit, content_seed, undisturbed
from cogitate.schema import Message, Problem
from cogitate.testing import completion_from_text

PROBLEM = Problem(
    id="t/1", task="t", messages=(Message(role="user", content="?"),), answer="1"
)  # fmt: skip

CARELESS = """
import os, random, signal, sys, tempfile
import numpy, torch
def f(completions):
    random.seed(1); numpy.random.seed(1); torch.manual_seed(1)
    os.chdir(tempfile.gettempdir())
    os.environ["CHANGED"] = "1"; os.environ.pop("KEPT", None)
    sys.setrecursionlimit(5000)
    torch.set_default_dtype(torch.float64); torch.set_grad_enabled(False)
    if MAIN:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 3600)
    print("noise"); print("trouble", file=sys.stderr)
    sys.stdout = None
    return [1.0 for c in completions]
"""


def state() -> tuple[object, ...]:
    return (
        str(np.random.get_state()), torch.get_rng_state().tolist(), os.getcwd(),
        dict(os.environ), sys.getrecursionlimit(), torch.get_default_dtype(),
        torch.is_grad_enabled(), signal.getsignal(signal.SIGUSR1), torch.get_num_threads(),
        signal.getitimer(signal.ITIMER_REAL), sys.stdout, sys.stderr,
    )  # fmt: skip


@pytest.mark.parametrize("timeout", [None, 30.0])
def test_a_careless_function_changes_nothing(
    tmp_path: Path, timeout: float | None, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    monkeypatch.setenv("KEPT", "yes")
    path = tmp_path / "careless.py"
    path.write_text(f"MAIN = {timeout is None}\n{CARELESS}")
    reward = CustomReward(CustomRewardConfig(path=f"{path}:f", timeout=timeout))
    before = state()
    with caplog.at_level(logging.INFO):
        assert reward.scores(PROBLEM, [completion_from_text("x")]) == [1.0]
    assert state() == before
    assert capsys.readouterr() == ("", "")
    assert "reward f printed: noise" in caplog.text


def test_pythons_own_generator():
    # Apart from the test above: the checks of annotations under test draw from it too.
    before = random.getstate()
    with undisturbed("f", 0):
        first = random.random()
    assert random.getstate() == before
    with undisturbed("f", 0):
        assert random.random() == first


def test_draws_are_fixed_by_the_completions(tmp_path: Path):
    path = tmp_path / "lucky.py"
    path.write_text(
        "import random, numpy, torch\n"
        "def f(completions):\n"
        "    return [random.random() + numpy.random.rand() + torch.rand(1) for _ in completions]"
    )
    reward = CustomReward(CustomRewardConfig(path=f"{path}:f"))
    group, other = ([completion_from_text(t) for t in texts] for texts in ("ab", "ac"))
    first = reward.scores(PROBLEM, group)
    random.random()
    assert reward.scores(PROBLEM, group) == first
    assert reward.scores(PROBLEM, other) != first


def test_other_threads_still_reach_the_screen(capsys: pytest.CaptureFixture[str]):
    inside, done = threading.Event(), threading.Event()

    def display() -> None:
        inside.wait(10)
        print("picture")
        done.set()

    thread = threading.Thread(target=display)
    thread.start()
    with undisturbed("f", 0):
        print("noise")
        inside.set()
        done.wait(10)
    thread.join()
    assert capsys.readouterr().out == "picture\n"


def test_a_limit():
    assert call_with_limit(lambda: threading.current_thread().daemon, 10.0, name="f")
    assert call_with_limit(threading.current_thread, None, name="f") is threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        call_with_limit(lambda: 1 / 0, 10.0, name="f")
    stop = threading.Event()
    with pytest.raises(CallTimeout):
        call_with_limit(stop.wait, 0.01, name="f")
    stop.set()


def test_a_function_that_hangs_is_left_alone_until_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    flag = tmp_path / "go"
    path = tmp_path / "slow.py"
    path.write_text(
        "import time\nfrom pathlib import Path\n"
        "def f(completions):\n"
        "    if completions[0] == 'slow':\n"
        f"        while not Path({str(flag)!r}).exists(): time.sleep(0.01)\n"
        "    return [1.0] * len(completions)"
    )
    reward = CustomReward(CustomRewardConfig(path=f"{path}:f", timeout=0.2))
    slow, quick = [completion_from_text("slow")], [completion_from_text("quick")]
    with caplog.at_level(logging.WARNING):
        [first] = reward.scores(PROBLEM, slow)
        [second] = reward.scores(PROBLEM, quick)
    assert isinstance(first, Failure) and "gave no result within 0.2 s" in first.reason
    assert isinstance(second, Failure) and "still busy" in second.reason
    assert caplog.text.count("Set isolate = true") == 1, "said once"
    flag.touch()
    deadline = time.monotonic() + 20
    while reward.scores(PROBLEM, quick) != [1.0] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert reward.scores(PROBLEM, quick) == [1.0]


def test_ctrl_c_is_not_the_functions_business(tmp_path: Path):
    path = tmp_path / "stop.py"
    path.write_text("def f(completions):\n    raise KeyboardInterrupt")
    reward = CustomReward(CustomRewardConfig(path=f"{path}:f"))
    before = state()
    with pytest.raises(KeyboardInterrupt):
        reward.scores(PROBLEM, [completion_from_text("x")])
    assert state() == before


def test_coroutines_inside_a_running_loop():
    async def inner() -> int:
        return 7

    async def outer() -> int:
        return run_coroutine(inner())

    assert run_coroutine(outer()) == 7


def test_content_seed():
    assert content_seed("a", "b") == content_seed("a", "b") != content_seed("ab")
    assert content_seed("\ud800") < 2**32
    assert decimal.getcontext().prec == 28
