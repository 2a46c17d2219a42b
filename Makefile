# The two commands of the README do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
VENV_ASYNC := .venv-async
VENV_SERVERS := .venv-servers
VENV_CHECKOV := .venv-checkov
PIP := pip install --quiet --disable-pip-version-check
# One process of tests for each core: make test WORKERS=0 runs them all in one.
WORKERS ?= auto

.PHONY: demo test test-blocking test-async test-long test-integrations test-servers test-terraform lambda-zip \
	soak soak-servers coverage mutations fuzz lint types format build check clean

demo: $(VENV)/.installed
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" examples/demo.sh

test: test-blocking test-async

test-blocking test-async test-long test-servers soak-servers: export S3STORE_TEST_MINISTACK = $(CURDIR)/$(VENV_SERVERS)/bin/ministack

# The newest boto3, alone: everything but what needs aioboto3.
test-blocking: $(VENV)/.installed-for-tests $(VENV_SERVERS)/.installed
	$(VENV)/bin/python -m pytest -n $(WORKERS) -m "not aioboto3 and not long" $(ARGS)

# What takes too long for every run, in both environments.
test-long: $(VENV)/.installed-for-tests $(VENV_ASYNC)/.installed-for-tests $(VENV_SERVERS)/.installed
	$(VENV)/bin/python -m pytest -n $(WORKERS) -m "long and not aioboto3" $(ARGS)
	$(VENV_ASYNC)/bin/python -m pytest -n $(WORKERS) -m "long and aioboto3" $(ARGS)

# aioboto3 with the old boto3 that it pins: what needs it.
test-async: $(VENV_ASYNC)/.installed-for-tests $(VENV_SERVERS)/.installed
	$(VENV_ASYNC)/bin/python -m pytest -n $(WORKERS) -m "aioboto3 and not long" $(ARGS)

# The frameworks' own conformance suites and ours, each in an environment of its own: make test-integrations ONLY=strands
ONLY ?= claude-agent-sdk openai-agents langgraph pydantic-ai strands google-adk agent-framework duckdb dask
test-integrations:
	PYTHON=$(PYTHON) tests/integrations/run $(ONLY)

# The tests of real servers on each that can be had here, or on some: make test-servers SERVERS="ceph-20 localstack"
# An S3 of your own: see tests/servers/endpoint.py. Ceph needs root, and a gigabyte in SERVERS_FOLDER for each version.
SERVERS ?=
SERVERS_FOLDER ?= build/servers
test-servers: $(VENV)/.installed-for-tests $(VENV_ASYNC)/.installed-for-tests $(VENV_SERVERS)/.installed
	$(VENV)/bin/python -m tests.servers --installed $(SERVERS_FOLDER) \
		--python $(VENV)/bin/python --python $(VENV_ASYNC)/bin/python $(SERVERS)

# Processes that race for sessions on a real server and are killed: make soak-servers SERVER=ceph-20 SECONDS=600
SERVER ?= ministack
soak-servers: $(VENV)/.installed-for-tests $(VENV_SERVERS)/.installed
	$(VENV)/bin/python -m tests.servers.soak --installed $(SERVERS_FOLDER) --seconds $(SECONDS) $(SERVER)

# The Terraform module: by terraform and its provider where they are found (TF_PLUGINS), and by checkov.
test-terraform: $(VENV)/.installed-for-tests $(VENV_SERVERS)/.installed $(VENV_CHECKOV)/.installed
	S3STORE_TEST_MINISTACK=$(CURDIR)/$(VENV_SERVERS)/bin/ministack $(VENV)/bin/python -m pytest tests/terraform $(ARGS)
	cd terraform && ../$(VENV_CHECKOV)/bin/checkov --directory . --config-file .checkov.yaml

# The zips of the functions: build/s3store-maintenance.zip, and one with the agent of examples/.
lambda-zip: $(VENV)/.installed
	$(VENV)/bin/python terraform/build_zip.py build/s3store-maintenance.zip
	$(VENV)/bin/python terraform/build_zip.py build/s3store-agent.zip examples/serverless_agent.py

# Simulated histories for as long as you say: make soak SECONDS=3600
SECONDS ?= 600
soak: $(VENV)/.installed-for-tests
	$(VENV)/bin/python -m s3store.testing.soak --seconds $(SECONDS)

# Which branches of the protocol the tests of the streams and the index take, those by way of the faces among them.
COVERING ?= tests/streams tests/index tests/simulation tests/longterm tests/fuzz tests/security tests/golden tests/siblings \
	tests/test_store.py tests/test_listing.py tests/test_cache_use.py
coverage: $(VENV)/.installed-for-tests
	$(VENV)/bin/python -m coverage erase
	$(VENV)/bin/python -m coverage run -m pytest -q -n $(WORKERS) -m "not long and not s3 and not aioboto3" $(COVERING)
	$(VENV)/bin/python -m coverage combine --quiet
	$(VENV)/bin/python -m coverage report

# Every rule of the protocol broken, and in which history the simulator finds it.
mutations: $(VENV)/.installed-for-tests
	$(VENV)/bin/python -m s3store.testing.mutations

# Bytes against every decoder for as long as you say: make fuzz SECONDS=3600
fuzz: $(VENV)/.installed-for-tests
	$(VENV)/bin/python -m tests.fuzz.fuzz --seconds $(SECONDS)

lint: $(VENV)/.installed-for-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.installed-for-lint
	$(VENV)/bin/mypy

format: $(VENV)/.installed-for-lint
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# The wheel, installed and used in a fresh environment.
build: $(VENV)/.installed-for-lint
	rm -rf dist build/fresh
	$(VENV)/bin/python -m build --wheel
	$(PYTHON) -m venv build/fresh
	build/fresh/bin/$(PIP) dist/*.whl
	cd build/fresh && bin/python -c "import s3store; s3store.SessionStore('memory://').append('it', 'works'); print('s3store', s3store.__version__)"
	cd build/fresh && bin/python -c "from s3store.cache import Cache; c = Cache('cache'); c.put('it', 'tag', b'works'); assert c.get('it'), c.info()"
	build/fresh/bin/s3store --version

check: test lint types build

clean:
	rm -rf $(VENV) $(VENV_ASYNC) $(VENV_SERVERS) $(VENV_CHECKOV) .venv-integrations build dist .demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/$(PIP) --editable .
	touch $@

$(VENV)/.installed-for-tests: $(VENV)/.installed
	$(VENV)/bin/$(PIP) --editable '.[test]'
	touch $@

$(VENV)/.installed-for-lint: $(VENV)/.installed-for-tests
	$(VENV)/bin/$(PIP) --editable '.[test,lint]'
	touch $@

$(VENV_ASYNC)/.installed-for-tests: pyproject.toml
	$(PYTHON) -m venv $(VENV_ASYNC)
	$(VENV_ASYNC)/bin/$(PIP) --editable '.[async,test]'
	touch $@

$(VENV_SERVERS)/.installed: tests/servers/requirements.txt
	$(PYTHON) -m venv $(VENV_SERVERS)
	$(VENV_SERVERS)/bin/$(PIP) --requirement $<
	touch $@

$(VENV_CHECKOV)/.installed:
	$(PYTHON) -m venv $(VENV_CHECKOV)
	$(VENV_CHECKOV)/bin/$(PIP) 'checkov>=3.2,<4'
	touch $@
