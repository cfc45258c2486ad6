"""Verifiers: is this answer right? Pure rules, worker processes and sandboxed programs."""
