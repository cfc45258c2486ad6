"""What is in a data file, before anything is trained on it: ``cogitate data check FILE``."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cogitate.data.decontaminate import DEFAULT_NGRAM, NgramIndex, OverlapReport
from cogitate.schema import Problem
from cogitate.tasks.config import AnswerKind, DatasetConfig
from cogitate.tasks.dataset import Fault, LoadReport, Usable, scan, to_problem
from cogitate.tasks.hashing import is_held_out

NUM_SHOWN_PROMPTS = 3
_MANY_FAULTS = 0.05
_FEW_PROBLEMS = 50


@runtime_checkable
class Renders(Protocol):
    """A prompt template: anything with ``render``."""

    def render(self, problem: Problem) -> str: ...


@runtime_checkable
class Encodes(Protocol):
    """A tokenizer: anything with ``encode``."""

    def encode(self, text: str) -> list[int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrompt:
    """One problem as the policy would see it, with its gold answer."""

    row: int
    prompt: str
    gold: str | None
    answer_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """What a data file holds and what to do about it.

    ``longest_prompt`` is in tokens, or None without a tokenizer; ``held_out`` counts the usable
    rows that the content hash puts into the held-out split. ``advice`` is in order of importance.
    """

    load: LoadReport
    prompts: tuple[ShownPrompt, ...]
    held_out: int
    longest_prompt: int | None
    longest_prompt_row: int | None
    overlap: OverlapReport | None
    advice: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether the file can be trained on as it is."""
        return self.load.num_usable > 0 and (self.overlap is None or not self.overlap.overlaps)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        overlap = None if self.overlap is None else self.overlap.to_dict()
        return {**asdict(self), "overlap": overlap, "ok": self.ok}

    def render(self) -> str:
        """The report as plain text."""
        return "\n".join(_render(self)) + "\n"


def check_file(
    path: Path | str,
    *,
    tokenizer: Encodes | None = None,
    against: Sequence[Path | str] = (),
    template: Renders | None = None,
    answer_kind: AnswerKind = "auto",
    ngram: int = DEFAULT_NGRAM,
) -> DataReport:
    """Read a data file as a task would and say what is in it.

    ``against`` are evaluation files whose questions must not be in it.

    Raises:
        DataError: the file or an evaluation file cannot be read at all.
        MissingExtra: its format needs a package that is not installed.
    """
    config = DatasetConfig(path=str(path), answer_kind=answer_kind)
    rows, load = scan(config, str(path))
    render = _renderer(template)
    longest, longest_row = _longest_prompt(rows, render, tokenizer)
    overlap = _overlap(rows, against, ngram) if against else None
    held_out = sum(is_held_out(row.key) for row in rows)
    return DataReport(
        load=load,
        prompts=tuple(_shown(row, render) for row in rows[:NUM_SHOWN_PROMPTS]),
        held_out=held_out,
        longest_prompt=longest,
        longest_prompt_row=longest_row,
        overlap=overlap,
        advice=tuple(_advice(load, held_out, overlap)),
    )


def _renderer(template: Renders | None) -> Callable[[Usable], str]:
    if template is None:
        return lambda row: row.record.question
    return lambda row: template.render(to_problem("check", "train", row))


def _shown(row: Usable, render: Callable[[Usable], str]) -> ShownPrompt:
    return ShownPrompt(
        row=row.number, prompt=render(row), gold=row.record.gold, answer_kind=row.kind
    )


def _longest_prompt(
    rows: Sequence[Usable], render: Callable[[Usable], str], tokenizer: Encodes | None
) -> tuple[int | None, int | None]:
    if tokenizer is None or not rows:
        return None, None
    lengths = ((len(tokenizer.encode(render(row))), -row.number) for row in rows)
    length, negative_row = max(lengths)
    return length, -negative_row


def _overlap(rows: Sequence[Usable], against: Sequence[Path | str], ngram: int) -> OverlapReport:
    index = NgramIndex(ngram)
    for evaluation in against:
        # Questions count even where their gold answers could not be used.
        config = DatasetConfig(path=str(evaluation), answer_kind="none")
        questions, _ = scan(config, str(evaluation))
        index.add(str(evaluation), ((row.number, row.record.question) for row in questions))
    return index.report([(row.number, row.record.question) for row in rows])


