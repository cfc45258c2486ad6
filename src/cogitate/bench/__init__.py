"""Speed, measured: a quick probe of this machine, and the harness behind ``bench/``."""
