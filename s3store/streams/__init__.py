"""Streams: append-able lists of JSON records, and the protocol that keeps them safe.

From the bytes up: `frames` (zstd), `records` (lines), `head` and `segments` (objects), `idempotency` (keys seen),
`draft` (what a change makes of a head), `commit` (the compare-and-swap protocol), `stream` (all of it together).
"""
