"""What workers do, called here directly: numbers at points, math-verify, derivatives."""

import sys
from collections.abc import Iterator
from subprocess import run

import pytest

from cogitate.verdict import Status
from cogitate.verifiers.maths import MathsPool, compare_engines, verify_integral, verify_maths
from cogitate.verifiers.maths.cas import (
    decide,
    is_antiderivative,
    math_verify,
    numerically_equal,
    to_latex,
)
from cogitate.verifiers.maths.reader import read
from cogitate.verifiers.maths.symbolic import close_default_pool, default_pool
from cogitate.verifiers.maths.values import Scalar
from cogitate.verifiers.pool import WorkerFailure, WorkerLimits


@pytest.fixture(scope="module")
def pool() -> Iterator[MathsPool]:
    """One worker with time to spare."""
    with MathsPool(1, limits=WorkerLimits(wall_seconds=60.0, cpu_seconds=60.0)) as found:
        yield found


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (r"\sin 2x", r"2\sin x\cos x", True),
        (r"\sin x", r"\cos x", False),
        (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2", True),
        (r"\arctan 1", r"\frac{\pi}{4}", True),
        (r"\sinh x", r"\frac{e^x-e^{-x}}{2}", True),
        (r"\ln(x^2)", r"2\ln x", True),
        (r"\log 100", "2", True),
        (r"\log_2 n", r"\frac{\ln n}{\ln 2}", True),
        ("e^{i\\pi}", "-1", True),
        ("|x|", "x", False),
        (r"\sqrt{x^2}", "|x|", True),
        (r"\frac{|x|}{x}", "1", False),
        ("(-1)^n", r"\cos(n\pi)", True),
        ("(-1)^x", r"\cos(x\pi)", False),
        (r"\lfloor \log_2 n\rfloor", r"\lfloor\frac{\ln n}{\ln 2}\rfloor", True),
        (r"\lfloor x\rfloor", "x", False),
        (r"\lfloor n\rfloor", "n", True),
        (r"\max(x,3)", "x", False),
        ("(2n)!!", "2^n n!", True),
        (r"\binom{n}{2}", r"\frac{n(n-1)}{2}", True),
        ("f(x)+1", "1+f(x)", True),
        ("f(x)", "f(y)", False),
        (r"\sin x+10^{-60}", r"\sin x", False),
        (r"\sin 45^\circ", r"\frac{\sqrt2}{2}", True),
        (r"50\%\sin x", r"\frac12\sin x", True),
        (r"\sqrt[3]{-8}", "-2", True),
        (r"\frac{\sin x}{0}", "1", None),
        (r"\sin x", r"\sin x)", None),
        (r"\sin x", "10^{10^{10}}", False),
        (r"\sin x", "(10^{9})!", False),
        ("(10^{9})!", r"\sin x", None),
    ],
)
def test_numbers(left: str, right: str, expected: bool | None) -> None:
    assert numerically_equal(left, right) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        (r"\frac{1}{2}", "0.5", True),
        (r"\frac{1}{2}", "0.6", False),
        ("x^2-1", "(x-1)(x+1)", True),
        (r"\sin^2 x+\cos^2 x", "1", True),
        ("x", "y", False),
    ],
)
def test_math_verify(gold: str, answer: str, expected: bool) -> None:
    assert math_verify(gold, answer) is expected


def test_latex_for_math_verify() -> None:
    assert to_latex("2*x%") == r"2\cdot x\%"
    assert math_verify(to_latex("2*x"), "2x") is True


@pytest.mark.parametrize(
    ("answer", "integrand", "expected"),
    [
        ("x**2", "2*x", True),
        ("x**2+7", "2*x", True),
        ("x**2+x", "2*x", False),
        ("log(x)", "1/x", True),
        (r"\ln|x|", r"\frac1x", True),
        ("(x-1)*exp(x)", "x*exp(x)", True),
        ("x/2-sin(2*x)/4", "sin(x)**2", True),
        (r"\arctan x", r"\frac{1}{1+x^2}", True),
        ("-cos(a*x)/a", "sin(a*x)", True),
        ("2*x**(3/2)/3", "sqrt(x)", True),
        ("x+", "1", None),
    ],
)
def test_antiderivatives(answer: str, integrand: str, expected: bool | None) -> None:
    assert is_antiderivative(answer, integrand, "x") is expected


def test_one_call_answers_all_pairs() -> None:
    reply = decide({"pairs": [[r"\sin x", r"\sin x"], ["1", "2"]]})
    assert reply == {"pairs": [[True, None], [False, None]]}
    assert decide({"pairs": [["x", "x"]], "both": True}) == {"pairs": [[True, True]]}
    assert decide({"bare": ["1", "1.0"]}) == {"equal": True}


