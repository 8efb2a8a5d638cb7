# `make run` serves on http://127.0.0.1:5000, `make test` runs the whole suite, `make soak` what takes long of it,
# `make bench` compares with a Node.js server, `make types` and `make examples` write what is made from the declarations
# and kept in the repository; all set up what they need in .venv.
PYTHON ?= python3
BIN := .venv/bin
SIDE_BY_SIDE := -n auto --dist worksteal

.PHONY: run test soak coverage lint bench vendor screenshots types examples

run: .venv/run
	$(BIN)/python wsgi.py

# Side by side, in as many processes as tests/conftest.py says; in one process with ARGS="-n 0", and for --pdb.
test: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

# Bad lines for two minutes on each database, processes that are killed and a Redis that goes, what users do drawn anew for so
# many MINUTES, against a model of it, and requests drawn anew against the OpenAPI document.
MINUTES ?= 10
soak: .venv/test
	SOAK=1 SOAK_MINUTES=$(MINUTES) $(BIN)/python -m pytest -n 0 tests/test_lost_lines.py tests/scale/test_killed_processes.py \
		tests/scale/test_redis_gone.py tests/test_model.py tests/test_fuzzed_requests.py $(ARGS)

# The suite in one process, then what of chat/ it did not reach, in the servers that it starts as well; also when a test failed.
coverage: .venv/test
	$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/mypy --no-error-summary

bench: .venv/test
	$(BIN)/python -m benchmarks $(ARGS)

# Pictures of every main screen of the web client, at 390 and 1280 points, dark and light, for somebody to look at; some are the
# README's. With Debian's Chromium, and fonts-noto-color-emoji for the emoji.
screenshots: .venv/test
	$(BIN)/python -m tests.screenshots .screenshots

# The one file of others that the web client uses, as npm has it, in the version that the suite talks with. To take a newer
# one: put it into tests/node/package.json, `npm install` there, and `make vendor`.
VENDOR := chat/web/pages/vendor
SOCKET_IO = socket.io-client@$(shell sed -n 's/.*"socket.io-client": "\(.*\)".*/\1/p' tests/node/package.json)
vendor:
	@folder=$$(mktemp -d) && trap 'rm -r "$$folder"' EXIT && \
	npm pack --silent --pack-destination "$$folder" $(SOCKET_IO) && tar -xzf "$$folder"/*.tgz -C "$$folder" && \
	cp "$$folder/package/dist/socket.io.esm.min.js" $(VENDOR)/ && \
	cp "$$folder/package/LICENSE" $(VENDOR)/socket.io-client.LICENSE.txt

# The types for TypeScript, from the declarations.
types: .venv/run
	$(BIN)/python -m chat.reference.typescript

# The examples of the references, from a real server.
examples: .venv/test
	$(BIN)/python -m tests.support.examples

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/run: $(BIN)/python requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/test: $(BIN)/python requirements.txt requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
