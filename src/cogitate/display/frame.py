"""The live picture of a run: a pure function of its state and the size of the terminal.

Everything is rich ``Text``; nothing a model wrote is ever read as markup or as escape sequences.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len, chop_cells
from rich.console import Group as Stack
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cogitate.display.safe_text import encodable, one_line, strip_controls
from cogitate.display.shapes import (
    bar,
    count,
    duration,
    interval,
    number,
    percent,
    sparkline,
    split_widths,
)
from cogitate.display.state import RunState, phase_split

WIDE = 116  # columns from which figures and tasks stand side by side
_NARROW = 60  # columns below which intervals and curves of tasks are left out
_PHASE_STYLES = {
    "rollout": "cyan",
    "reward": "magenta",
    "logprobs": "blue",
    "update": "yellow",
    "eval": "green",
    "checkpoint": "red",
}
_LABEL = "dim"
_VALUE = "bold"


def frame(
    state: RunState, *, width: int, height: int, elapsed: float, ascii_only: bool = False
) -> RenderableType:
    """The whole picture, at most ``height`` lines of ``width`` columns."""
    if not state.total_steps:
        waiting = f"loading the model and the tasks  {duration(elapsed)}"
        return Stack(*_cut([Text(waiting, style=_LABEL)], width, 1))
    left = max(48, min(width // 2, width - 72)) if width >= WIDE else width
    figures = _figures(state, left, ascii_only)
    tasks = _tasks(state, width - left - 2 if width >= WIDE else width, ascii_only)
    parts = [*_header(state, width, elapsed, ascii_only), Text()]
    if width >= WIDE and tasks:
        parts += _side_by_side(figures, tasks, left)
    else:
        parts += [*figures, *([Text(), *tasks] if tasks else [])]
    if split := _time_split(state, width, ascii_only):
        parts += [Text(), *split]
    advice = _advice(state, width, ascii_only)
    room = height - _lines(parts) - len(advice) - 2
    if state.sample is not None and room >= 4:
        parts += [Text(), *_sample(state.sample, width, room, ascii_only)]
    return Stack(*_cut([*parts, *advice], width, max(1, height - 1)))


def _lines(parts: Sequence[RenderableType]) -> int:
    return sum(getattr(part, "lines", 1) for part in parts)


def _cut(parts: Sequence[RenderableType], width: int, height: int) -> list[RenderableType]:
    """The first parts that fit; a line that wraps would make the live area jump."""
    kept: list[RenderableType] = []
    for part in parts:
        if _lines([*kept, part]) > height:
            break
        if isinstance(part, Text):
            part.truncate(width, overflow="crop")
            part.no_wrap = True
        kept.append(part)
    return kept


def _header(state: RunState, width: int, elapsed: float, ascii_only: bool) -> list[Text]:
    done = state.step / state.total_steps if state.total_steps else 0.0
    title = Text.assemble(
        (state.name or "cogitate", "bold"),
        (f"  {state.algorithm}  ", _LABEL),
        f"step {state.step}/{state.total_steps}",
    )
    if state.step < state.total_steps or state.phase != "final":
        title.append(f"  {_PHASE_NAMES.get(state.phase, state.phase)}", style="cyan")
    times = [f"elapsed {duration(elapsed)}", f"ETA {duration(state.eta_seconds)}"]
    if (left := state.steps_to_eval) is not None:
        times.append(f"next evaluation in {left}" if width >= _NARROW else f"eval in {left}")
    progress = Text(bar(done, min(30, max(8, width // 4)), ascii_only=ascii_only), style="green")
    progress.append(f" {done * 100:.0f}%  ", style=_VALUE)
    if width >= _NARROW:
        progress.append("  ".join(times), style="default")
        return [title, progress]
    return [title, progress, Text("  ".join(times))]


_PHASE_NAMES = {
    "starting": "starting",
    "step": "training",
    "eval": "evaluating",
    "checkpoint": "saving",
    "final": "writing the model",
}


def _figures(state: RunState, width: int, ascii_only: bool) -> list[Text]:
    """One line per figure: name, value, and a curve or a remark."""
    metrics = state.metrics
    curve_width = max(0, min(40, width - 24))
    lines = []
    if state.reward_history:
        name = "reward" if "reward/mean" in metrics else "loss"
        curve = sparkline(state.reward_history, curve_width, ascii_only=ascii_only)
        lines.append(_figure(name, number(state.reward_history[-1], 3), curve))
    for key, label, show in _FIGURES:
        if key in metrics:
            lines.append(_figure(label, show(metrics[key]), _remark(key, state, curve_width)))
    if (speed := state.tokens_per_second) is not None:
        remark = f"{duration(state.step_seconds)} a step"
        lines.append(_figure("tokens/s", count(speed), remark))
    if not lines:
        lines.append(Text("waiting for the first step", style=_LABEL))
    return lines


_FIGURES = (
    ("completion/length_mean", "length", lambda value: number(value, 1)),
    ("completion/truncated_fraction", "truncated", percent),
    ("group/uninformative_fraction", "uninformative", percent),
    ("insight/reflection_per_1k", "reflection", lambda value: number(value, 1)),
    ("policy/entropy", "entropy", lambda value: number(value, 2)),
    ("policy/kl_ref", "KL to reference", lambda value: number(value, 4)),
    ("policy/grad_norm", "gradient norm", lambda value: number(value, 2)),
)


def _remark(key: str, state: RunState, curve_width: int) -> str:
    metrics = state.metrics
    if key == "completion/length_mean":
        longest = metrics.get("completion/length_p95")
        return "tokens" if longest is None else f"tokens, 95th percentile {number(longest, 0)}"
    if key == "group/uninformative_fraction":
        wrong = percent(metrics.get("group/all_wrong_fraction"))
        right = percent(metrics.get("group/all_right_fraction"))
        return f"groups: {wrong} wrong, {right} right"
    return {"insight/reflection_per_1k": "words per 1k tokens", "policy/entropy": "nats"}.get(
        key, ""
    )


def _figure(name: str, value: str, remark: str) -> Text:
    return Text.assemble((f"{name:<15}", _LABEL), (f"{value:>7}", _VALUE), "  ", remark)


def _tasks(state: RunState, width: int, ascii_only: bool) -> list[RenderableType]:
    """Accuracy by task: this step's rollouts, and the newest held-out figures."""
    rollouts = state.task_accuracies()
    held_out = {task for task, _ in state.evals}
    names = [*rollouts, *sorted(held_out - set(rollouts) - {"all"})]
    names += ["all"] if "all" in held_out and len(names) > 1 else []
    if not names:
        return []
    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_LABEL, show_edge=False
    )
    modes = [mode for mode in ("greedy", "sampled") if any(m == mode for _, m in state.evals)]
    longest = min(20, max(8, *(len(name) for name in names)))
    with_interval = width >= longest + 8 + 20 * len(modes)
    with_curve = bool(modes) and width >= longest + 16 + 20 * len(modes)
    table.add_column("accuracy", no_wrap=True, overflow="ellipsis", width=longest)
    table.add_column("step", justify="right", no_wrap=True)
    for mode in modes:
        table.add_column(mode, no_wrap=True)
    if with_curve:
        table.add_column("held out", no_wrap=True)
    for name in names:
        cells = [Text(name), Text(_short_percent(rollouts.get(name)))]
        cells += [_held_out(state, name, mode, with_interval) for mode in modes]
        if with_curve:
            cells.append(Text(_history(state, name, modes[0], ascii_only), style="green"))
        table.add_row(*cells)
    return [_Counted(table, len(names) + 1)]


