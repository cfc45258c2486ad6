"""What runs inside the sandbox, as source text: see ``cogitate.verifiers.code.assembly``."""
