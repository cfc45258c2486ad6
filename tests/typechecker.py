"""The run-time type checker that the import hook of conftest.py puts around the package."""

from beartype import BeartypeConf, beartype

# PEP 484's numeric tower: an int is a float, as for every static type checker.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
