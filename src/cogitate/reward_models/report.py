"""The figures of a reward model as text for people. The JSON beside it has everything."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def report_text(report: Json) -> str:
    """The report of a training, or of a measurement (which has no ``data``)."""
    lines = [f"Reward model: {report['kind']}, scores the {_what(report['scores'])}.", ""]
    if report.get("data") is not None:
        lines += [*_data_lines(report["data"], report.get("length")), ""]
    for name, title in (("held_out", "Held-out"), ("train", "Training sample")):
        figures = report.get(name)
        if figures:
            lines += [title, *figure_lines(figures), ""]
        elif name in report and name == "held_out":
            lines += ["Held-out: no rows, so nothing here says how good the model is.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def figure_lines(figures: Json) -> list[str]:
    """One set of figures, pairwise or safety."""
    rows = _pair_rows(figures) if "pairs" in figures else _safety_rows(figures)
    width = 26
    lines = [f"  {name:<{width}}{value}" for name, value in rows]
    lines.append("  predicted   observed                 n")
    for cell in figures["calibration"]["bins"]:
        seen = _share(cell["observed"], count=False)
        lines.append(f"  {cell['predicted']:.3f}       {seen:<22} {cell['total']:>5}")
    return lines


def _pair_rows(figures: Json) -> Iterator[tuple[str, str]]:
    yield "accuracy", _share(figures["accuracy"])
    yield "  equal length (10 %)", _share(figures["matched"])
    yield "  the shorter was chosen", _share(figures["adversarial"])
    yield "  the longer was chosen", _share(figures["aligned"])
    yield "model prefers the longer", _share(figures["prefers_longer"])
    yield "data prefer the longer", _share(figures["longer_chosen"])
    yield "score and log length", _correlation(figures["score_length"])
    yield "score gap and length gap", _correlation(figures["gap_length"])
    yield "log-loss", f"{figures['log_loss']:.4f} nats (0.6931 is a coin)"
    yield "calibration error (ECE)", f"{figures['calibration']['ece']:.3f}"


def _safety_rows(figures: Json) -> Iterator[tuple[str, str]]:
    yield "accuracy", _share(figures["accuracy"])
    yield "  unsafe, called unsafe", _share(figures["caught"])
    yield "  safe, called safe", _share(figures["cleared"])
    yield "share that is safe", _share(figures["safe"])
    yield "area under the curve", _correlation(figures["auc"])
    yield "score and log length", _correlation(figures["score_length"])
    yield "log-loss", f"{figures['log_loss']:.4f} nats"
    yield "calibration error (ECE)", f"{figures['calibration']['ece']:.3f}"


def _data_lines(data: Json, length: Json | None) -> list[str]:
    lines = [
        f"{data['rows']} rows: {data['train']} to learn from, {data['held_out']} held out, "
        f"{data['unusable']} unusable, {data['repeated']} repeated, "
        f"{data['nothing_to_score']} with nothing to score, {data['too_long']} too long."
    ]
    if data["first_fault"]:
        lines.append(f"First unusable: {data['first_fault']}.")
    if length is not None:
        lines.append(
            f"Length control: {length['data']}, {data['dropped_by_length']} pairs dropped"
            + (f", offset {data['length_coefficient']:.3f}" if length["offset"] else "")
            + "."
        )
    if data["longer_won"] is not None:
        lines.append(f"Before it the longer completion won {100 * data['longer_won']:.1f} %.")
    return lines


def _share(share: Json, *, count: bool = True) -> str:
    """63.2 % [57.1, 68.9] of 250"""
    if share["value"] is None:
        return "none"
    low, high = share["ci95"]
    text = f"{100 * share['value']:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{text} of {share['total']}" if count else text


def _correlation(value: Json) -> str:
    if value["value"] is None:
        return "none"
    low, high = value["ci95"]
    return f"{value['value']:+.3f} [{low:+.3f}, {high:+.3f}]"


def _what(scores: str) -> str:
    return "final summary" if scores == "summary" else "whole completion"
