import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cogitate
from cogitate import errors
from cogitate.cli import build_parser, main
from cogitate.cli.common import explain_error, start_logging
from cogitate.train.stopping import DivergedError

ROOT = Path(__file__).parents[3]
COMMANDS = {
    "run", "plan", "explain", "eval", "sample", "chat", "model", "data", "report", "compare",
    "doctor", "bench", "version",
    "grade", "reward", "reward-model",
}  # fmt: skip


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices) if actions else {}


def leaves(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    inner = commands_of(parser)
    return [leaf for p in inner.values() for leaf in leaves(p)] if inner else [parser]


class TestParser:
    def test_the_commands(self) -> None:
        assert commands_of(build_parser()).keys() == COMMANDS

    def test_every_command_has_json_debug_and_help(self) -> None:
        for leaf in leaves(build_parser()):
            options = {option for action in leaf._actions for option in action.option_strings}
            assert {"--json", "--debug", "--help"} <= options, leaf.prog
            assert leaf.description, leaf.prog

    def test_every_option_says_what_it_does(self) -> None:
        silent = [
            f"{leaf.prog} {action.option_strings or action.dest}"
            for leaf in leaves(build_parser())
            for action in leaf._actions
            if not action.help
        ]
        assert silent == []

    def test_help_names_every_command_and_the_exit_codes(self, capsys) -> None:
        assert main([]) == 0
        text = capsys.readouterr().out
        assert all(f"    {command}" in text for command in COMMANDS)
        assert "5 training diverged" in text

    def test_groups_print_their_help(self, capsys) -> None:
        assert main(["model"]) == 0
        assert "fetch" in capsys.readouterr().out

    def test_version(self, capsys) -> None:
        with pytest.raises(SystemExit) as stop:
            main(["--version"])
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"cogitate {cogitate.__version__}\n"

    def test_the_version_is_that_of_the_project_file(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert cogitate.__version__ == project["version"]


class TestUsageErrors:
    @pytest.mark.parametrize(
        ("arguments", "hint"),
        [
            (["evaluate"], 'Did you mean "eval"?'),
            (["run", "x.toml", "--resum"], 'Did you mean "--resume"?'),
            (["run", "x.toml", "--display", "plian"], 'Did you mean "plain"?'),
            (["model", "fech"], 'Did you mean "fetch"?'),
            (["run"], "required: CONFIG"),
            (["sample", "m"], "one of the arguments --prompt --task --config is required"),
        ],
    )
    def test_one_line_with_a_suggestion(self, capsys, arguments: list[str], hint: str) -> None:
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
        lines = capsys.readouterr().err.splitlines()
        assert len(lines) == 2
        assert hint in lines[0]
        assert lines[1].endswith("--help)")

    def test_options_cannot_be_abbreviated(self) -> None:
        with pytest.raises(SystemExit):
            main(["run", "x.toml", "--dry"])


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (errors.ConfigError("x"), 2),
            (errors.DataError("x"), 4),
            (errors.RewardError("x"), 4),
            (errors.EngineError("x"), 3),
            (errors.CheckpointError("x"), 3),
            (errors.MissingExtra("x"), 3),
            (DivergedError("x"), 5),
        ],
    )
    def test_exit_codes(self, error: errors.CogitateError, code: int) -> None:
        assert explain_error(error) == ("x", code)

    def test_errors_of_the_system(self) -> None:
        message, code = explain_error(PermissionError(13, "Permission denied", "/a/b")) or ("", 0)
        assert (code, message.startswith("/a/b: Permission denied")) == (3, True)
        assert explain_error(KeyboardInterrupt()) == ("interrupted", 130)

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            RuntimeError("CUDA out of memory. Tried to allocate"),
        ],
    )
    def test_no_memory_says_what_to_lower(self, error: BaseException) -> None:
        message, code = explain_error(error) or ("", 0)
        assert "grpo.micro_batch_tokens" in message
        assert code == 3

    def test_a_fault_of_ours_keeps_its_traceback(self) -> None:
        assert explain_error(RuntimeError("shape mismatch")) is None

    def test_a_message_and_no_traceback(self, capsys, tmp_path: Path) -> None:
        assert main(["explain", str(tmp_path / "no.toml")]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"cogitate: {tmp_path}/no.toml: no such configuration file.")
        assert "Traceback" not in err

    def test_json_errors_are_on_standard_output_too(self, capsys, tmp_path: Path) -> None:
        assert main(["explain", str(tmp_path / "no.toml"), "--json"]) == 2
        error = json.loads(capsys.readouterr().out)["error"]
        assert error["kind"] == "ConfigError"
        assert error["exit_code"] == 2
        assert "no such configuration file" in error["message"]

    def test_debug_shows_the_traceback(self, tmp_path: Path) -> None:
        with pytest.raises(errors.ConfigError):
            main(["explain", str(tmp_path / "no.toml"), "--debug"])

    def test_control_characters_in_messages_are_removed(self, capsys, tmp_path: Path) -> None:
        path = tmp_path / "x.toml"
        path.write_text('"a\\u001b[31mb" = 1\n[[tasks]]\nkind = "extremes"\n')
        assert main(["explain", str(path)]) == 2
        assert "\x1b" not in capsys.readouterr().err


def cogitate_process(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cogitate", *arguments],
        capture_output=True, text=True, env={**os.environ, **settings},
    )  # fmt: skip


def test_it_runs_as_a_module_in_a_plain_locale() -> None:
    done = cogitate_process("--help", LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "usage: cogitate" in done.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('[[tasks]]\nkind = "extremes"\n')
    command = f"{sys.executable} -m cogitate explain {path} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stdout == "top of the file\n"
    assert done.stderr == ""


def test_warnings_of_the_package_are_shown_once(capsys) -> None:
    import logging

    start_logging()
    start_logging()
    logging.getLogger("cogitate.tasks").warning("only %d\nproblems", 3)
    assert capsys.readouterr().err == "warning: only 3 problems\n"


def test_public_names_are_imported_on_first_use() -> None:
    assert cogitate.load_config.__module__ == "cogitate.config"
    assert cogitate.diagnose.__module__ == "cogitate.doctor"
    assert set(dir(cogitate)) == set(cogitate.__all__)
    for name in cogitate.__all__:
        assert getattr(cogitate, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'lod_config'"):
        cogitate.lod_config  # noqa: B018
