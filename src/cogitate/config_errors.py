"""Plain sentences for what is wrong in a configuration, all of them at once.

pydantic finds the faults; this module says where they are in the user's file, what was expected,
and which word was probably meant, also when that word comes from another training library.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from cogitate.config_toml import Key, dotted

# Names of the same settings in TRL, verl, OpenRLHF, slime, prime-rl, torchtitan, NeMo-RL, tinker.
ALIASES: Mapping[str, str] = {
    "num_generations": "grpo.group_size",
    "num_generations_per_prompt": "grpo.group_size",
    "num_samples_per_prompt": "grpo.group_size",
    "n_samples_per_prompt": "grpo.group_size",
    "rollouts_per_example": "grpo.group_size",
    "n": "grpo.group_size",
    "beta": "grpo.loss.kl_coef",
    "kl_loss_coef": "grpo.loss.kl_coef",
    "init_kl_coef": "grpo.loss.kl_coef",
    "kl_tau": "grpo.loss.kl_coef",
    "kl_ctl": "grpo.loss.kl_coef",
    "reference_policy_kl_penalty": "grpo.loss.kl_coef",
    "kl_penalty_coef": "grpo.loss.kl_coef",
    "epsilon": "grpo.loss.clip_low",
    "eps_clip": "grpo.loss.clip_low",
    "eps_clip_low": "grpo.loss.clip_low",
    "cliprange": "grpo.loss.clip_low",
    "clip_ratio": "grpo.loss.clip_low",
    "clip_ratio_low": "grpo.loss.clip_low",
    "ratio_clip_low": "grpo.loss.clip_low",
    "ratio_clip_min": "grpo.loss.clip_low",
    "dppo_mask_low": "grpo.loss.clip_low",
    "epsilon_high": "grpo.loss.clip_high",
    "eps_clip_high": "grpo.loss.clip_high",
    "clip_ratio_high": "grpo.loss.clip_high",
    "ratio_clip_high": "grpo.loss.clip_high",
    "ratio_clip_max": "grpo.loss.clip_high",
    "dppo_mask_high": "grpo.loss.clip_high",
    "loss_type": "grpo.loss.kind",
    "num_iterations": "grpo.updates_per_step",
    "ppo_epochs": "grpo.updates_per_step",
    "num_minibatches": "grpo.updates_per_step",
    "max_steps": "grpo.steps",
    "num_steps": "grpo.steps",
    "total_training_steps": "grpo.steps",
    "prompts_per_step": "grpo.problems_per_step",
    "num_prompts_per_step": "grpo.problems_per_step",
    "train_batch_size": "grpo.problems_per_step",
    "rollout_batch_size": "grpo.problems_per_step",
    "per_device_train_batch_size": "grpo.micro_batch_tokens",
    "micro_batch_size": "grpo.micro_batch_tokens",
    "dynamic_sampling": "grpo.uninformative_groups",
    "filter_groups": "grpo.uninformative_groups",
    "ref_model_sync_steps": "grpo.reference_refresh_steps",
    "max_completion_length": "sampling.max_tokens",
    "max_new_tokens": "sampling.max_tokens",
    "max_response_length": "sampling.max_tokens",
    "generate_max_len": "sampling.max_tokens",
    "lr": "optimizer.learning_rate",
    "actor_learning_rate": "optimizer.learning_rate",
    "warmup_ratio": "optimizer.warmup_steps",
    "num_warmup_steps": "optimizer.warmup_steps",
    "lr_warmup_steps": "optimizer.warmup_steps",
    "lr_scheduler_type": "optimizer.schedule",
    "grad_clip": "optimizer.max_grad_norm",
    "clip_grad": "optimizer.max_grad_norm",
    "gradient_clip_val": "optimizer.max_grad_norm",
    "adam_betas": "optimizer.betas",
    "model_name_or_path": "model.source",
    "model_name": "model.source",
    "model_path": "model.source",
    "pretrain": "model.source",
    "base_model": "model.source",
    "torch_dtype": "model.dtype",
    "save_steps": "checkpoint.every",
    "save_freq": "checkpoint.every",
    "save_total_limit": "checkpoint.keep",
    "eval_steps": "eval.every",
    "test_freq": "eval.every",
    "report_to": "trackers",
    "run_name": "name",
    "experiment_name": "name",
    "dataset_name": "tasks",
    "dataset": "tasks",
    "datasets": "tasks",
    "environment": "tasks",
    "env": "tasks",
}

_BOUNDS = {
    "greater_than": ("gt", "must be greater than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "too_short": ("min_length", "needs at least {} entries"),
    "too_long": ("max_length", "takes at most {} entries"),
    "string_pattern_mismatch": ("pattern", "must match the pattern {}"),
    "string_too_short": ("min_length", "needs at least {} characters"),
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text in quotes",
    "tuple": "a list",
    "list": "a list",
    "dict": "a table",
    "mapping": "a table",
    "model": "a section (a table)",
    "finite": "a finite number",
    "path": "a path in quotes",
}


def sentences(
    error: ValidationError, data: Mapping[str, Any], model: type[BaseModel]
) -> list[tuple[Key, str]]:
    """Each fault of a failed validation as ``(key in the user's file, sentence)``.

    ``data`` is what was validated; ``model`` is the class it was validated against.
    """
    faults = [fault for fault in error.errors(include_url=False) if not _is_consequence(fault)]
    return [_sentence(fault, data, model) for fault in faults]


def converted(table: Any, value: Any, key: Key = ()) -> list[tuple[Key, str]]:
    """Settings whose type had to be changed to fit: ``steps = true`` is not 1, ``"4"`` is not 4.

    ``value`` is what validation made of ``table``.
    """
    if isinstance(table, Mapping):
        names = [name for name in table if hasattr(value, str(name))]
        return [
            fault
            for name in names
            for fault in converted(table[name], getattr(value, name), (*key, name))
        ]
    if isinstance(table, list) and isinstance(value, tuple) and len(table) == len(value):
        pairs = enumerate(zip(table, value, strict=True))
        return [fault for i, (old, new) in pairs for fault in converted(old, new, (*key, i))]
    kinds = {bool: "true or false", int: "a number", float: "a number"}
    expected = kinds.get(type(value))
    is_same = isinstance(table, bool) is isinstance(value, bool) and not isinstance(table, str)
    if expected is None or isinstance(table, list) or is_same:
        return []
    return [(key, f"{dotted(key)} = {_shown(table)}: expected {expected}, without quotes.")]


def _is_consequence(fault: Mapping[str, Any]) -> bool:
    """Whether a list is "too short" only because its faulty elements were not counted."""
    wanted = fault.get("ctx", {}).get("min_length", 0)
    return fault["type"] == "too_short" and len(fault["input"]) >= wanted


def _sentence(
    fault: Mapping[str, Any], data: Mapping[str, Any], model: type[BaseModel]
) -> tuple[Key, str]:
    kind = fault["type"]
    key = _user_key(fault["loc"], data, keep_last=kind == "missing")
    if kind == "extra_forbidden":
        return key, _unknown_key(key, data, model)
    if kind == "missing":
        return key, _missing(key, data, model)
    if kind == "union_tag_not_found":
        return key, _no_kind(key, data, model)
    if kind in ("union_tag_invalid", "literal_error", "enum"):
        return key, _unknown_choice(fault, key)
    if kind in ("value_error", "assertion_error"):
        return key, _own_message(fault, key)
    return key, _wrong_value(fault, key, data, model)


def _user_key(location: Sequence[str | int], data: Any, *, keep_last: bool) -> Key:
    """pydantic's location without the union tags it inserts: only what the file contains."""
    key: list[str | int] = []
    cursor = data
    for depth, part in enumerate(location):
        is_last = depth == len(location) - 1
        if isinstance(cursor, Mapping) and part in cursor:
            cursor = cursor[part]  # type: ignore[index]
        elif isinstance(cursor, list | tuple) and isinstance(part, int) and part < len(cursor):
            cursor = cursor[part]
        elif not (is_last and keep_last):
            continue
        key.append(part)
    return tuple(key)


def _unknown_key(key: Key, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    *parents, name = key
    section = tuple(parents)
    known = known_keys(model, section, data)
    where = f"[{dotted(section)}] {name}" if section else str(name)
    return f"unknown key {where}. {_suggestion(str(name), section, known, model)}"


def _suggestion(name: str, section: Key, known: Sequence[str], model: type[BaseModel]) -> str:
    alias = ALIASES.get(name.lower())
    if alias is not None and section[:1] != ("tasks",):
        return _renamed(alias, section)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    if close:
        return f'Did you mean "{close[0]}"?'
    homes = [path.rpartition(".") for path in setting_names(model)]
    sections = [home for home, _, last in homes if last == name]
    if any(home == ".".join(part for part in section if isinstance(part, str))
           for home in sections):  # fmt: skip
        return f"Only another kind of {dotted(section)} has it. Known here: {', '.join(known)}."
    if sections:
        return f"It belongs in {f'[{sections[0]}]' if sections[0] else 'the top of the file'}."
    listing = f"Known here: {', '.join(known)}." if known else "This is not a section."
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f'{listing} Did you mean "{close[0]}"?' if close else listing


def _renamed(alias: str, section: Key) -> str:
    home, _, name = alias.rpartition(".")
    place = ".".join(str(part) for part in section)
    if home == place:
        return f"It is called {name} here."
    where = f"[{home}]" if home else "the top of the file"
    return f"It is called {name} here and belongs in {where}."


def _missing(key: Key, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    *parents, name = key
    if isinstance(name, int):
        return f"{dotted(tuple(parents))} needs more than {name} entries."
    field = field_at(model, key, data)
    about = _first_line(field.description).rstrip(".") if field and field.description else ""
    where = f"[{dotted(tuple(parents))}]" if parents else "the file"
    return f'{where} needs "{name}"{f" ({about})" if about else ""}. Add {name} = ...'


def _no_kind(key: Key, data: Mapping[str, Any], model: type[BaseModel]) -> str:
    models, _ = _models_at(model, key, data)
    kinds = [kind for m in models for kind in _literal(m.model_fields.get("kind"))]
    return f"[{dotted(key)}] needs kind = ... to say which. Known: {', '.join(kinds)}."


def _unknown_choice(fault: Mapping[str, Any], key: Key) -> str:
    context = fault.get("ctx", {})
    raw = str(context.get("expected_tags") or context.get("expected") or "")
    choices = [choice.strip(" '\"") for choice in raw.replace(" or ", ", ").split(",")]
    known = f"Known: {', '.join(choices)}."
    if fault["type"] == "union_tag_invalid":
        seen = str(context.get("tag"))
        key = (*key, str(context.get("discriminator", "kind")).strip("'\""))
    else:
        seen = str(fault["input"])
    close = difflib.get_close_matches(seen, choices, n=1, cutoff=0.5)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f'{dotted(key)} = "{seen}" is unknown. {known}{hint}'


def _own_message(fault: Mapping[str, Any], key: Key) -> str:
    """A validator's own sentence, led by the setting unless the sentence names it itself."""
    error = fault.get("ctx", {}).get("error")
    text = str(error) if error is not None else fault["msg"].partition(", ")[2]
    where = dotted(key)
    text = text if text.endswith((".", "?", "!")) else f"{text}."
    return text if not where or where in text else f"{where}: {text}"


def _wrong_value(
    fault: Mapping[str, Any], key: Key, data: Mapping[str, Any], model: type[BaseModel]
) -> str:
    context, kind = fault.get("ctx", {}), fault["type"]
    if kind in _BOUNDS:
        name, phrase = _BOUNDS[kind]
        expected = phrase.format(context.get(name, ""))
    else:
        noun = _KINDS.get(kind.split("_")[0])
        expected = f"expected {noun}" if noun else fault["msg"].lower()
    field = field_at(model, key, data)
    purpose = f" {_first_line(field.description)}" if field and field.description else ""
    return f"{dotted(key)} = {_shown(fault['input'])}: {expected}.{purpose}"


def _shown(value: Any) -> str:
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _first_line(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())


def nested_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every pydantic model inside an annotation (unions, tuples, Annotated), in order."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in get_args(annotation):
        yield from nested_models(argument)


def _models_at(model: type[BaseModel], key: Key, data: Any) -> tuple[list[type[BaseModel]], Any]:
    """The models that may stand at a key, narrowed by the ``kind`` written in the file."""
    models, cursor = [model], data
    for part in key:
        cursor = _child(cursor, part)
        if isinstance(part, str):
            fields = [m.model_fields[part] for m in models if part in m.model_fields]
            models = [inner for field in fields for inner in nested_models(field.annotation)]
        if isinstance(cursor, Mapping):
            models = _narrow(models, cursor)
    return models, cursor


def _child(cursor: Any, part: str | int) -> Any:
    if isinstance(cursor, Mapping):
        return cursor.get(part)
    if isinstance(cursor, list | tuple) and isinstance(part, int) and part < len(cursor):
        return cursor[part]
    return None


def _narrow(models: list[type[BaseModel]], table: Mapping[str, Any]) -> list[type[BaseModel]]:
    if "kind" not in table:
        return models
    chosen = [m for m in models if table["kind"] in _literal(m.model_fields.get("kind"))]
    return chosen or models


def _literal(field: FieldInfo | None) -> tuple[Any, ...]:
    if field is None or get_origin(field.annotation) is not Literal:
        return ()
    return get_args(field.annotation)


def known_keys(model: type[BaseModel], section: Key, data: Mapping[str, Any]) -> list[str]:
    """The names that a section of the file may contain."""
    models, _ = _models_at(model, section, data)
    return list(dict.fromkeys(name for m in models for name in m.model_fields))


def field_at(model: type[BaseModel], key: Key, data: Mapping[str, Any]) -> FieldInfo | None:
    """The declaration behind one key of the file, or None."""
    if not key or not isinstance(key[-1], str):
        return None
    models, _ = _models_at(model, key[:-1], data)
    return next((m.model_fields[key[-1]] for m in models if key[-1] in m.model_fields), None)


def setting_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted setting name that can be written, sections included, without list indices."""
    names: list[str] = []
    for name, field in model.model_fields.items():
        names.append(prefix + name)
        for inner in nested_models(field.annotation):
            names += setting_names(inner, f"{prefix}{name}.")
    return list(dict.fromkeys(names))
