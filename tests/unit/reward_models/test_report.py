"""The report as text, word for word, on figures that are worked by hand."""

from dataclasses import asdict

from cogitate.reward_models.dataset import DataCounts
from cogitate.reward_models.figures import ScoredLabel, ScoredPair, pair_figures, safety_figures
from cogitate.reward_models.report import figure_lines, report_text

COUNTS = DataCounts(
    rows=12, unusable=2, repeated=1, nothing_to_score=0, too_long=1, dropped_by_length=2, train=4,
    held_out=2, first_fault="row 3: the prompt is empty", longer_won=0.75, length_coefficient=1.5,
)  # fmt: skip


def pairs() -> dict:
    return asdict(
        pair_figures([
            ScoredPair(chosen=2.0, rejected=0.0, chosen_length=10, rejected_length=10),
            ScoredPair(chosen=0.0, rejected=1.0, chosen_length=10, rejected_length=20),
        ])
    )  # fmt: skip


def test_pairs() -> None:
    lines = figure_lines(pairs())
    assert lines[:6] == [
        "  accuracy                  50.0 % [9.5, 90.5] of 2",
        "    equal length (10 %)     100.0 % [20.7, 100.0] of 1",
        "    the shorter was chosen  0.0 % [0.0, 79.3] of 1",
        "    the longer was chosen   none",
        "  model prefers the longer  100.0 % [20.7, 100.0] of 1",
        "  data prefer the longer    0.0 % [0.0, 79.3] of 1",
    ]
    # (0.1269 + 1.3133) / 2
    assert "  log-loss                  0.7201 nats (0.6931 is a coin)" in lines
    # sigmoid(1) = 0.731 and wrong, sigmoid(2) = 0.881 and right
    assert lines[-2:] == [
        "  0.731       0.0 % [0.0, 79.3]          1",
        "  0.881       100.0 % [20.7, 100.0]      1",
    ]


def test_safety() -> None:
    rows = [ScoredLabel(score=2.0, safe=True, length=5), ScoredLabel(score=1, safe=False, length=6)]
    lines = figure_lines(asdict(safety_figures(rows)))
    assert lines[0] == "  accuracy                  50.0 % [9.5, 90.5] of 2"
    assert lines[1] == "    unsafe, called unsafe   0.0 % [0.0, 79.3] of 1"
    assert lines[2] == "    safe, called safe       100.0 % [20.7, 100.0] of 1"


class TestTraining:
    def report(self, **length) -> str:
        settings = {"data": "balanced", "tolerance": 0.2, "offset": False, **length}
        return report_text({
            "kind": "helpfulness", "scores": "summary", "data": asdict(COUNTS),
            "length": settings, "held_out": pairs(), "train": pairs(),
        })  # fmt: skip

    def test_head(self) -> None:
        assert self.report().splitlines()[:6] == [
            "Reward model: helpfulness, scores the final summary.",
            "",
            "12 rows: 4 to learn from, 2 held out, 2 unusable, 1 repeated, 0 with nothing to score, "
            "1 too long.",
            "First unusable: row 3: the prompt is empty.",
            "Length control: balanced, 2 pairs dropped.",
            "Before it the longer completion won 75.0 %.",
        ]

    def test_both_parts(self) -> None:
        text = self.report(offset=True)
        assert "2 pairs dropped, offset 1.500." in text
        assert text.index("Held-out\n") < text.index("Training sample\n")
        assert text.endswith("1\n")
