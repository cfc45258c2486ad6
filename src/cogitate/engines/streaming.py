"""A completion while it is being written, for people who watch."""

from collections.abc import Iterator

from cogitate.engines.local import LocalEngine, _Generation
from cogitate.schema import Completion, Prompt, SamplingParams


def stream(
    engine: LocalEngine, prompt: Prompt, params: SamplingParams
) -> Iterator[str | Completion]:
    """Pieces of text as they become certain, and at the end the completion itself.

    The pieces add up to ``Completion.text``; a piece is held back while it may be half a character
    or the beginning of a stop string. Sampling is exactly that of ``engine.generate``.

    Raises:
        EngineError: prompt and completion do not fit the context.
    """
    engine._check([prompt], params, 1)
    finished: list[Completion] = []
    run = _Generation(engine, [prompt], params, 1, lambda _p, _s, done: finished.append(done))
    shown = ""
    while run.step():
        if finished:
            break
        if not run.live:  # a long prompt is still being read
            continue
        text = certain(engine.decode(run.live[0].tokens), params.stop_strings)
        if text.startswith(shown) and len(text) > len(shown):
            yield text[len(shown) :]
            shown = text
    if finished[0].text.startswith(shown) and len(finished[0].text) > len(shown):
        yield finished[0].text[len(shown) :]
    yield finished[0]


def certain(text: str, stop_strings: tuple[str, ...]) -> str:
    """The part of a text that later tokens cannot take back.

    >>> certain("7 or 8\\nQ", ("\\nQ:",)), certain("na\\ufffd", ())
    ('7 or 8', 'na')
    """
    end = len(text.rstrip("\ufffd"))
    for stop in stop_strings:
        longest = next(
            (n for n in range(min(len(stop), end), 0, -1) if text[:end].endswith(stop[:n])), 0
        )
        end -= longest
    return text[:end]
