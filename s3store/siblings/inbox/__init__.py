"""The inbox of a session: messages that were sent to it, handed out in order to whoever runs it, each done once.

It is a stream beside the transcript. Its order is that of the commits, and who takes which message is settled by the
same compare-and-swap; see `s3store.streams.consumption`.
"""
