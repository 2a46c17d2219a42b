"""The prefix index: finds any session among millions without reading one object a session.

Truth is `sessions/`; the index is derived from it and can be rebuilt. From the ground up: `entry` (what is said of a
session, small enough to ride in a key), `log` (what changed lately, one key each), `pages` (merged entries, immutable),
`manifest` (names the pages; replaced by compare-and-swap), `view` (log and pages read in the order that is safe),
`walk` (the view in order, each session once), `query` (filters, cursors), `publish` (writers tell the index), `compact`
(the log becomes pages, pages become larger ones), `verify` and `rebuild` (against the truth).

`docs/protocol.md` says in which order all this is read and written, and why.
"""