class _Counted:
    """A renderable that says how many lines it takes, so that the frame can be cut to height."""

    def __init__(self, inner: RenderableType, lines: int) -> None:
        self.inner = inner
        self.lines = lines

    def __rich__(self) -> RenderableType:
        return self.inner


def _short_percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.0f}%"


def _held_out(state: RunState, task: str, mode: str, with_interval: bool) -> Text:
    history = state.evals.get((task, mode))
    if not history:
        return Text("-", style=_LABEL)
    _, value, ci95 = history[-1]
    cell = Text(percent(value), style=_VALUE)
    if with_interval:
        cell.append(f" {interval(*ci95)}", style=_LABEL)
    return cell


def _history(state: RunState, task: str, mode: str, ascii_only: bool) -> str:
    values = [value for _, value, _ in state.evals.get((task, mode), [])]
    return sparkline(values, 16, low=0.0, high=1.0, ascii_only=ascii_only)


def _side_by_side(
    figures: Sequence[Text], tasks: Sequence[RenderableType], left: int
) -> list[RenderableType]:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=left, no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_row(Stack(*figures), Stack(*tasks))
    return [_Counted(grid, max(_lines(figures), _lines(tasks)))]


def _time_split(state: RunState, width: int, ascii_only: bool) -> list[Text]:
    """Where the last step's time went: one bar in proportion, and a legend in seconds."""
    parts = phase_split(state.seconds)
    if not parts:
        return []
    label = Text(f"{'time':<6}", style=_LABEL)
    fills = "#=+-o*." if ascii_only else "█" * 7
    columns = split_widths(parts, max(8, min(72, width - 8)))
    legend = [Text(" " * 6)]
    for index, (name, seconds) in enumerate(parts.items()):
        style = _PHASE_STYLES.get(name, "white")
        fill = fills[index % len(fills)]
        label.append(fill * columns[name], style=style)
        entry = Text.assemble((f"{fill} ", style), f"{name} {duration(seconds)}  ")
        if len(legend[-1]) > 6 and len(legend[-1]) + len(entry) > width:
            legend.append(Text(" " * 6))
        legend[-1].append_text(entry)
    return [label, *legend]


