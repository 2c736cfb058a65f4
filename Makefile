# The doors of the project; `make help` lists them. All state is under var/.
# SUITE=name runs a second suite beside the first, on ports and state of its own.

SUITE ?= main
PYTHON ?= python3
export SUITE

APP := var/venv/app/bin
RUN = PYTHONPATH="$(CURDIR):$(CURDIR)/protos/gen/python" $(APP)/python
OPS = $(RUN) -m ops.cli
# every door but `help` and `lock` needs the application's environment
INSTALL = $(PYTHON) -m ops.install
# a suite that was started in containers stays there: RUNTIME=native|compose is said once, to `make up`
RUNTIME ?= $(or $(shell cat var/suites/$(SUITE)/runtime 2>/dev/null),native)
ifeq (compose,$(RUNTIME))
OPS = $(PYTHON) -m ops.compose.door
IN_CONTAINERS := 1
# what changes the checkout needs its environment all the same
ifeq (,$(filter install check test-% conformance sizes format generate publish-protos record-% grpcurl,$(MAKECMDGOALS)))
INSTALL = :
endif
endif
UV := var/venv/bootstrap/bin/uv

.DEFAULT_GOAL := help
.PHONY: help install up down reset status logs start stop restart rebuild doctor demo token partner-client audit bench \
  events dlq lag mail webhook-sink approve load compare doors mesh scale roll lab-latency lab-availability lab-mesh grpcurl lock \
  test test-long test-unit test-engine check conformance sizes format generate publish-protos record-histories
MAKEFLAGS += --no-print-directory

##@ Run the suite

install: ## Fetch what is missing: environments, server programs
	@$(INSTALL)

up: install ## Start everything and wait until it is healthy: MESH=on|off OTLP=host:port PAYLOAD_KEYS=… VERSIONED=1|0
	@$(OPS) up

down: ## Stop everything; harmless when nothing runs
	@[ ! -x $(APP)/python -a -z "$(IN_CONTAINERS)" ] || $(OPS) down

reset: ## Stop everything and remove this suite's data
	@[ ! -x $(APP)/python -a -z "$(IN_CONTAINERS)" ] || $(OPS) reset

##@ Look at it

status: install ## Every part: state, memory, port, health
	@$(OPS) status

logs: install ## Last lines of a log: S=part (all without it), F=1 to follow
	@$(OPS) logs $(S) $(if $(F),--follow)

events: install ## Follow the events, decoded: ORDER=id TYPE=OrderPlaced,… SINCE=beginning|now F=0 JSON=1
	@$(OPS) events

dlq: install ## Records that consumers set aside: ALL=1, or one by SHOW=id REDRIVE=id DROP=id
	@$(OPS) dlq

lag: install ## What waits in outboxes, what consumers did, how far they are behind
	@$(OPS) lag

approve: install ## Approve an order of the long flow: ORDER=id (REJECT=1: reject it)
	@$(OPS) approve $(if $(REJECT),--reject)

mail: install ## The last mails that customers got: N=10, or those about one order whole: ORDER=id
	@$(OPS) mail

webhook-sink: install ## Take webhooks on loopback and print them: PORT=9999 SECRET=whsec_… ANSWER=500 SLOW=seconds
	@exec env $(OPS) webhook_sink

doctor: install ## Say what is wrong, and the way out
	@$(OPS) doctor

##@ Change one part

start: install ## Start one part: S=part
	@$(OPS) start "$(S)"

stop: install ## Stop one part: S=part
	@$(OPS) stop "$(S)"

restart: install ## Restart one part and wait until it is healthy: S=part
	@$(OPS) restart "$(S)"

rebuild: install ## Let a service build its read model anew from all events: S=analytics
	@$(OPS) rebuild "$(S)"

##@ The mesh

# `make mesh fault TO=payments DELAY=200ms`: the second word is the command, and no goal of its own
ifeq (mesh,$(firstword $(MAKECMDGOALS)))
MESH_COMMAND := $(or $(word 2,$(MAKECMDGOALS)),proxies)
ifneq (,$(word 2,$(MAKECMDGOALS)))
.PHONY: $(MESH_COMMAND)
$(MESH_COMMAND): ; @:
endif
endif

mesh: install ## Look at it: proxies certs routes metrics; change it: allow split route mirror fault access rotate
	@$(OPS) mesh $(MESH_COMMAND)

scale: install ## More or fewer instances of a service: S=inventory N=3 VERSION=v2
	@$(OPS) scale

roll: install ## Restart instance by instance, no call lost where there are two: S=orders (all without it)
	@$(OPS) roll