def test_workers_do_not_need_torch() -> None:
    code = "import sys, cogitate.verifiers.maths.cas; print('torch' in sys.modules)"
    found = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


TWICE = {"integrand": "2*x", "variable": "x"}


@pytest.mark.parametrize(
    ("text", "correct", "cause"),
    [
        ("<think>a</think><answer>x**2 + C</answer>", True, ""),
        ("<answer>x**2</answer>", True, ""),
        ("<answer>F(x) = x^2 + c</answer>", True, ""),
        (r"<answer>\int 2x\,dx = x^2 + C</answer>", True, ""),
        (r"$\boxed{x^2+C}$", True, ""),
        ("x^2 + C", True, ""),
        ("<answer>x**2 + 3*x</answer>", False, "different"),
        ("<answer>2</answer>", False, "different"),
        ("<answer>Integral(2*x, x)</answer>", False, "unevaluated"),
        ("<answer>integrate(2*x, x)</answer>", False, "unevaluated"),
        (r"<answer>\int 2x\,dx</answer>", False, "unevaluated"),
        ("<answer>x**2 + y</answer>", False, "unknowns"),
        ("<answer>the square of x</answer>", False, "unknowns"),
        ("<answer>x**2 +</answer>", False, "not_a_value"),
        ("<answer>__import__('os')</answer>", False, "not_a_value"),
        ("<answer>x**2</answer><answer>x**3</answer>", False, "hedged"),
        (r"\boxed{x^2} \boxed{x^3}", False, "hedged"),
        ("<answer>x\u200b**2</answer>", False, "control_characters"),
        ("<answer>" + "x" * 5000 + "</answer>", False, "too_large_length"),
        ("<answer>" + "(" * 70 + "x" + ")" * 70 + "</answer>", False, "not_a_value"),
        ("<think>x^2", False, "truncated"),
        ("<answer></answer>", False, "no_answer"),
    ],
)
def test_integrals(pool: MathsPool, text: str, correct: bool, cause: str) -> None:
    verdict = verify_integral(TWICE, text, pool=pool)
    assert (verdict.correct, verdict.cause) == (correct, cause)
    assert verdict.engine == "derivative"


def test_an_integrand_that_is_none_is_a_bad_gold(pool: MathsPool) -> None:
    assert verify_integral({"integrand": "2*"}, "x", pool=pool).status is Status.BAD_GOLD
    assert verify_integral({}, "x", pool=pool).status is Status.BAD_GOLD


def test_the_audit_lists_where_engines_differ(pool: MathsPool) -> None:
    pairs = [
        ("42", r"\boxed{42}"),
        ("50", r"\boxed{50\%}"),
        ("42", r"\boxed{43}"),
        (r"\{1,2\}", "no answer"),
    ]
    found = compare_engines(pairs, pool=pool)
    assert [(d.gold, d.answer, d.ours.correct, d.theirs) for d in found] == [
        ("50", r"50\%", False, True)
    ]


def scalar(text: str) -> Scalar:
    found = read(text)
    assert isinstance(found, Scalar)
    return found


def test_what_a_pool_cannot_judge_is_masked() -> None:
    limits = WorkerLimits(wall_seconds=1e-9)
    with MathsPool(1, limits=limits) as hurried:
        verdict = verify_maths(r"\sin^2 x", r"\boxed{1-\cos^2 x}", pool=hurried)
        assert (verdict.status, verdict.correct, verdict.cause) == (Status.TIMEOUT, None, "timeout")
        integral = verify_integral(TWICE, "<answer>x^2</answer>", pool=hurried)
        assert integral.status is Status.TIMEOUT
        with pytest.raises(WorkerFailure):
            hurried.ask([(scalar("x"), scalar("x"))])
        assert hurried.counts.timeouts == 3
    after = verify_maths(r"\sin^2 x", r"\boxed{1-\cos^2 x}", pool=hurried)
    assert (after.status, after.cause) == (Status.CRASHED, "worker_died")


def test_both_engines_can_be_asked(pool: MathsPool) -> None:
    assert pool.ask([(scalar(r"\sin 2x"), scalar(r"2\sin x\cos x"))], both=True) == [(True, True)]


def test_the_pool_of_the_process_is_made_once_and_again() -> None:
    first = default_pool()
    assert default_pool() is first
    close_default_pool()
    second = default_pool()
    assert second is not first
    close_default_pool()
    close_default_pool()
