"""Search: sessions by the words in their messages.

What can be searched stands in an SQLite file of this machine, made from the archive and never the other way round. From
the ground up: `file` (an SQLite file that may be made anew), `texts` (what a message says), `database` (the texts, by
session and record), `words` (what a caller types, as FTS5 takes it), `catchup` (the file is brought up to date from the
index: only what changed is read), `service` (all of it together), `results` (what callers get).
"""
