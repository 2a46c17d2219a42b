"""The protocol with one of its rules broken: a simulator that finds nothing would prove nothing.

`MUTATIONS` names them all; each says which rule it breaks and in which history the simulator finds that. `python -m
s3store.testing.mutations` looks for each from seed 0 on and prints the table of `docs/proof.md`. Needs pytest, as
`s3store.testing` does.
"""

from . import inbox, index, packs, retention, siblings, streams
from .mutation import MUTATIONS, Mutation

__all__ = ["MUTATIONS", "Mutation", "inbox", "index", "packs", "retention", "siblings", "streams"]
