r"""The systems that the maths study compares: ours, bare math-verify, and lm-eval's string rule.

math-verify runs in a process of its own, one JSON line in, one out, and is killed when it takes
longer than its time: called bare it can hang. That is the whole of its handling here; parsing and
comparison have their defaults.
"""

import json
import re
import select
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cogitate.text.think import boxed_contents, cut_at_turn_end, split_think
from cogitate.verdict import Status, Verdict
from latex_pieces import bare

MATH_VERIFY_SECONDS = 10.0
"""Seconds that one comparison by math-verify may take, its own time limits (5 s each) included."""

Judgement = bool | None
"""Right, wrong, or no verdict (a timeout, a crash, a gold that cannot be used)."""


@dataclass(frozen=True, slots=True)
class System:
    """A name, and what says whether a completion answers with the gold."""

    name: str
    judge: Callable[[str, str], Judgement]


class Ours:
    """``verify_maths`` with its defaults; keeps the last verdict for people to read."""

    def __init__(self) -> None:
        from cogitate.verifiers.maths import verify_maths

        self._verify = verify_maths
        self.last: Verdict | None = None

    def __call__(self, gold: str, completion: str) -> Judgement:
        """Whether the part after the thinking answers with the gold."""
        _, final = split_think(cut_at_turn_end(completion))
        verdict = self.last = self._verify(gold, final or "")
        return verdict.correct

    @property
    def bad_gold(self) -> bool:
        """Whether the last gold could not be used."""
        return self.last is not None and self.last.status is Status.BAD_GOLD


# --- math-verify --------------------------------------------------------------------------------


class MathVerify:
    """parse and verify of math-verify with their defaults, in a process that can be killed."""

    def __init__(self, cache: Path | None = None) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._cache = cache
        self._known: dict[tuple[str, str], Judgement] = {}
        if cache is not None and cache.is_file():
            for line in cache.read_text().splitlines():
                gold, completion, judged = json.loads(line)
                self._known[gold, completion] = judged
        self.killed = 0

    def __call__(self, gold: str, completion: str) -> Judgement:
        """Its verdict, looked up if the cache has it; None if it died or took too long."""
        if (gold, completion) not in self._known:
            judged = self._known[gold, completion] = self._ask(gold, completion)
            if self._cache is not None:
                with self._cache.open("a") as out:
                    out.write(json.dumps([gold, completion, judged]) + "\n")
        return self._known[gold, completion]

    def _ask(self, gold: str, completion: str) -> Judgement:
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"gold": gold, "completion": completion}) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            self.close()
            return None
        ready, _, _ = select.select([process.stdout], [], [], MATH_VERIFY_SECONDS)
        line = process.stdout.readline() if ready else ""
        if not line:
            self.killed += 1
            self.close()
            return None
        return json.loads(line)["correct"]

    def _start(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # waited for, since imports do not count
            self.close()
            raise SystemExit(
                "maths_agreement: starting math-verify: its process ended at once. Install it "
                "(pip install math-verify), or leave it out with --ours-only."
            )
        return self._process

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def serve() -> None:
    """Answer lines of gold and completion until the input ends."""
    import functools
    import resource

    from math_verify import parse, verify

    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    print("ready", flush=True)
    parsed = functools.lru_cache(maxsize=4096)(lambda text: parse(text))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            gold = parsed(rf"\boxed{{{bare(request['gold'])}}}")
            correct: Judgement = verify(gold, parse(request["completion"])) if gold else None
        except BaseException as error:  # its time limit is a BaseException
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            correct = None
        print(json.dumps({"correct": correct}), flush=True)


# --- the string rule ----------------------------------------------------------------------------


def string_rule(gold: str, completion: str) -> Judgement:
    """The rule of lm-eval's hendrycks_math: the last box and the gold, normalised, are equal texts.

    Written from the rule's description, not its code; a gold is compared without dollar signs, as
    its loader would give it.
    """
    boxes = boxed_contents(completion)
    return bool(boxes) and normalised(boxes[-1]) == normalised(bare(gold))


_UNIT_TEXT = re.compile(r"\\text\{ .*", re.DOTALL)
_REMOVED = ("\n", r"\!", r"\left", r"\right", r"^{\circ}", r"^\circ", r"\$", r"\%", "%")


def normalised(text: str) -> str:
    r"""Text in the form that the string rule compares.

    Styling, degrees, dollars, percent signs and a trailing ``\text{ unit}`` go; ``.5`` gets its
    zero; a short name before the only ``=`` goes; braces are put around what \sqrt and \frac
    take; blanks go; 0.5 and a/b become \frac.

    >>> normalised(r"x = \dfrac12"), normalised("3/4"), normalised(r"5\text{ cm}")
    ('\\frac{1}{2}', '\\frac{3}{4}', '5')
    """
    for piece in _REMOVED[:2]:
        text = text.replace(piece, "")
    text = text.replace(r"\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for piece in _REMOVED[2:]:
        text = text.replace(piece, "")
    text = _UNIT_TEXT.sub("", text)
    text = text.replace(" .", " 0.").replace("{.", "{0.")
    text = "0" + text if text.startswith(".") else text
    sides = text.split("=")
    text = sides[1] if len(sides) == 2 and len(sides[0]) <= 2 else text
    text = re.sub(r"\\sqrt\s*(?![{\s])(.)", r"\\sqrt{\1}", text)
    text = text.replace(" ", "")
    text = re.sub(r"\\frac([^{])([^{])", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac([^{])(?=\{)", r"\\frac{\1}", text)
    if text == "0.5":
        return r"\frac{1}{2}"
    slash = re.fullmatch(r"(-?\d+)/(-?\d+)", text)
    return rf"\frac{{{slash[1]}}}{{{slash[2]}}}" if slash else text


if __name__ == "__main__" and sys.argv[1:] == ["--serve"]:
    serve()