lab-latency: install ## What slow services cost, injected by the mesh: N=20 JSON=1
	@$(OPS) lab_latency

lab-availability: install ## What failing services cost, with and without second tries: N=300 JSON=1
	@$(OPS) lab_availability

lab-mesh: install ## What the sidecars cost, beside the same suite without them: N=200 JSON=1
	@$(OPS) lab_mesh

##@ Use it

demo: install ## Place an order and show its way: MODE=sync|choreography|orchestration CARD=… QTY=… WAIT=… FLOW=… JSON=1
	@$(OPS) demo

token: USER = ada
token: install ## Print a token to call with: USER=ada, bob or olga CLIENT=api, web or mobile
	@USER="$(USER)" $(OPS) token

partner-client: USER = ada
partner-client: install ## Register a partner's program, and print its credentials: USER=ada or bob SCOPES=orders:read,…
	@USER="$(USER)" $(OPS) partner_client

audit: install ## Prove from all records, topics and workflows that money and stock add up
	@$(OPS) audit

bench: install ## What one order costs in CPU and time: MODE=sync|choreography|orchestration N=300 C=8 PAUSE=0
	@$(OPS) bench

load: install ## Orders at a fixed rate, whatever the answers: MODE=… RATE=20 SECONDS=30 CARDS=approved,…
	@$(OPS) load

compare: install ## The three coordinations side by side: times, CPU, events, and payments away: N=60
	@$(OPS) compare

doors: install ## The same order by gRPC, REST and GraphQL side by side: times and CPU: N=100
	@$(OPS) doors

grpcurl: install ## Build grpcurl, to call the suite from a shell: var/bin/grpcurl
	@$(PYTHON) -m ops.grpcurl

##@ Change it

test: install ## Everything: checks, unit tests, then a suite of its own and all that needs one (in containers: T=tests/…)
	@$(if $(IN_CONTAINERS),$(OPS) test $(T),$(RUN) -m ops.run_tests)

test-long: install ## Longer runs: random kills under load, rare failures
	@$(RUN) -m ops.run_tests long

test-engine: install ## The suite in containers, from its start to its removal; says so where no engine answers
	@$(RUN) -m pytest -m engine tests/engine

test-unit: install ## The tests that need no server, in seconds: K=words of a name
	@$(RUN) -m pytest -n auto -m "not postgres and not kafka and not suite and not processes and not long and not engine" $(if $(K),-k "$(K)")

check: install ## The static checks: style, types, layers, protos, migrations, sizes
	@$(RUN) -m ops.run_checks

conformance: install ## Hold one service, in any language, against its contract: S=inventory ADDR=host:port
	@[ -d "tests/conformance/$(S)" ] && [ -n "$(S)" ] || \
	  { echo "S=$(S): one of $$(ls tests/conformance | grep -v '[._]' | tr '\n' ' ')"; exit 2; }
	@$(RUN) -m pytest tests/conformance/$(S) $(if $(ADDR),--service-address $(ADDR))

sizes: install ## The largest files and functions, and what is beyond its limit
	@$(RUN) -m ops.sizes

format: install ## Format the code, and mend what ruff can mend
	@$(APP)/ruff check --fix -q . ; $(APP)/ruff format -q .

generate: install ## Generate the code of the protos anew, and compose.yaml from the topology
	@$(RUN) protos/generate.py
	@$(RUN) -m bff.web.sdl
	@$(RUN) -m bff.mobile.openapi
	@$(RUN) -m bff.partner.documents
	@$(RUN) -m ops.compose.document

publish-protos: install ## Make today's protos the contract that later ones may not break; on purpose only
	@$(APP)/buf build protos --path protos/ordermesh --exclude-source-info -o protos/published.binpb

record-histories: install ## Keep a history of each new way that a workflow can go (ALL=1: of all anew)
	@$(RUN) -m workflows.tests.record $(if $(ALL),--all)

##@ Maintain it

lock: install ## Resolve the lock files and the list of Kafka's jars anew
	@$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --group bootstrap -o requirements-bootstrap.lock
	@$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --group servers -o requirements-servers.lock
	@$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --group go -o requirements-go.lock
	@$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header pyproject.toml --group dev -c requirements-servers.lock -o requirements.lock
	@$(UV) pip compile -q --universal --generate-hashes --python-version 3.11 --no-header --no-annotate pyproject.toml \
	  --group image -c requirements.lock -c requirements-servers.lock -o requirements-image.lock
	@$(PYTHON) -m ops.kafka_jars

help: ## List the doors
	@awk 'BEGIN {FS = ":.*## "} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
