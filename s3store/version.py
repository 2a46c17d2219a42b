"""The version of this package."""

__version__ = "0.1.0"
WRITER = f"s3store/{__version__}"
"""What a head says of who wrote it."""
