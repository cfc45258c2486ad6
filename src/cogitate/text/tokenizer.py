"""A Hugging Face tokenizer directory, with a hard line between text and control tokens.

Added tokens come in three kinds, and every way to encode says which of them it recognises:

    control     special tokens and turn markers such as ``<|im_end|>`` or ``<|User|>``
    tag         other added tokens with visible text, such as Qwen3's ``<think>``
    whitespace  runs of blanks that some vocabularies keep as added tokens

    encode               whitespace only: text that a user or a data set wrote
    encode_completion    + tags: completions we train on
    encode_with_special  + control: scaffolding that a template wrote
    encode_segments      scaffolding with user text inside it
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import tokenizers

from cogitate.errors import DataError

_TURN_MARKER = re.compile(r"<[|\uff5c].{1,80}[|\uff5c]>", re.DOTALL)
_NAMED_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token")


class Tokenizer:
    """Text to token ids and back, with the end, pad and template facts of the model directory.

    >>> from cogitate.testing import byte_tokenizer
    >>> tokenizer = byte_tokenizer()
    >>> tokenizer.encode_with_special("a<|im_end|>"), len(tokenizer.encode("a<|im_end|>"))
    ([97, 258], 11)
    """

    def __init__(
        self,
        tokenizer_json: str,
        *,
        config: Mapping[str, Any] | None = None,
        generation_config: Mapping[str, Any] | None = None,
        chat_templates: Mapping[str, str] | None = None,
        source: str = "memory",
    ) -> None:
        self.source = source
        self.chat_templates: dict[str, str] = dict(chat_templates or {})
        self._full = _load(tokenizer_json, source)
        self._json: dict[str, Any] = json.loads(tokenizer_json)
        self._markers: dict[str, int] = {}
        self._control: dict[str, int] = {}
        for token in self._json.get("added_tokens") or ():
            if token["content"].strip():
                self._markers[token["content"]] = token["id"]
                if _is_control(token):
                    self._control[token["content"]] = token["id"]
        config, generation_config = config or {}, generation_config or {}
        self.named_tokens = _named_tokens(config)
        self.eos_ids = self._find_eos_ids(generation_config)
        self.pad_id = self._find_pad_id(generation_config)
        self.prefix_ids = self._find_prefix_ids(config)
        self.vocab_size = max(self._full.get_vocab(with_added_tokens=True).values()) + 1

    @classmethod
    def from_directory(cls, directory: str | Path) -> "Tokenizer":
        """Read tokenizer.json, tokenizer_config.json, generation_config.json and the templates.

        A chat_template.jinja file wins over a template inside tokenizer_config.json.

        Raises:
            DataError: a file is missing or is not what it should be.
        """
        directory = Path(directory)
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise DataError(
                f"{directory}: no tokenizer.json. cogitate reads the fast tokenizer format. For a "
                "directory with tokenizer.model or vocab.json only, write it once with "
                "transformers: AutoTokenizer.from_pretrained(dir).save_pretrained(dir)."
            )
        config = _read_json(directory / "tokenizer_config.json")
        for name, value in _read_json(directory / "special_tokens_map.json").items():
            config.setdefault(name, value)
        model_config = _read_json(directory / "config.json")
        generation_config = {
            key: model_config[key]
            for key in ("eos_token_id", "pad_token_id")
            if model_config.get(key) is not None
        } | _read_json(directory / "generation_config.json")
        return cls(
            path.read_text(encoding="utf-8"),
            config=config,
            generation_config=generation_config,
            chat_templates=_read_chat_templates(directory, config),
            source=str(directory),
        )

    @property
    def control_strings(self) -> tuple[str, ...]:
        """The texts of the control tokens."""
        return tuple(self._control)

    @property
    def marker_strings(self) -> tuple[str, ...]:
        """The texts of all added tokens except whitespace: control tokens and tags."""
        return tuple(self._markers)

    @property
    def eos_id(self) -> int:
        """The token that ends what we write; sampling stops at any of ``eos_ids``."""
        return self.eos_ids[0]

    def encode(self, text: str) -> list[int]:
        """Token ids of plain text. ``<|im_end|>`` in it becomes characters, never the token."""
        return self._encode_as_text(self._plain, text, self._markers)

    def encode_completion(self, text: str) -> list[int]:
        """Token ids of a completion: tags such as ``<think>`` count, control tokens do not."""
        return self._encode_as_text(self._tags, text, self._control)

    def encode_with_special(self, text: str) -> list[int]:
        """Token ids of scaffolding: every added token is recognised. Not for users' text."""
        return self._full.encode(text, add_special_tokens=False).ids

    def encode_segments(self, segments: Iterable[tuple[str, bool]]) -> list[int]:
        """Token ids of (text, trusted) pieces, of which only trusted ones may hold added tokens.

        The text is cut at trusted added tokens and each stretch between them is encoded as one
        string, as the tokenizer itself does, so a piece boundary costs no merge.
        """
        ids: list[int] = []
        stretch: list[str] = []

        def flush() -> None:
            if stretch:
                ids.extend(self.encode("".join(stretch)))
                stretch.clear()

        for text, trusted in segments:
            for part in self._marker_pattern.split(text) if trusted else (text,):
                if trusted and part in self._markers:
                    flush()
                    ids.append(self._markers[part])
                elif part:
                    stretch.append(part)
        flush()
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids; control tokens are kept as their own text."""
        return self._full.decode(list(ids), skip_special_tokens=False)

    def token_id(self, token: str) -> int | None:
        """The id of one vocabulary entry or added token, or None."""
        return self._full.token_to_id(token)

    def token_text(self, token_id: int) -> str:
        """What one token decodes to by itself."""
        return self.decode([token_id])

    @cached_property
    def _plain(self) -> tokenizers.Tokenizer:
        return _backend(self._json, text_kinds=("control", "tag"))

    @cached_property
    def _tags(self) -> tokenizers.Tokenizer:
        return _backend(self._json, text_kinds=("control",))

    @cached_property
    def _marker_pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self._markers, key=len, reverse=True)
        return re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")

    def _encode_as_text(
        self, backend: tokenizers.Tokenizer, text: str, forbidden: Mapping[str, int]
    ) -> list[int]:
        ids = backend.encode(text, add_special_tokens=False).ids
        if not set(forbidden.values()).intersection(ids):
            return ids
        # The model's own vocabulary holds a marker as an ordinary entry: break the marker up.
        inside = "|".join(f"(?<={re.escape(m[0])})(?={re.escape(m[1:])})" for m in forbidden)
        pieces = re.split(inside, text)
        return [i for piece in pieces for i in backend.encode(piece, add_special_tokens=False).ids]

    def _find_eos_ids(self, generation_config: Mapping[str, Any]) -> tuple[int, ...]:
        found = []
        named = self.named_tokens.get("eos_token")
        if named is not None and self.token_id(named) is not None:
            found.append(self.token_id(named))
        declared = generation_config.get("eos_token_id")
        found += declared if isinstance(declared, list) else [declared]
        ids = tuple(dict.fromkeys(i for i in found if i is not None))
        if not ids:
            raise DataError(
                f"{self.source}: no end-of-text token. Expected eos_token in tokenizer_config.json "
                "or eos_token_id in generation_config.json; add one, or no completion ever stops."
            )
        return ids

    def _find_pad_id(self, generation_config: Mapping[str, Any]) -> int:
        named = self.named_tokens.get("pad_token")
        named_id = None if named is None else self.token_id(named)
        if named_id is not None:
            return named_id
        declared = generation_config.get("pad_token_id")
        # Padding with the end token is harmless here: masks are recorded, never inferred from ids.
        return declared if isinstance(declared, int) and declared >= 0 else self.eos_id

    def _find_prefix_ids(self, config: Mapping[str, Any]) -> tuple[int, ...]:
        """What the tokenizer puts before a text by itself (a BOS token, or nothing)."""
        if config.get("add_bos_token") is False:
            return ()
        bare = self._full.encode("a", add_special_tokens=False).ids
        dressed = self._full.encode("a", add_special_tokens=True).ids
        starts = (i for i in range(len(dressed)) if dressed[i : i + len(bare)] == bare)
        return tuple(dressed[: next(starts, 0)])


def _is_control(token: Mapping[str, Any]) -> bool:
    return token["special"] or _TURN_MARKER.fullmatch(token["content"]) is not None


def _backend(document: Mapping[str, Any], text_kinds: Sequence[str]) -> tokenizers.Tokenizer:
    """A tokenizer that reads added tokens of the given kinds as ordinary text.

    The library skips exactly the tokens flagged special when told to; so we choose the flags.
    Dropping the tokens instead would renumber the remaining ones.
    """
    added = []
    for token in document.get("added_tokens") or ():
        kind = "control" if _is_control(token) else "tag" if token["content"].strip() else "blank"
        added.append({**token, "special": kind in text_kinds})
    backend = tokenizers.Tokenizer.from_str(json.dumps({**document, "added_tokens": added}))
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    return backend


def _load(text: str, source: str) -> tokenizers.Tokenizer:
    try:
        backend = tokenizers.Tokenizer.from_str(text)
    except Exception as error:  # the library raises plain Exception for any malformed file
        raise DataError(
            f"{source}: tokenizer.json cannot be read ({error}). Expected the Hugging Face fast "
            "tokenizer format; fetch the model again."
        ) from error
    backend.no_truncation()
    backend.no_padding()
    return backend


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error}). Fetch the model again.") from error
    if not isinstance(document, dict):
        raise DataError(f"{path}: expected a JSON object, found {type(document).__name__}.")
    return document


def _named_tokens(config: Mapping[str, Any]) -> dict[str, str]:
    """bos_token, eos_token ... as text; files hold either text or {"content": text}."""
    named = {}
    for name in _NAMED_TOKENS:
        value = config.get(name)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            named[name] = text
    return named


def _read_chat_templates(directory: Path, config: Mapping[str, Any]) -> dict[str, str]:
    """Chat templates by name; the usual one is called "default"."""
    inside = config.get("chat_template")
    templates: dict[str, str] = {}
    if isinstance(inside, str):
        templates["default"] = inside
    elif isinstance(inside, dict):
        templates.update(inside)
    elif isinstance(inside, list):
        templates.update({entry["name"]: entry["template"] for entry in inside})
    for path in sorted((directory / "additional_chat_templates").glob("*.jinja")):
        templates[path.stem] = path.read_text(encoding="utf-8")
    own_file = directory / "chat_template.jinja"
    if own_file.is_file():
        templates["default"] = own_file.read_text(encoding="utf-8")
    return templates
