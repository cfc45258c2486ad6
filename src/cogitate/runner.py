"""A run from its configuration: open the directory, get the weights, build the parts, train."""

from pathlib import Path

from cogitate.config import RunConfig
from cogitate.models.fetch import resolve_model
from cogitate.registry import build_components
from cogitate.rundir import open_run_dir
from cogitate.train.listener import Listener, RunResult
from cogitate.train.loop import train


def run(
    config: RunConfig,
    *,
    run_dir: Path | None = None,
    resume: bool = False,
    listener: Listener | None = None,
    max_seconds: float | None = None,
) -> RunResult:
    """Do, or continue, one complete run.

    Args:
        run_dir: where its files go; ``config.output_dir/config.name`` when left out.
        resume: continue what is in that directory; an empty one is simply started.
        listener: told of every event; silent when left out.
        max_seconds: wall-clock budget of the run, earlier attempts included.

    Raises:
        CheckpointError: the directory is in use, holds another run, or there is no room.
    """
    with open_run_dir(run_dir or config.run_dir, resume=resume) as directory:
        directory.start_log()
        model_dir = resolve_model(config.model.source)
        components = build_components(config, model_dir=model_dir)
        try:
            return train(
                components,
                config,
                directory,
                resume=resume,
                listener=listener,
                max_seconds=max_seconds,
            )
        finally:
            components.close()
