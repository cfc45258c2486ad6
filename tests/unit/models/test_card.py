"""Model cards: what the hub parses, and that no text can break out of it."""

import re
from pathlib import Path

from cogitate.models.card import ModelCard


def front_matter(card: ModelCard) -> dict[str, str]:
    text = card.to_markdown()
    block = re.match(r"---\n(.*?)\n---\n\n", text, re.DOTALL)
    assert block is not None
    return dict(line.split(": ", 1) for line in block[1].splitlines())


def test_front_matter_holds_what_the_hub_reads() -> None:
    card = ModelCard(
        title="T", summary="S.", base_model="org/base", license="apache-2.0", datasets=("a/b", "c")
    )
    assert front_matter(card) == {
        "base_model": '"org/base"',
        "library_name": '"transformers"',
        "pipeline_tag": '"text-generation"',
        "license": '"apache-2.0"',
        "datasets": '["a/b", "c"]',
        "tags": '["cogitate"]',
    }


def test_a_model_from_nothing_has_no_base() -> None:
    assert "base_model" not in front_matter(ModelCard(title="T", summary="S."))


def test_a_newline_cannot_add_a_field() -> None:
    card = ModelCard(title="T", summary="S.", base_model='x"\nlicense: mit')
    assert "license" not in front_matter(card)
    assert front_matter(card)["base_model"] == r'"x\"\nlicense: mit"'


def test_body_has_title_summary_facts_and_sections_in_order() -> None:
    card = ModelCard(
        title="My\nmodel",
        summary=" What it is. ",
        facts={"Steps": "30", "Split": "a|b"},
        sections={"Limits": "None known."},
    )
    body = card.to_markdown().split("---\n\n", 1)[1]
    assert body == (
        "# My model\n\nWhat it is.\n\n"
        "| | |\n|---|---|\n| Steps | 30 |\n| Split | a\\|b |\n\n"
        "## Limits\n\nNone known.\n"
    )


def test_write_puts_a_readme_into_the_directory(tmp_path: Path) -> None:
    card = ModelCard(title="Größe", summary="S.")
    assert card.write(tmp_path) == tmp_path / "README.md"
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == card.to_markdown()