def _sample(
    row: Mapping[str, Any], width: int, room: int, ascii_only: bool
) -> list[RenderableType]:
    """One rollout: question, completion, what was parsed from it, and the gold answer."""
    verdict = Text.assemble(
        ("parsed ", _LABEL), (_shown(row.get("parsed_answer"), ascii_only), _VALUE),
        ("  gold ", _LABEL), (_shown(row.get("gold"), ascii_only), _VALUE),
        ("  reward ", _LABEL), (number(row.get("reward")), _VALUE),
    )  # fmt: skip
    if row.get("finish_reason") == "length":
        verdict.append("  truncated", style="yellow")
    if row.get("error"):
        verdict.append(f"  verifier: {_shown(row['error'], ascii_only)}", style="red")
    head = Text.assemble(("sample ", _LABEL), f"{_shown(row.get('task'), ascii_only)}")
    lines: list[RenderableType] = [head]
    spare = room - 2
    question = _wrapped(str(row.get("question", "")), width, max(1, spare // 3), "Q ", ascii_only)
    lines += question
    answer_room = max(1, spare - len(question))
    lines += _wrapped(str(row.get("completion", "")), width, answer_room, "A ", ascii_only)
    return [*lines, verdict]


def _shown(value: Any, ascii_only: bool) -> str:
    text = "none" if value is None else one_line(str(value), 60)
    return encodable(text, "ascii") if ascii_only else text


def _wrapped(text: str, width: int, room: int, lead: str, ascii_only: bool) -> list[Text]:
    """Text cut into at most ``room`` lines; the middle is left out so that the end stays."""
    text = strip_controls(text).expandtabs(4).strip()
    text = encodable(text, "ascii") if ascii_only else text
    body = max(1, width - len(lead) - 1)
    pieces = [piece for line in text.split("\n") for piece in _fold(line, body)]
    if len(pieces) > room:
        head = max(0, room // 2)
        tail = room - head - 1
        pieces = [*pieces[:head], "...", *(pieces[-tail:] if tail else [])]
    indent = " " * len(lead)
    return [
        Text.assemble((lead if index == 0 else indent, _LABEL), piece)
        for index, piece in enumerate(pieces)
    ]


def _fold(line: str, width: int) -> list[str]:
    """A line in pieces of at most ``width`` cells, broken at blanks where there are any."""
    pieces: list[str] = []
    while cell_len(line) > width:
        head = chop_cells(line, width)[0]
        at_blank = head.rfind(" ")
        is_word_end = line[len(head) : len(head) + 1] == " "
        end = at_blank if not is_word_end and at_blank > width // 3 else len(head)
        pieces.append(line[:end])
        line = line[end:].lstrip(" ")
    return [*pieces, line]


def _advice(state: RunState, width: int, ascii_only: bool) -> list[Text]:
    lines: list[Text] = [Text()] if state.advice else []
    for sentence in state.advice:
        for line in _wrapped(one_line(sentence), width, 3, "! ", ascii_only):
            line.stylize("yellow")
            lines.append(line)
    return lines
