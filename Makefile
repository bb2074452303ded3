# Each verb is one script; scripts/ can be called without make as well.

help:
	@echo 'make demo     build everything and serve the demo on http://127.0.0.1:8000   [PORT=8001] [RESET=1]'
	@echo 'make test     run every test                                                 [ONLY="core e2e"]'
	@echo 'make setup    install the tools that are missing; the other verbs do it by themselves'
	@echo 'make build    build the npm package, the demo and the server'
	@echo 'make fmt      lay out the code'
	@echo 'make lint     check layout, lints, types, dependencies and workflows'
	@echo 'make size     say how many bytes a page loads'
	@echo 'make budget   say what the demo costs its visitor: bytes, time, movement'
	@echo 'make model    check more interleavings of the session machine, and that the check bites'
	@echo 'make mutants  change the session machine everywhere, and count the changes that its tests catch'
	@echo 'make bench    measure the server beside others; takes twenty minutes      [PART=verified] [QUICK=1]'
	@echo '              or the client in a browser; takes ten minutes               PART=browser'
	@echo 'make release  check and pack everything that would be published; publishes nothing'
	@echo 'make fuzz     feed the parsers of the server with strange input, for a minute each'
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
	@scripts/mutants

bench:
	@scripts/bench $(PART) $(if $(QUICK),--quick)

release:
	@scripts/release

fuzz:
	@scripts/fuzz

clean:
	@scripts/clean

.PHONY: help demo test setup build fmt lint size budget model mutants bench release fuzz clean
