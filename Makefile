# Each verb is one script in scripts/, which also works without make.

help:
	@echo 'make demo     build everything and serve the demo on http://127.0.0.1:8000   [PORT=8001] [RESET=1]'
	@echo 'make test     run all tests                                                  [ONLY="core e2e"]'
	@echo 'make setup    install missing tools; the other verbs do this themselves'
	@echo 'make build    build the npm package, the demo and the server'
	@echo 'make fmt      format the code'
	@echo 'make lint     check format, lints, documentation, types, dependencies and workflows'
	@echo 'make size     print how many bytes a page loads'
	@echo 'make budget   measure the pages of the demo: bytes, time, layout shift'
	@echo 'make model    check more interleavings of the session machine, and that the check finds deliberate faults'
	@echo 'make mutants  change the session machine or the token verification, and count the changes that tests notice'
	@echo '                                                                             [PART=server]'
	@echo 'make bench    measure the server compared with others; takes twenty minutes  [PART=verified] [QUICK=1]'
	@echo '              or the client in a browser; takes ten minutes                  PART=browser'
	@echo 'make release  check and pack everything that is published; publishes nothing'
	@echo 'make fuzz     fuzz the parsers of the server, each for a minute'
	@echo 'make clean    remove what was built'

demo:
	@scripts/demo

test:
	@scripts/test

setup:
	@scripts/setup

build:
	@scripts/build

fmt:
	@scripts/format

lint:
	@scripts/test format clippy docs types dependencies workflows

size:
	@scripts/size

budget:
	@scripts/budget

model:
	@scripts/model

mutants:
	@scripts/mutants $(PART)

bench:
	@scripts/bench $(PART) $(if $(QUICK),--quick)

release:
	@scripts/release

fuzz:
	@scripts/fuzz

clean:
	@scripts/clean

.PHONY: help demo test setup build fmt lint size budget model mutants bench release fuzz clean
