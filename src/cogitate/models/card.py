"""Model cards: a README.md with the YAML front matter that the Hugging Face hub reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What a reader must know about a model directory before using it.

    ``base_model`` is a hub id, or None for a model trained from nothing. ``facts`` become a
    two-column table, ``sections`` map headings to Markdown text.
    """

    title: str
    summary: str
    base_model: str | None = None
    license: str | None = None
    languages: Sequence[str] = ()
    datasets: Sequence[str] = ()
    tags: Sequence[str] = ("cogitate",)
    library_name: str = "transformers"
    pipeline_tag: str = "text-generation"
    facts: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, str] = field(default_factory=dict)

    def to_markdown(self) -> str:
        """The whole README.md.

        >>> print(ModelCard(title="T", summary="S.", base_model="a/b").to_markdown()[:50])
        ---
        base_model: "a/b"
        library_name: "transformers"
        """
        parts = [self._front_matter(), f"# {_one_line(self.title)}", self.summary.strip()]
        if self.facts:
            rows = [f"| {_cell(name)} | {_cell(value)} |" for name, value in self.facts.items()]
            parts.append("\n".join(["| | |", "|---|---|", *rows]))
        parts += [f"## {_one_line(name)}\n\n{text.strip()}" for name, text in self.sections.items()]
        return "\n\n".join(parts) + "\n"

    def write(self, directory: Path) -> Path:
        """Write README.md into ``directory`` and return its path."""
        path = directory / "README.md"
        path.write_text(self.to_markdown(), encoding="utf-8")
        return path

    def _front_matter(self) -> str:
        fields: dict[str, str | Sequence[str] | None] = {
            "base_model": self.base_model,
            "library_name": self.library_name,
            "pipeline_tag": self.pipeline_tag,
            "license": self.license,
            "language": self.languages,
            "datasets": self.datasets,
            "tags": self.tags,
        }
        # JSON strings and lists are valid YAML, so no text can break out of its field.
        lines = [
            f"{name}: {json.dumps(value if isinstance(value, str) else list(value))}"
            for name, value in fields.items()
            if value
        ]
        return "\n".join(["---", *lines, "---"])


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _one_line(text).replace("|", "\\|")
