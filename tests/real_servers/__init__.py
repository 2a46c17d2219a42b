"""What a real S3 server has to do, on the one that the environment names; `make test-servers` runs it on each."""