def _advice(load: LoadReport, held_out: int, overlap: OverlapReport | None) -> list[str]:
    advice: list[str] = []
    if not load.num_rows:
        advice.append("The source has no rows. Expected one JSON object a line, or a table.")
    elif not load.num_usable:
        advice.append(
            "No row can be used. Name the columns with question_column and answer_column, or "
            "choose another answer_kind."
        )
    if overlap is not None and overlap.overlaps:
        advice.append(
            f"{len(overlap.overlaps)} questions share {overlap.ngram} words in a row with an "
            "evaluation set. Remove them before training, or the evaluation measures memory."
        )
    if load.num_bad_gold > _MANY_FAULTS * load.num_rows:
        advice.append(
            f"{load.num_bad_gold} gold answers cannot be used and their rows are dropped. "
            "Look at the examples; answer_kind or answer_column may be wrong."
        )
    if load.num_bad_rows:
        advice.append(
            f"{load.num_bad_rows} rows cannot be read and are skipped. Repair or delete them."
        )
    if load.num_duplicates:
        advice.append(f"{load.num_duplicates} questions are repeated; each is used once.")
    if load.answer_kinds.get("text"):
        advice.append(
            f"{load.answer_kinds['text']} gold answers are compared as text: an equal answer in "
            'another form counts as wrong. Set answer_kind = "number" to drop them.'
        )
    if load.num_usable > 0 and held_out < _FEW_PROBLEMS:
        advice.append(
            f"Only {held_out} rows fall into the held-out split: intervals will be wide. "
            "Set held_out_path to a file of its own."
        )
    return advice or ["Nothing: the file can be used as it is."]


def _render(report: DataReport) -> list[str]:
    load = report.load
    styles = ", ".join(f"{style} ({count} rows)" for style, count in load.styles.items())
    kinds = ", ".join(f"{kind} ({count})" for kind, count in load.answer_kinds.items())
    lines = [
        f"{load.source}",
        f"  style           {styles or 'none recognised'}",
        f"  rows            {load.num_rows}" + (" (stopped)" if load.cut_at_max_rows else ""),
        f"  usable          {load.num_usable}, of which {report.held_out} held out",
        f"  gold answers    {kinds or 'none'}",
        f"  bad rows        {load.num_bad_rows}",
        f"  bad gold        {load.num_bad_gold}",
        f"  duplicates      {load.num_duplicates}",
    ]
    if report.longest_prompt is not None:
        lines.append(
            f"  longest prompt  {report.longest_prompt} tokens, row {report.longest_prompt_row}"
        )
    if report.overlap is not None:
        lines += _render_overlap(report.overlap)
    for title, faults in (
        ("bad rows", load.bad_rows),
        ("bad gold", load.bad_gold),
        ("duplicates", load.duplicates),
    ):
        lines += _render_faults(title, faults)
    for shown in report.prompts:
        lines += ["", f"row {shown.row}, gold answer {shown.gold!r} as {shown.answer_kind}:"]
        lines += [f"  | {_printable(line)}" for line in shown.prompt.split("\n")]
    return [*lines, "", "what to do", *(f"  - {sentence}" for sentence in report.advice)]


def _render_overlap(overlap: OverlapReport) -> list[str]:
    lines = [
        f"  overlap         {len(overlap.overlaps)} of {overlap.num_questions} questions share "
        f"{overlap.ngram} words with {overlap.num_evaluation_questions} evaluation questions"
    ]
    for found in overlap.overlaps[:5]:
        where = f"{found.evaluation} row {found.evaluation_row}"
        lines.append(f'    row {found.row}: "{found.shared}" is in {where}')
    return lines


def _render_faults(title: str, faults: Sequence[Fault]) -> list[str]:
    if not faults:
        return []
    return ["", title, *(f"  row {f.number}: {_printable(f.reason)}" for f in faults[:5])]


def _printable(text: str) -> str:
    """Text for a terminal: control characters, which could be escape codes, become a mark."""
    return "".join(char if char.isprintable() or char == "\t" else "\ufffd" for char in text)
