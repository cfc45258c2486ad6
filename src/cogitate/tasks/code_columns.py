"""Tests of programs as data sets write them, converted to the two shapes of verifiers/programs.

source                        shape
own, or already converted     {"type": "stdio" | "function", "tests": [...], ...}
open-r1 verification_info     {"language": ..., "test_cases": [{"input", "output", "fn_name"?}]}
PRIME, DeepCoder (verl)       {"inputs": [...], "outputs": [...], "fn_name"?}
LiveCodeBench, TACO           [{"input", "output", "testtype" | "type", "metadata"?}, ...]
open-instruct                 ["assert f(1) == 2", ...]
"""

from collections.abc import Mapping, Sequence
from typing import Any

Tests = Mapping[str, Any]


def code_tests(parts: Any) -> Tests:
    """The tests in one of our shapes; what is not recognised comes back as it is, wrapped, so
    that the verifier's check of gold answers can say what is wrong with it.

    >>> code_tests({"inputs": ["1"], "outputs": ["2"]})
    {'type': 'stdio', 'tests': [{'input': '1', 'output': '2'}]}
    """
    if isinstance(parts, Mapping):
        return _from_mapping(parts)
    if isinstance(parts, list | tuple) and parts and isinstance(parts[0], str):
        return {"type": "function", "tests": list(parts)}
    if isinstance(parts, list | tuple):
        return _from_cases(list(parts), None)
    return {"type": "unknown", "tests": parts}


def _from_mapping(parts: Mapping[str, Any]) -> Tests:
    if "type" in parts and "tests" in parts:
        return parts
    cases = parts.get("test_cases")
    if isinstance(cases, Sequence) and not isinstance(cases, str):
        return {**_from_cases(list(cases), parts.get("fn_name")), **_language(parts)}
    inputs, outputs = parts.get("inputs"), parts.get("outputs")
    if isinstance(inputs, Sequence) and isinstance(outputs, Sequence):
        pairs = zip(inputs, outputs, strict=False)
        cases = [{"input": given, "output": wanted} for given, wanted in pairs]
        return {**_from_cases(cases, parts.get("fn_name")), **_language(parts)}
    return {"type": "unknown", "tests": dict(parts)}


def _language(parts: Mapping[str, Any]) -> dict[str, str]:
    language = parts.get("language")
    return {"language": language} if isinstance(language, str) else {}


def _from_cases(cases: list[Any], function: Any) -> Tests:
    """Cases with input and output; a function name anywhere makes them calls of that function."""
    named = [case.get("fn_name") for case in cases if isinstance(case, Mapping)]
    metadata = [case.get("metadata") for case in cases if isinstance(case, Mapping)]
    named += [data.get("func_name") for data in metadata if isinstance(data, Mapping)]
    function = function or next((name for name in named if name), None)
    plain = [
        {"input": case.get("input"), "output": case.get("output")}
        for case in cases
        if isinstance(case, Mapping)
    ]
    if function:
        return {"type": "function", "entry_point": function, "tests": plain}
    return {"type": "stdio", "tests": plain}
