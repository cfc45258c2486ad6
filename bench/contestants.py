"""Who takes part: the options every script has, and how each system's worker is started."""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import venvs
from cogitate.bench.contest import report_to_stderr
from cogitate.bench.machine import describe_cpu, usable_cores
from cogitate.bench.rows import Row, markdown_table
from cogitate.bench.workers import Worker
from cogitate.errors import CogitateError

WORKERS = Path(__file__).parent / "peers"
SOURCE = Path(__file__).parent.parent / "src"


def parser(
    description: str | None, *, peers: Sequence[str], default: Sequence[str] | None = None
) -> argparse.ArgumentParser:
    """An argument parser with the options that all scripts share."""
    chosen = list(peers if default is None else default)
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--model", default="smollm2-135m", help="preset, directory or hub id")
    options.add_argument("--repeats", type=int, default=5, help="measured rounds (5)")
    options.add_argument("--quick", action="store_true", help="tiny sizes: does it run at all?")
    options.add_argument(
        "--peers", nargs="+", default=chosen, choices=peers, help=f"default: {' '.join(chosen)}"
    )
    options.add_argument("--threads", type=int, default=usable_cores(), help="CPU threads (all)")
    options.add_argument("--device", default="cpu", help="cpu or cuda")
    options.add_argument("--dtype", default="float32", help="of weights and arithmetic")
    options.add_argument("--kernels", default="auto", help="ours: auto, native or torch")
    options.add_argument(
        "--here",
        action="store_true",
        help="run peers in this interpreter's environment instead of their own",
    )
    options.add_argument("--json", type=Path, metavar="OUT", help="also write the rows to OUT")
    return options


def load_options(options: argparse.Namespace) -> dict[str, Any]:
    """What every worker's ``setup`` is given."""
    return {
        "model": str(model_directory(options.model)),
        "threads": options.threads if options.device == "cpu" else 0,
        "device": options.device,
        "dtype": options.dtype,
    }


def model_directory(source: str) -> Path:
    """The Hugging Face directory of ``source``: made up if it is one of ``random_models``, fetched
    first if it is a preset."""
    import random_models
    from cogitate.models.fetch import resolve_model

    if source in random_models.SHAPES:
        return random_models.ensure(source)

    return resolve_model(source, progress=report_to_stderr)


def our_options(options: argparse.Namespace) -> dict[str, Any]:
    """What our worker's ``setup`` is given on top: sizes that only change speed and memory."""
    if options.device == "cpu":
        return {"kernels": options.kernels, "slots": 256, "micro_batch_tokens": 1024}
    return {"kernels": options.kernels, "slots": 1024, "micro_batch_tokens": 32_768}


def attempt(name: str, comparison: Callable[[], list[Row]]) -> list[Row]:
    """The rows of one comparison; none, and the reason on stderr, if a system cannot take part."""
    try:
        return comparison()
    except CogitateError as error:
        report_to_stderr(f"{name} is left out: {error}")
        return []


def expired(deadline: float) -> bool:
    """Whether it is too late to start another comparison."""
    if time.monotonic() <= deadline:
        return False
    report_to_stderr("time is over: the rest is left out")
    return True


def start(name: str, options: argparse.Namespace) -> Worker:
    """The worker of ``name``: "cogitate", "transformers", "trl" or "vllm"."""
    script, environment = {
        "cogitate": ("cogitate_worker.py", None),
        "transformers": ("hf_worker.py", "trl"),
        "transformers-continuous": ("hf_worker.py", "trl"),
        "trl": ("trl_worker.py", "trl"),
        "vllm": ("vllm_worker.py", "vllm"),
    }[name]
    own = environment is None or options.here
    python = Path(sys.executable) if own else venvs.ensure(str(environment))
    variables = _variables(options)
    if name == "cogitate":
        variables["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(SOURCE), os.environ.get("PYTHONPATH", "")])
        )
    if name == "vllm" and options.device == "cpu":
        variables |= _vllm_variables(python, options.threads)
    return Worker(name, [str(python), str(WORKERS / script)], environment=variables)


def _variables(options: argparse.Namespace) -> dict[str, str]:
    quiet = {
        "TOKENIZERS_PARALLELISM": "false",
        "HF_HUB_OFFLINE": "1",
        "TRL_EXPERIMENTAL_SILENCE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if options.device != "cpu":
        return quiet
    return quiet | {"OMP_NUM_THREADS": str(options.threads), "CUDA_VISIBLE_DEVICES": ""}


def _vllm_variables(python: Path, threads: int) -> dict[str, str]:
    # Without an OpenMP library preloaded, thread binding leaves vLLM on one core (vllm#27369).
    libraries = python.parent.parent / "lib"
    preload = [*libraries.glob("libiomp5.so"), *libraries.glob("**/torch/lib/libgomp*.so*")][:1]
    preload += list(libraries.glob("**/vllm/libs/libtcmalloc*.so*"))[:1]
    return {
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{threads - 1}",
        "VLLM_CPU_KVCACHE_SPACE": "4",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "LD_PRELOAD": ":".join(str(path) for path in preload),
    }


def dtype_suffix(dtype: str) -> str:
    """The precision in a row's name, unless it is the usual one."""
    return "" if dtype == "float32" else f", {dtype}"


def describe_machine(device: str) -> str:
    """The line that goes into every row."""
    if device == "cpu":
        return describe_cpu()
    import torch

    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {describe_cpu()}"


def ours_version(setup: dict[str, Any]) -> str:
    """As the table names it."""
    return f"cogitate {setup['version']} (torch {setup['torch']}, {setup['kernels']} kernels)"


def finish(rows: Sequence[Row], options: argparse.Namespace) -> None:
    """Print the rows: as a table for people, as JSON for ``--json``."""
    print(markdown_table(rows))
    for row in rows:
        report_to_stderr(f"{row.work}, batch {row.batch}: {row.ratio:.2f}x {row.peer} ({row.unit})")
    if options.json is not None:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
