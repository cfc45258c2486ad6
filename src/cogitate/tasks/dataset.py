"""Problems from data that exists: files, directories, Hugging Face data sets.

Everything that can be wrong with a row is found before training: a row that cannot be read is
skipped with its number, a gold answer that no answer could ever equal is dropped and counted.
"""

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cogitate.errors import DataError, RewardError
from cogitate.schema import Problem
from cogitate.tasks.answers import (
    ELSEWHERE,
    STRUCTURED,
    CodeRules,
    GoldError,
    Kind,
    decide_kind,
    verify_answer,
)
from cogitate.tasks.columns import Record, RowError, to_record
from cogitate.tasks.config import DatasetConfig
from cogitate.tasks.hashing import content_id, hash64, is_held_out, permute
from cogitate.tasks.loading import BadRow, RawRow, SourceOptions, read_rows
from cogitate.tasks.procedural import check_split, gold_answer
from cogitate.verdict import Status, Verdict, wrong
from cogitate.verifiers.shared import shared_sandbox

MAX_EXAMPLES = 20
"""Examples of each fault that a report keeps."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """A record that can be trained on, with its row number, answer kind and content key."""

    number: int
    record: Record
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An example of something wrong: the row, and what it is."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What reading a source found. Counts are rows; fault lists hold the first few of each."""

    source: str
    num_rows: int
    num_usable: int
    styles: Mapping[str, int]
    answer_kinds: Mapping[str, int]
    num_bad_rows: int
    bad_rows: tuple[Fault, ...]
    num_bad_gold: int
    bad_gold: tuple[Fault, ...]
    num_duplicates: int
    duplicates: tuple[Fault, ...]
    cut_at_max_rows: bool

    def summary(self) -> str:
        """One line: what was read and what was left out."""
        styles = ", ".join(f"{style} ({count})" for style, count in self.styles.items())
        text = f"{self.source}: {self.num_usable} of {self.num_rows} rows usable, style {styles}"
        for count, what in (
            (self.num_bad_rows, "bad rows"),
            (self.num_bad_gold, "gold answers that cannot be used"),
            (self.num_duplicates, "duplicates"),
        ):
            text += f", {count} {what}" if count else ""
        return text + (", stopped at max_rows" if self.cut_at_max_rows else "")


