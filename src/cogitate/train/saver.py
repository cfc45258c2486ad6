"""What a checkpoint of a training run holds, how large it gets, and how it comes back."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from cogitate.checkpoint import (
    Checkpoint,
    Refusal,
    Saveable,
    find_checkpoint,
    require_space,
    save_checkpoint,
)
from cogitate.config import RunConfig
from cogitate.errors import CheckpointError
from cogitate.filesystem import DISK, FileSystem
from cogitate.models.transformer import Transformer
from cogitate.protocols import Placement
from cogitate.rundir import RunDir
from cogitate.train.inputs import fingerprints
from cogitate.train.resume import CONTENTS, MAY_CHANGE, LoopState, require_same_config


class Saver:
    """Saves and restores the weights of a placement together with the state of the loop."""

    def __init__(
        self,
        placement: Placement,
        config: RunConfig,
        run_dir: RunDir,
        *,
        files: FileSystem = DISK,
    ) -> None:
        self.placement = placement
        self.config = config
        self.run_dir = run_dir
        self.files = files
        self.newest: Path | None = None
        self._settings = {**config.model_dump(mode="json"), CONTENTS: fingerprints(config)}

    def parts(self) -> dict[str, Saveable]:
        """What has weights of its own: the policy, and a reference that gets refreshed."""
        parts: dict[str, Any] = {"policy": self.placement.policy}
        if self.config.algorithm == "grpo" and self.config.grpo.reference_refresh_steps > 0:
            parts["reference"] = self.placement.reference
        return parts

    def has_saved(self, step: int) -> bool:
        """Whether the newest checkpoint is of this step."""
        return self.newest is not None and int(self.newest.name.removeprefix("step-")) == step

    def save(self, state: LoopState) -> Path:
        """Save the run as it is after ``state.step``.

        Raises:
            CheckpointError: no room, a failing disk, or weights that are not finite.
        """
        self.newest = save_checkpoint(
            self.run_dir.checkpoints,
            step=state.step,
            policy_version=self.placement.policy.version,
            state=state.to_json(),
            config=self._settings,
            parts=self.parts(),
            keep=self.config.checkpoint.keep,
            finite=self.weights_are_finite(),
            expected_bytes=self.expected_bytes(),
            files=self.files,
        )
        return self.newest

    def restore(self) -> tuple[Checkpoint | None, list[Refusal], dict[str, tuple[Any, Any]]]:
        """Load the weights of the newest checkpoint that verifies.

        Returns:
            the checkpoint (None: there is none), newer ones that were refused, and settings changed
            since.

        Raises:
            CheckpointError: it belongs to a run with other settings, or there are some and none
                verifies. Starting over would then delete results, so that is left to the user.
        """
        checkpoint, refusals = find_checkpoint(self.run_dir.checkpoints)
        if checkpoint is None and refusals:
            listing = "\n".join(f"  {refusal.reason}" for refusal in refusals)
            raise CheckpointError(
                f"no checkpoint of {self.run_dir.path} can be used:\n{listing}\n"
                "Repair or restore one of them, or start a new run under another name."
            )
        if checkpoint is None:
            return None, [], {}
        values = dict(checkpoint.config)
        contents = values.pop(CONTENTS, self._settings[CONTENTS])  # older versions noted none
        saved = replace(checkpoint, config={**self._with_defaults(values), CONTENTS: contents})
        changes = require_same_config(saved, self._settings, may_change=MAY_CHANGE)
        checkpoint.load(self.parts())
        self.placement.sync_weights()
        self.newest = checkpoint.path
        return checkpoint, refusals, changes

    def require_space(self) -> None:
        """Refuse to start when not even two checkpoints fit on the disk."""
        require_space(self.run_dir.path, 2 * self.expected_bytes(), files=self.files)

    def weights_are_finite(self) -> bool:
        """Whether no weight is NaN or infinite."""
        return all(bool(torch.isfinite(weights).all()) for weights in self._weights())

    def expected_bytes(self) -> int:
        """Size of a checkpoint: weights and the optimizer's two moments."""
        return 3 * sum(weights.numel() * weights.element_size() for weights in self._weights())

    @property
    def model(self) -> Transformer:
        """The model that learns. Policies in this process have one; the protocol says nothing."""
        policy: Any = self.placement.policy
        return policy.model

    def _weights(self) -> list[torch.Tensor]:
        return list(self.model.parameters())

    def _with_defaults(self, saved: Mapping[str, Any]) -> Mapping[str, Any]:
        """A configuration saved by an older version, with the settings that are new since."""
        try:
            return type(self.config).model_validate(dict(saved)).model_dump(mode="json")
        except ValueError:
            return saved
