"""Running programs that nobody trusts: bounded, without network, leaving nothing behind."""
