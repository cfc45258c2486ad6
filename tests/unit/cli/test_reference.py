import os
from pathlib import Path

from cogitate.cli.parser import build_parser
from cogitate.cli.reference import commands_of, reference, row, usage

DOCUMENT = Path(__file__).parents[3] / "docs" / "cli.md"


def test_the_document_is_current() -> None:
    text = reference()
    if os.environ.get("UPDATE_SNAPSHOTS"):
        DOCUMENT.write_text(text)
    assert DOCUMENT.read_text() == text, "python -m cogitate.cli.reference > docs/cli.md"


def test_every_command_is_in_it() -> None:
    names = [name for name, _ in commands_of(build_parser())]
    assert len(names) == len(set(names)) == 23
    assert {"cogitate run", "cogitate model fetch", "cogitate data check"} <= set(names)
    assert all(f"\n## {name}\n" in reference() for name in names)


def test_usage_and_arguments() -> None:
    parsers = dict(commands_of(build_parser()))
    run = parsers["cogitate run"]
    assert usage("cogitate run", run) == "cogitate run CONFIG [options]"
    compare = parsers["cogitate compare"]
    assert usage("cogitate compare", compare) == "cogitate compare RUN ... [options]"
    assert usage("cogitate version", parsers["cogitate version"]) == "cogitate version"
    rows = {action.dest: row(action) for action in run._actions}
    assert rows["resume"] == "| `--resume` | continue the run from its newest good checkpoint |"
    assert rows["display"].endswith("one of auto, live, plain; default auto |")
    assert rows["overrides"].startswith("| `--set KEY=VALUE` | ")


def test_it_does_not_depend_on_the_width_of_the_terminal(monkeypatch) -> None:
    wide = reference()
    monkeypatch.setenv("COLUMNS", "40")
    assert reference() == wide
