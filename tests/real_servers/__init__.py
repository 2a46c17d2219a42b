"""What a real S3 server has to do: on any that `tests.servers.endpoint` says how to name. `make test-servers` runs all."""