class DatasetTask:
    """Problems of a data set. Training order is a new permutation in every epoch.

    Without a second source the content hash of the question decides the split. With one, rows of
    the first whose question is also in the second are left out of training.
    """

    def __init__(
        self,
        config: DatasetConfig,
        *,
        train: Sequence[Usable],
        held_out: Sequence[Usable],
        run_seed: int = 0,
    ) -> None:
        self.name: str = config.name
        self.config = config
        self.run_seed = run_seed
        self._code_rules = CodeRules(
            score=config.code_score, seconds=config.code_seconds, sandbox=config.sandbox
        )
        kinds = {row.kind for row in (*train, *held_out)}
        self.verifies_elsewhere = bool(kinds & set(ELSEWHERE))
        if "code" in kinds:
            shared_sandbox(config.sandbox)  # without one the run must not start
        self._problems = {
            "train": tuple(to_problem(config.name, "train", row) for row in train),
            "heldout": tuple(to_problem(config.name, "heldout", row) for row in held_out),
        }

    def size(self, split: str) -> int | None:
        """Number of different problems in the split."""
        check_split(split)
        return len(self._problems[split])

    def problem(self, split: str, index: int) -> Problem:
        """Problem ``index`` of the endless sequence of epochs.

        The held-out order is one permutation that depends on the task's seed only.

        Raises:
            DataError: the split is empty.
        """
        check_split(split)
        problems = self._problems[split]
        if not problems:
            raise DataError(
                f'task "{self.name}": no row of {self.config.path} is in the {split} split '
                f"({len(self._problems['train'])} train, {len(self._problems['heldout'])} "
                "heldout). Give more rows, or set held_out_path."
            )
        epoch, position = divmod(index, len(problems))
        run_seed, epoch = (self.run_seed, epoch) if split == "train" else (0, 0)
        key = hash64("epoch", self.config.seed, run_seed, epoch)
        return problems[permute(position, len(problems), key)]

    def verify(self, problem: Problem, answer: str | None) -> Verdict:
        """Whether the answer equals the gold answer by the rule of its kind.

        Always wrong where ``answer_kind = "none"`` declares that there is nothing to compare with.

        Raises:
            RewardError: the problem has no usable gold answer, though it should.
        """
        kind: Kind = problem.metadata.get("answer_kind", "text")
        if kind == "none":
            return wrong(engine="none")
        if problem.answer is None:
            raise RewardError(
                f"problem {problem.id} has no gold answer. Drop it, set answer_column, or set "
                'answer_kind = "none" and give a reward of your own.'
            )
        verdict = verify_answer(
            kind, problem.answer, answer or "", problem.question, code=self._code_rules
        )
        if verdict.status is Status.BAD_GOLD:
            raise RewardError(
                f"problem {problem.id}: its gold answer {_shorten(problem.answer)!r} cannot be "
                f"used as {kind}: {verdict.reason}. Drop the problem or change answer_kind."
            )
        return verdict

    def solution(self, problem: Problem) -> tuple[str, str]:
        """The row's worked solution, empty where it has none, and the gold answer.

        A gold answer with parts (tests, instructions) is no answer itself: there, the answer is the
        worked solution, empty where the row has none.
        """
        worked = problem.metadata.get("solution") or ""
        if problem.metadata.get("answer_kind") in STRUCTURED:
            return "", worked
        return worked, gold_answer(problem)


def load_dataset_task(config: DatasetConfig, *, run_seed: int = 0) -> DatasetTask:
    """Read, check and split a data set; what was left out is logged.

    Raises:
        DataError: a source cannot be read or has no usable row.
        MissingExtra: a reader is not installed.
    """
    rows = _load(config, config.path)
    if config.held_out_path is None:
        held_out = [row for row in rows if is_held_out(row.key)]
        train = [row for row in rows if not is_held_out(row.key)]
    else:
        held_out = _load(config, config.held_out_path)
        keys = {row.key for row in held_out}
        train = [row for row in rows if row.key not in keys]
        if len(train) < len(rows):
            _logger.warning(
                "%s: left %d rows out of training because their question is in %s",
                config.path, len(rows) - len(train), config.held_out_path,
            )  # fmt: skip
    return DatasetTask(config, train=train, held_out=held_out, run_seed=run_seed)


def _load(config: DatasetConfig, source: str) -> list[Usable]:
    rows, report = scan(config, source)
    faults = report.num_bad_rows or report.num_bad_gold or report.num_duplicates
    _logger.log(logging.WARNING if faults else logging.INFO, "%s", report.summary())
    if not rows:
        raise DataError(_nothing_usable(report))
    return rows


def scan(config: DatasetConfig, source: str) -> tuple[list[Usable], LoadReport]:
    """All usable rows of a source, and the report on the others.

    Raises:
        DataError: the source cannot be read.
        MissingExtra: its reader is not installed.
    """
    options = SourceOptions(
        subset=config.subset,
        source_split=config.source_split,
        max_row_bytes=config.max_row_bytes,
    )
    scanner = _Scanner(config)
    cut = scanner.read(read_rows(source, options))
    return list(scanner.usable.values()), LoadReport(
        source=source,
        num_rows=scanner.num_rows,
        num_usable=len(scanner.usable),
        styles=dict(scanner.styles.most_common()),
        answer_kinds=dict(Counter(row.kind for row in scanner.usable.values()).most_common()),
        num_bad_rows=scanner.bad_rows.count,
        bad_rows=tuple(scanner.bad_rows.examples),
        num_bad_gold=scanner.bad_gold.count,
        bad_gold=tuple(scanner.bad_gold.examples),
        num_duplicates=scanner.duplicates.count,
        duplicates=tuple(scanner.duplicates.examples),
        cut_at_max_rows=cut,
    )


