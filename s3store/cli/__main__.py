"""`python -m s3store.cli` is the same as `s3store`."""

from .app import main

main()
