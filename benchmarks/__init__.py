"""What s3store costs, measured; see README.md in this folder."""
