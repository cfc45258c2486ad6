"""docs/rewards.md and the example beside it: the settings load, the functions run as shown."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cogitate.rewards.config import CustomRewardConfig, RewardConfig
from cogitate.rewards.custom import CustomReward
from cogitate.testing import ToyTask, completion_from_text
from cogitate.text.templates import TEMPLATES

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "rewards.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def test_the_settings_load():
    full, custom = (tomllib.loads(block)["reward"] for block in blocks("toml"))
    config = RewardConfig.model_validate(full)
    assert config.overlong is not None
    assert (config.overlong.max_tokens, config.overlong.cache) == (512, 128)
    assert [c.path for c in config.custom] == ["my_rewards.py:brevity"]
    assert RewardConfig.model_validate(custom).custom == config.custom


def test_every_setting_is_shown():
    shown = {key for block in blocks("toml") for key in tomllib.loads(block)["reward"]}
    assert set(RewardConfig.model_fields) - shown == {"random_seed"}


def test_every_template_is_in_the_table():
    named = set(
        re.findall(r"`(\w+)`", DOCUMENT.split("## Which answer counts")[1].split("In every")[0])
    )
    assert set(TEMPLATES) <= named


def test_the_function_runs(tmp_path: Path):
    (tmp_path / "my_rewards.py").write_text(blocks("python")[0])
    reward = CustomReward(CustomRewardConfig(path=f"{tmp_path}/my_rewards.py:brevity"))
    completions = [completion_from_text("x" * 200), completion_from_text("x" * 201)]
    assert reward.scores(ToyTask().problem("train", 0), completions) == [1.0, 0.0]


def test_the_example_runs(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "write_a_reward.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    values = re.findall(r"^(\d\.\d)  \{", done.stdout, re.MULTILINE)
    assert values == ["2.2", "2.0", "0.0"]
    assert "+0.2 x shows_work: a custom reward function" in done.stdout


@pytest.mark.parametrize("function", re.findall(r"`(?:rewards|text)/(\w+)\.py`", DOCUMENT))
def test_files_it_names_exist(function: str):
    assert list((ROOT / "src" / "cogitate").glob(f"*/{function}.py"))
