"""What is kept beside a transcript: traces, run records, verification reports, and artifacts.

Each is a stream of its own, with a head of its own (`s3store.streams`); the bodies of large artifacts are objects
that a record of the stream names. A sibling may be there without a transcript: it makes no session.
"""
