"""Every rollout engine: torch and native decoders, every family, checked against a plain forward."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch

from cogitate.engines.local import LocalEngine
from cogitate.errors import EngineError
from cogitate.kernels.ops import has_matrix_unit
from cogitate.models.transformer import Transformer
from cogitate.schema import Completion, FinishReason, Prompt, SamplingParams
from kernel_models import FAMILIES, require_kernels
from tiny_models import random_model

PROMPTS = [
    Prompt(token_ids=tuple(ids), text="", key=key)
    for key, ids in ((11, [1, 2, 3]), (12, [40]), (13, [7] * 21), (14, [5, 9, 200, 31, 2]))
]
Make = Callable[..., LocalEngine]


def letters(ids: object) -> str:
    """A toy detokenizer: token 10 is a newline, every other one is itself in brackets."""
    return "".join("\n" if i == 10 else f"[{i}]" for i in ids)  # type: ignore[attr-defined]


@pytest.fixture(params=[(f, k) for f in FAMILIES for k in ("torch", "native")], ids="-".join)
def model_and_engine(request: pytest.FixtureRequest) -> tuple[Transformer, Make]:
    family, kernels = request.param
    if kernels == "native":
        require_kernels()
    model = random_model(FAMILIES[family])
    return model, lambda **options: LocalEngine(model, letters, kernels=kernels, **options)


def plain_logprobs(
    model: Transformer, prompt: Prompt, completion: Completion, t: float
) -> torch.Tensor:
    ids = torch.tensor([prompt.token_ids + completion.token_ids])
    with torch.no_grad():
        logprobs = (model(ids)[0] / t).log_softmax(-1)
    start = len(prompt.token_ids) - 1
    chosen = torch.tensor(completion.token_ids)[:, None]
    return logprobs[start : start + len(chosen)].gather(1, chosen)[:, 0]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_logprobs_are_those_of_a_plain_forward(
    model_and_engine: tuple[Transformer, Make], temperature: float
) -> None:
    model, make = model_and_engine
    params = SamplingParams(max_tokens=12, temperature=temperature, seed=3)
    for prompt, samples in zip(PROMPTS, make().generate(PROMPTS, params, n=3), strict=True):
        assert len(samples) == 3
        for completion in samples:
            expected = plain_logprobs(model, prompt, completion, temperature)
            torch.testing.assert_close(
                torch.tensor(completion.logprobs), expected, atol=1e-4, rtol=0.0
            )


def test_slots_prefill_chunks_and_batch_mates_do_not_change_a_completion(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    _, make = model_and_engine
    params = SamplingParams(max_tokens=9, seed=5)
    reference = make(slots=64).generate(PROMPTS, params, n=4)
    for options in ({"slots": 1}, {"slots": 3, "prefill_tokens": 4}, {"slots": 7}):
        again = make(**options).generate(PROMPTS, params, n=4)
        assert [[c.token_ids for c in g] for g in again] == [
            [c.token_ids for c in g] for g in reference
        ]
    alone = make().generate([PROMPTS[2]], params, n=2)[0]
    assert [c.token_ids for c in alone] == [c.token_ids for c in reference[2][:2]]


def test_native_results_are_bitwise_independent_of_the_batch() -> None:
    require_kernels()
    model = random_model(FAMILIES["llama"])
    params = SamplingParams(max_tokens=9, seed=5)
    many = LocalEngine(model, letters, kernels="native").generate(PROMPTS, params, n=9)
    few = LocalEngine(model, letters, kernels="native", slots=2).generate(PROMPTS, params, n=9)
    assert many == few


def test_greedy_is_the_argmax_at_every_position(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    model, make = model_and_engine
    params = SamplingParams(max_tokens=8, temperature=0.0)
    for prompt, (completion,) in zip(PROMPTS, make().generate(PROMPTS, params, n=1), strict=True):
        ids = list(prompt.token_ids)
        for token in completion.token_ids:
            with torch.no_grad():
                assert token == int(model(torch.tensor([ids]))[0, -1].argmax())
            ids.append(token)


def test_another_seed_gives_other_completions_and_the_same_seed_the_same(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    _, make = model_and_engine
    engine = make()
    first = engine.generate(PROMPTS, SamplingParams(max_tokens=8, seed=1), n=2)
    assert first == engine.generate(PROMPTS, SamplingParams(max_tokens=8, seed=1), n=2)
    assert first != engine.generate(PROMPTS, SamplingParams(max_tokens=8, seed=2), n=2)
    assert first[0][0].token_ids != first[0][1].token_ids  # samples of one problem differ


def test_stop_token_ends_a_completion_and_is_part_of_it(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    _, make = model_and_engine
    engine = make()
    free = engine.generate(PROMPTS[:1], SamplingParams(max_tokens=8, seed=1), n=1)[0][0]
    stop = free.token_ids[3]
    first = free.token_ids.index(stop)
    params = SamplingParams(max_tokens=8, seed=1, stop_token_ids=(stop,))
    stopped = engine.generate(PROMPTS[:1], params, n=1)[0][0]
    assert stopped.token_ids == free.token_ids[: first + 1]
    assert stopped.logprobs == free.logprobs[: first + 1]
    assert stopped.finish_reason is FinishReason.STOP
    assert stopped.text == letters(stopped.token_ids[:-1])
    assert free.finish_reason is FinishReason.LENGTH and len(free.token_ids) == 8


def test_stop_string_may_span_tokens_and_is_cut_from_the_text(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    _, make = model_and_engine
    engine = make()
    free = engine.generate(PROMPTS[:1], SamplingParams(max_tokens=8, seed=1), n=1)[0][0]
    second, third = free.token_ids[1:3]
    stop = f"{str(second)[-1]}][{third}"  # begins inside one token, ends inside the next
    params = SamplingParams(max_tokens=8, seed=1, stop_strings=("never", stop))
    stopped = engine.generate(PROMPTS[:1], params, n=1)[0][0]
    assert stopped.token_ids == free.token_ids[:3]
    assert stopped.text == letters(free.token_ids[:3]).partition(stop)[0]
    assert stopped.finish_reason is FinishReason.STOP


def test_on_finish_sees_every_completion_once(model_and_engine: tuple[Transformer, Make]) -> None:
    _, make = model_and_engine
    seen: dict[tuple[int, int], Completion] = {}

    def note(prompt: int, sample: int, completion: Completion) -> None:
        assert (prompt, sample) not in seen
        seen[prompt, sample] = completion

    params = SamplingParams(max_tokens=5, seed=1)
    out = make(slots=3).generate(PROMPTS, params, n=3, on_finish=note)
    assert seen == {(i, j): c for i, group in enumerate(out) for j, c in enumerate(group)}


def test_an_update_of_the_weights_is_seen_at_once(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    model, make = model_and_engine
    engine = make()
    params = SamplingParams(max_tokens=6, temperature=0.0)
    before = engine.generate(PROMPTS, params, n=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.ones_like(parameter).cumsum(0).remainder(3))
    after = engine.generate(PROMPTS, params, n=1)
    assert before != after
    for prompt, (completion,) in zip(PROMPTS, after, strict=True):
        expected = plain_logprobs(model, prompt, completion, 1.0)
        torch.testing.assert_close(
            torch.tensor(completion.logprobs), expected, atol=1e-4, rtol=1e-4
        )


def test_too_long_empty_and_zero_requests_are_refused_in_words(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    _, make = model_and_engine
    engine = make()
    with pytest.raises(EngineError, match="needs 21 \\+ 60 positions, but the model has 64"):
        engine.generate(PROMPTS, SamplingParams(max_tokens=60), n=1)
    with pytest.raises(EngineError, match="prompt 0 has no tokens"):
        engine.generate([Prompt(token_ids=(), text="", key=0)], SamplingParams(max_tokens=1), n=1)
    with pytest.raises(EngineError, match="max_tokens = 0"):
        engine.generate(PROMPTS, SamplingParams(max_tokens=0), n=1)
    assert engine.generate([], SamplingParams(max_tokens=1), n=4) == []


def test_top_k_one_is_greedy(model_and_engine: tuple[Transformer, Make]) -> None:
    _, make = model_and_engine
    engine = make()
    greedy = engine.generate(PROMPTS, SamplingParams(max_tokens=6, temperature=0.0), n=1)
    narrow = engine.generate(PROMPTS, SamplingParams(max_tokens=6, top_k=1, seed=4), n=1)
    assert [g[0].token_ids for g in greedy] == [g[0].token_ids for g in narrow]


def test_native_refuses_what_it_cannot_run() -> None:
    require_kernels()
    model = random_model(FAMILIES["llama"]).double()
    with pytest.raises(EngineError, match="float32 on the CPU is needed"):
        LocalEngine(model, letters, kernels="native")
    assert type(LocalEngine(model, letters, kernels="auto").decoder).__name__ == "TorchDecoder"


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1.0},
        {"temperature": float("nan")},
        {"top_p": 0.0},
        {"top_p": 3.0},
        {"top_k": -3},
    ],
)
def test_sampling_parameters_that_make_no_sense_are_refused(
    model_and_engine: tuple[Transformer, Make], wrong: dict[str, float]
) -> None:
    _, make = model_and_engine
    (name,) = wrong
    with pytest.raises(EngineError, match=rf"sampling\.{name} = .*expected"):
        make().generate(PROMPTS, SamplingParams(max_tokens=2, **wrong), n=1)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=r"sampling\.n = -1"):
        make().generate(PROMPTS, SamplingParams(max_tokens=2), n=-1)


def test_weights_that_are_not_numbers_are_an_error_and_no_tokens(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    model, make = model_and_engine
    with torch.no_grad():
        model.norm.weight.fill_(float("nan"))
    for temperature in (0.0, 1.0):
        params = SamplingParams(max_tokens=4, temperature=temperature)
        with pytest.raises(EngineError, match="not finite"):
            make().generate(PROMPTS, params, n=1)


def test_one_logit_that_is_not_a_number_is_an_error_too(
    model_and_engine: tuple[Transformer, Make],
) -> None:
    model, make = model_and_engine
    with torch.no_grad():
        model.head_weight[77] = float("nan")
    prompts = [p for p in PROMPTS if 77 not in p.token_ids]
    for temperature in (0.0, 1.0):
        with pytest.raises(EngineError, match="not finite"):
            make().generate(prompts, SamplingParams(max_tokens=2, temperature=temperature), n=1)


def test_without_the_matrix_unit_the_native_decoder_keeps_the_contract() -> None:
    require_kernels()
    if not has_matrix_unit():
        pytest.skip("no matrix unit here: the tests above ran without it")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    ran = subprocess.run(
        [*command, "-k", "native and not without_the_matrix"],
        env={**os.environ, "COGITATE_KERNELS": "vector"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout
