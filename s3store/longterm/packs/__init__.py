"""Packs: idle sessions, many in one Parquet file.

A session moves in two swaps of its head. First the head names the pack and keeps all it has; whoever resumes the
session takes that away with his commit. Later the clean-up, which has seen the pack's record *live* after it read the
head, and the same bytes in both places, swaps the head to a thin one, whose segments stand in the pack; and what was
hot goes.

From the ground up: `record` (how a pack stands), `file` (writing one, and reading it back), `swaps` (of a head), `drop`
(the end of a pack), `move` (to its storage class), `settle` (the second swap, and what crashed packers left), `service`
(all of it); `unpack` many; `restore` brings packs back from archive classes, at `prices`.
"""
