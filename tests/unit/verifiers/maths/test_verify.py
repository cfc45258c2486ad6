"""Verdicts: every rule of equality with an example for and against, and the invariances."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cogitate.verdict import Status
from cogitate.verifiers.maths import MathsPool, check_gold, verify_batch, verify_maths
from cogitate.verifiers.pool import WorkerLimits


def right(gold: str, answer: str, **options: object) -> bool | None:
    return verify_maths(gold, f"So it is $\\boxed{{{answer}}}$.", **options).correct  # type: ignore[arg-type]


ACCEPTED = [
    (r"\frac{1}{2}", "0.5"),
    (r"\frac{1}{2}", ".5"),
    (r"\frac{1}{2}", r"50\%"),
    (r"\frac{1}{2}", "\u00bd"),
    ("0.33", r"\frac13"),
    ("3.14", r"\pi"),
    ("4.5e33", r"4.52\times10^{33}"),
    ("1000", "1{,}000"),
    ("1000", "1,000"),
    ("16386.20", r"\$16,\!386.20"),
    (r"28\%", r"28\%"),
    (r"28\%", "0.28"),
    ("004", "4"),
    ("1500", r"1.5 \times 10^{3}"),
    ("42", "\uff14\uff12"),
    ("42", r"6\cdot7"),
    ("42", r"6\cdot7=42"),
    (r"\frac13", r"\frac13 \approx 0.333"),
    (r"x=\sqrt2", r"x = \sqrt2 \approx 1.414"),
    ("0.33", r"x \approx 0.33"),
    ("42", r"\color{red}{42}"),
    ("5", "x = 5"),
    ("5", r"\text{Area} = 5"),
    ("33", "m+n=33"),
    ("30", r"\angle ABC = 30^\circ"),
    ("x=5", "5"),
    ("k=5", "k_{\\min}=5"),
    ("f(x)=2x", "2x"),
    ("2x+3", "y=2x+3"),
    ("y=2x+3", "2x-y+3=0"),
    ("y=2x+3", "y-3=2x"),
    ("11\\sqrt{2}", "11 \\sqrt 2"),
    (r"(3, \frac{\pi}{2})", r"\left( 3, \frac{\pi}{2} \right)"),
    ("(1,2)", "1, 2"),
    ("(1,2)", r"\langle 1,2\rangle"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    (r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}", r"\begin{bmatrix}1 & 2\\3 & 4\end{bmatrix}"),
    ("1,2", r"\{2,1\}"),
    (r"\{1,2\}", r"1\text{ and }2"),
    ("1,-2", "x=-2 or x=1"),
    ("5", r"\{5\}"),
    ("a_3=2, a_{37}=19", "a_{37} = 19, a_3 = 2"),
    (r"3\pm2\sqrt2", r"3-2\sqrt2, 3+2\sqrt2"),
    (r"\pm 2021", r"\pm 2021"),
    (r"\{1\pm\sqrt5,-2\}", r"S=\{-2,1+\sqrt5,1-\sqrt5\}"),
    ("1<x<2", "(1,2)"),
    ("1<x<2", r"2>x>1"),
    ("x>3", r"(3,\infty)"),
    (r"k\ge2", r"2\le k"),
    ("[0,1)", r"x\in[0,1)"),
    (r"(-\infty,2)\cup(3,\infty)", r"(3,\infty)\cup(-\infty,2)"),
    (r"(-\infty,0)\cup(0,\infty)", r"\mathbb{R}\setminus\{0\}"),
    ("4210_{5}", "4210_5"),
    ("52_8", "(52)_8"),
    (r"\text{Evelyn}", "evelyn"),
    (r"\text{even}", r"\text{Even.}"),
    (r"\text{(C)}", "C"),
    (r"\text{(C)}", "(C)"),
    ("C", "C: the ellipse"),
    ("C", r"\textbf{(C)}\ 5"),
    (r"\text{A, B}", "B, A"),
    ("10", r"10\text{ cm}"),
    (r"10\text{ cm}", r"10\ \mathrm{cm}"),
    (r"10\text{ cm}", "10"),
    (r"90^\circ", "90"),
    ("90", r"90^{\circ}"),
    ("10", "\\$10"),
    (r"864 \mbox{ inches}^2", "864 square inches"),
    (r"\frac{x^3}{3}+C", "x^3/3+c"),
    ("1:2", "1 : 2"),
    (r"1,2,\ldots,n", r"1, 2, \dots, n"),
    ("x<y", "y>x"),
    ("MR=SRMC", "SRMC = MR"),
    (r"x \equiv 1 \pmod{5}", r"x\equiv 1\pmod 5"[:-1] + "{5}"),
]
REFUSED = [
    ("42", "41 = 42"),
    ("42", r"\{41,42,43\}"),
    ("42", r"\approx 42 \pm 40"),
    ("42", r"x\in\mathbb{R}"),
    ("42", "[42]"),
    ("42", "<42"),
    ("42", r"\ne 42"),
    ("42", r"\geq 42"),
    ("42", r"\text{not } 42"),
    ("42", r"\text{not }x=42"),
    ("42", "41 or 42"),
    ("42", r"42\text{ or }43"),
    ("42", r"42\text{ - 43}"),
    ("42", r"42\text{ hundred}"),
    ("42", "x"),
    ("42", "2x+1=42"),
    ("42", r"\text{nan}"),
    ("42", r"\text{ground\_truth}"),
    ("42", r"4\,2"),
    ("42", "4 2"),
    ("0", r"\frac00"),
    ("0", r"\infty-\infty"),
    ("0", "x^2-5x+6=0"),
    ("0.5", "50"),
    ("0.5", r"\left.50\right."),
    ("0.5", r"\bigl.50\bigr."),
    ("50", r"50\%"),
    ("0.5", "0.4"),
    ("0.5", "0.53"),
    (r"\frac13", "0.33"),
    (r"\frac13", r"x \approx 0.333"),
    (r"\frac13", r"\frac13 \approx 0.35"),
    (r"\frac13", r"0.333 \approx \frac13"),
    ("42", r"41 \approx 42"),
    ("42", r"42 \approx 41.0"),
    (r"\frac13", "0.333333333"),
    ("1", "9**9**9**9**9"),
    ("3628800", r"\text{the value of } 10!"),
    ("6", r"\gcd(12,18)"),
    ("2", r"\sqrt(4)"),
    (r"\frac{x^3}{3}+C", r"\int x^2\,dx"),
    (r"\frac{x^3}{3}+C", r"\frac{x^3}{3}"),
    (r"(-\infty,3)", "2x+1<7"),
    (r"(-\infty,3)", "x<3"),
    ("1<x<2", "1, 2"),
    (r"1<x<2", r"[1,2]"),
    ("[1,2]", "(1,2)"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", r"\{1,2\}"),
    ("1,2", "(1,2)"),
    ("1,2", "1,2,2"),
    ("-2,-2", "-2"),
    ("1,2,3", "4,5,3"),
    (r"1,2,\ldots,n", r"1,3,\ldots,n"),
    ("a_3=2, a_{37}=19", "a_3=19, a_{37}=2"),
    ("x=5", "y=5"),
    ("3x - y + 13 = 0", "3x + 4y + 14 = 0"),
    ("3x - y + 13 = 0", "0"),
    ("p-q", "p+q=p-q"),
    (r"\text{even}", r"\text{odd}=\text{even}"),
    ("MR=SRMC", "SRMC"),
    ("MR=SRMC", "MR=RMCS"),
    ("f(x)", "f(y)"),
    ("m", "M"),
    ("52_8", "52_9"),
    ("52_8", "52"),
    (r"10\text{ cm}", r"10\text{ m}"),
    (r"\$18.90", r"18.90\text{ cents}"),
    ("C", "C or D"),
    ("C", "(C) or (D)"),
    ("C", "D"),
    (r"\text{CBAD}", "ABCD"),
    (r"\pi", "().__class__.__bases__[0].__subclasses__()"),
    ("0", "__import__('os').system('true')"),
    ("[0,0]", "[__import__('os').system('true'), 0]"),
    (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"),
    ("12:00", "6:00"),
]


@pytest.mark.parametrize(("gold", "answer"), ACCEPTED)
def test_accepted(gold: str, answer: str) -> None:
    assert right(gold, answer) is True


@pytest.mark.parametrize(("gold", "answer"), REFUSED)
def test_refused(gold: str, answer: str) -> None:
    assert right(gold, answer) is False


@pytest.mark.parametrize("gold", [gold for gold, _ in ACCEPTED + REFUSED])
def test_every_gold_is_itself(gold: str) -> None:
    assert check_gold(gold) is None
    assert right(gold, gold) is True


@pytest.mark.parametrize(
    ("gold", "text", "correct", "cause"),
    [
        ("143", r"\boxed{143} so \boxed{143}", True, ""),
        ("0.5", r"\boxed{\frac12} = \boxed{0.5}", True, ""),
        ("42", r"\boxed{41} \boxed{42}", False, "hedged"),
        ("42", r"\boxed{42} \boxed{-42}", False, "hedged"),
        ("1,2", r"\boxed{1} and \boxed{2}", True, ""),
        ("1,2", r"\boxed{1} and \boxed{3}", False, "different"),
        ("-2,-2", r"\boxed{-2} and \boxed{-2}", True, ""),
        ("16,3,1,1", r"\boxed{16}\boxed{3}\boxed{1}\boxed{1}", True, ""),
        ("(1,2)", r"\boxed{1} and \boxed{2}", False, "hedged"),
        ("42", r"\boxed{41}<!-- \boxed{42} -->", False, "hedged"),
        ("0", r"\boxed{}", False, "empty"),
        ("0", r"\boxed{ $ $ }", False, "empty"),
        ("42", "\\boxed{42\0}", False, "control_characters"),
        ("42", "\\boxed{\u202e24}", False, "control_characters"),
        ("7", "\\boxed{" + "{" * 70 + "7" + "}" * 70 + "}", False, "too_large_depth"),
        ("7", "\\boxed{" + "7" * 5000 + "}", False, "too_large_length"),
        ("7", "\\boxed{" + "7," * 70 + "}", False, "too_large_items"),
        ("7", "\\boxed{9^{9^9}}", False, "too_large_power"),
        ("7", "", False, "no_answer"),
    ],
)
def test_several_answers_and_none(gold: str, text: str, correct: bool, cause: str) -> None:
    verdict = verify_maths(gold, text)
    assert (verdict.correct, verdict.cause) == (correct, cause)


def test_no_answer_is_unparseable_and_a_bad_gold_is_masked() -> None:
    assert verify_maths("42", "hm").status is Status.UNPARSEABLE
    bad = verify_maths("", r"\boxed{42}")
    assert (bad.status, bad.correct, bad.score) == (Status.BAD_GOLD, None, 0.0)


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ("", "empty"),
        (" $ $ ", "empty"),
        ("x" * 5000, "longer"),
        ("1," * 70 + "1", "cap on items"),
        ("t(0,4]", "no mathematical value"),
        (r"\int_0^1 x dx", "no mathematical value"),
        ("all integers that are one more than some prime", "sentence"),
        (r"\text{all integers that are one more than some prime number}", "sentence"),
    ],
)
def test_golds_that_cannot_be_used(gold: str, reason: str) -> None:
    problem = check_gold(gold)
    assert problem is not None and reason in problem


def test_policies() -> None:
    assert verify_maths("2", r"\boxed{1}\boxed{2}", policy="last-box").correct
    strict = "units-strict-when-gold-has-one"
    assert right(r"10\text{ cm}", "10", policy=strict) is False
    assert right(r"10\text{ cm}", r"10\text{ cm}", policy=strict) is True
    assert right(r"(-\infty,3)", "x<3", policy="allow-set-relation") is True
    assert right(r"(-\infty,3)", "2x<6", policy="allow-set-relation") is False
    assert right("50", r"50\%", policy="percent-optional") is True
    assert right(r"50\%", "50", policy="percent-optional") is True
    assert right("50", "0.5", policy="percent-optional") is False


def test_the_number_of_values_may_be_declared() -> None:
    assert right("100,200", "200, 100") is True
    assert right("100,200", "100200") is True
    assert right("100,200", "100200", arity=2) is False
    assert right("(2,12) \\cup (12,102)", "(12,102)\\cup(2,12)") is True


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("answer_tag", "<answer>18</answer>"),
        ("hash4", "#### $18"),
        ("plain", "The answer is 18."),
        ("whole", "18"),
        ("hash4", "#### 18 dollars"),
        ("plain", "**Answer:** 18"),
    ],
)
def test_templates(template: str, text: str) -> None:
    assert verify_maths("18", text, template=template).correct
    assert verify_maths("17", text, template=template).correct is False


@pytest.fixture(scope="module")
def pool() -> Iterator[MathsPool]:
    with MathsPool(1, limits=WorkerLimits(wall_seconds=60.0, cpu_seconds=60.0)) as found:
        yield found


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2", True),
        (r"\sin 2x", r"2\sin x\cos x", True),
        (r"\sin^2 x", r"1-\cos^2 x", True),
        (r"\frac{\cos 2t+\sin 2t}{4}", r"\frac{\sqrt2}{4}\cos(2t-\pi/4)", True),
        (r"\lfloor\log_2 n\rfloor+1", r"\lceil\log_2(n+1)\rceil", True),
        (r"\binom{2n}{n}", r"\frac{(2n)!}{(n!)^2}", True),
        (r"\{\cos 1, 2\}", r"2, \sin(\frac{\pi}{2}-1)", True),
        (r"\sqrt{4\pi G\rho_0 r_0^2}", r"2r_0\sqrt{\pi G\rho_0}", True),
        ("|x|", "x", False),
        ("x", r"\sqrt{x^2}", False),
        ("x", r"\lfloor x\rfloor", False),
        ("100-x", "|x-100|", False),
        (r"\cos\frac{\pi}{7}", r"\cos\frac{\pi}{8}", False),
        (r"\sin x", r"\sin x+10^{-60}", False),
        (r"1-\frac1e", r"1-\frac1e+\sin(10^{-70})", False),
        (r"\sin x", r"\sin y", False),
        ("42", r"\log_{2^5}(\log_{2^4}(\log_{2^3}x))", False),
        (r"\sin x", "e^{e^{e^{e^{x}}}}", False),
    ],
)
def test_what_numbers_decide(pool: MathsPool, gold: str, answer: str, correct: bool) -> None:
    assert verify_maths(gold, rf"\boxed{{{answer}}}", pool=pool).correct is correct


def test_a_batch_keeps_its_order() -> None:
    found = verify_batch([("1", r"\boxed{1}"), ("1", r"\boxed{2}"), ("", "")])
    assert [verdict.correct for verdict in found] == [True, False, None]


simple = st.one_of(
    st.integers(-999, 999).map(str),
    st.fractions(max_denominator=50).map(lambda f: rf"\frac{{{f.numerator}}}{{{f.denominator}}}"),
    st.decimals(-99, 99, places=2).map(str),
    st.sampled_from(["x", "n+1", r"\sqrt{3}", r"2\pi", "3-4i", "2^{n}", "e^{x}", r"\ln 2"]),
)
golds = st.one_of(
    simple,
    st.lists(simple, min_size=2, max_size=4).map(", ".join),
    st.lists(simple, min_size=2, max_size=4).map(lambda items: f"({', '.join(items)})"),
    st.lists(simple, min_size=1, max_size=4).map(lambda items: rf"\{{{', '.join(items)}\}}"),
)
DRESSES = [
    "{}",
    " {} ",
    "\n{}\n",
    r"\,{}\,",
    r"\displaystyle {}",
    "{{{}}}",
    "{}.",
    "${}$",
    r"\text{{ }}{}",
]


@given(golds, st.sampled_from(DRESSES))
def test_a_gold_in_any_dress_is_right(gold: str, dress: str) -> None:
    assert right(gold, dress.format(gold)) is True


@given(simple, simple, st.sampled_from(DRESSES), st.booleans())
def test_dress_never_makes_wrong_right(gold: str, answer: str, dress: str, upper: bool) -> None:
    if right(gold, answer) is False:
        text = dress.format(answer)
        assert right(gold, text) is False
        if upper and "\\" not in text:
            assert right(gold, text.upper()) is False


@given(st.fractions(max_denominator=40), st.fractions(max_denominator=40))
def test_fractions_are_equal_exactly_when_they_are(a: Fraction, b: Fraction) -> None:
    gold = rf"\frac{{{a.numerator}}}{{{a.denominator}}}"
    assert right(gold, f"{b.numerator}/{b.denominator}") is (a == b)


@given(st.permutations(["1", r"\frac12", "x", r"\sqrt2"]))
def test_the_order_of_a_set_does_not_matter(items: list[str]) -> None:
    assert right(r"\{1, \frac12, x, \sqrt2\}", ", ".join(items)) is True
    ordered = items == ["1", r"\frac12", "x", r"\sqrt2"]
    assert right(r"(1, \frac12, x, \sqrt2)", f"({', '.join(items)})") is ordered


@settings(max_examples=40)
@given(st.text(), st.sampled_from(["42", r"\frac{x}{2}", "(1,2)", r"\text{even}", "x<3"]))
def test_any_text_gets_a_verdict(text: str, gold: str) -> None:
    for template in ("boxed", "plain", "whole"):
        verdict = verify_maths(gold, text, template=template)
        assert verdict.status.trains
    assert verify_maths(gold, f"\\boxed{{{text}}}").status.trains
    assert verify_maths(text, r"\boxed{42}").status is not Status.CRASHED
