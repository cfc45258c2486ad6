"""The names and signatures others build on, as a snapshot: a change to them is a decision.

After an intended change run ``make golden`` and describe the change in CHANGELOG.md.
"""

import ast
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
SNAPSHOT = Path(__file__).with_name("public_api.txt")
MODULES = (
    "__init__",
    "errors",
    "eval/estimators",
    "protocols",
    "schema",
    "testing",
    "train/groups",
    "train/losses",
    "train/objective",
)


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def describe_class(node: ast.ClassDef) -> list[str]:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    out = [f"class {node.name}({bases})"]
    for item in node.body:
        if isinstance(item, ast.AnnAssign):
            default = f" = {ast.unparse(item.value)}" if item.value else ""
            out.append(f"    {ast.unparse(item.target)}: {ast.unparse(item.annotation)}{default}")
        elif isinstance(item, ast.FunctionDef) and (
            not item.name.startswith("_") or item.name == "__call__"
        ):
            out.append(f"    {signature(item)}")
    return out


def describe(module: str) -> list[str]:
    tree = ast.parse((ROOT / "src" / "cogitate" / f"{module}.py").read_text())
    out = [f"# cogitate.{module.replace('/', '.').removesuffix('.__init__')}"]
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            out += describe_class(node)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            out.append(signature(node))
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            out.append(f"__all__ = {ast.unparse(node.value)}")
    return out


def test_public_api_is_as_recorded() -> None:
    present = "\n".join(line for module in MODULES for line in [*describe(module), ""])
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(present)
    assert SNAPSHOT.read_text() == present, (
        "intended? then: make golden, and a line in CHANGELOG.md"
    )
