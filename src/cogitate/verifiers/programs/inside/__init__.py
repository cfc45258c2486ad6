"""What runs inside the sandbox, as source text: see ``cogitate.verifiers.programs.assembly``."""