class _Faults:
    """A count with its first examples."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[Fault] = []

    def add(self, number: int, reason: str) -> None:
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(Fault(number=number, reason=reason))


class _Scanner:
    """Sorts the rows of one source into usable ones and the kinds of faults."""

    def __init__(self, config: DatasetConfig) -> None:
        self.num_rows = 0
        self.usable: dict[str, Usable] = {}
        self.styles: Counter[str] = Counter()
        self.bad_rows, self.bad_gold, self.duplicates = _Faults(), _Faults(), _Faults()
        self._config = config

    def read(self, rows: Iterable[RawRow | BadRow]) -> bool:
        """Take rows in; True if some were left unread because of ``max_rows``."""
        for row in rows:
            if len(self.usable) >= self._config.max_rows:
                return True
            self.num_rows += 1
            if isinstance(row, BadRow):
                self.bad_rows.add(row.number, row.reason)
            else:
                self._convert(row)
        return False

    def _convert(self, row: RawRow) -> None:
        try:
            record = to_record(
                row.values,
                question_column=self._config.question_column,
                answer_column=self._config.answer_column,
            )
            size = sum(len(message.content) for message in record.messages)
            if size > self._config.max_row_bytes:
                raise RowError(f"longer than {self._config.max_row_bytes} bytes")
        except RowError as error:
            self.bad_rows.add(row.number, str(error))
            return
        self.styles[record.style] += 1
        self._keep(row.number, record)

    def _keep(self, number: int, record: Record) -> None:
        try:
            kind = _kind(record, self._config.answer_kind)
        except GoldError as error:
            shown = "" if record.gold is None else f" {_shorten(record.gold)!r}"
            self.bad_gold.add(number, f"gold answer{shown}: {error}")
            return
        key = content_key(record)
        first = self.usable.get(key)
        if first is None:
            self.usable[key] = Usable(number=number, record=record, kind=kind, key=key)
        elif first.record.gold == record.gold:
            self.duplicates.add(number, f"same question as row {first.number}")
        else:
            reason = f"same question as row {first.number} with another gold answer"
            self.duplicates.add(number, reason)


def _kind(record: Record, declared: str) -> Kind:
    if declared == "none":
        return "none"
    if record.gold_fault is not None:
        raise GoldError(record.gold_fault)
    if record.gold is None:
        raise GoldError("the row has none")
    return decide_kind(record.gold, declared, record.question)


def content_key(record: Record) -> str:
    """The canonical text of a question: every turn, with one case and one kind of space."""
    turns = (f"{m.role}: {canonical_text(m.content)}" for m in record.messages)
    return "dataset:" + content_id(*turns)


def canonical_text(text: str) -> str:
    """NFKC, case folded, every run of white space one space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def to_problem(task: str, split: str, row: Usable) -> Problem:
    """A usable row as a problem of a task."""
    return Problem(
        id=f"{task}/{split}/{row.key.removeprefix('dataset:')}",
        task=task,
        messages=row.record.messages,
        answer=None if row.kind == "none" else row.record.gold,
        metadata={
            "answer_kind": row.kind,
            "difficulty": row.record.difficulty,
            "solution": row.record.solution,
            "row": row.number,
        },
    )


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _nothing_usable(report: LoadReport) -> str:
    faults = [*report.bad_rows, *report.bad_gold][:3]
    seen = "; ".join(f"row {fault.number}: {_shorten(fault.reason, 160)}" for fault in faults)
    return (
        f"{report.source}: none of its {report.num_rows} rows can be used. {seen or 'It is empty'}."
        " Expected a question and a gold answer in columns such as question/answer, "
        "problem/solution or prompt/ground_truth. Name them with question_column and "
        "answer_column, choose answer_kind, and look at: cogitate data check"
    )
