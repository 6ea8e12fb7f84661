# Each target does all of its own set-up; 'make help' lists them.

PATH := $(PATH):/usr/sbin:/sbin
export PATH

VENV := .venv
BIN := $(VENV)/bin
# Most tests wait for tor: four files at a time, each with a private network, keep two cores busy.
SIDE_BY_SIDE := --numprocesses=4 --dist=loadfile --no-loadscope-reorder
NEEDS := contrib/setup/system-packages
CONFIG ?=
SCRIPTS := contrib/setup/system-packages contrib/setup/python contrib/setup/virtualenv contrib/setup/fresh-root \
	contrib/setup/from-lock contrib/setup/update contrib/setup/reproducible \
	contrib/debian/build contrib/bots/answer.sh contrib/formal/check .ci/run
PAGES = $(wildcard man/*.[1-8])

.PHONY: help run demo fresh test options-of-test test-setup lint generated pictures wheel site pages bench soak deb \
	update sbom install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

run: install ## start a daemon with relay and peer roles, its own tor, and a first invite
	@$(BIN)/whisperd $(if $(CONFIG),--config $(CONFIG)) run --invite

demo: install ## rehearse everything on a private Tor network: no internet needed
	@$(BIN)/whisperd demo

fresh: ## try 'make demo' and 'make run' in an empty Debian 12 and 13 (as root)
	@contrib/setup/fresh-root

test: test-setup ## run all tests, those on the private Tor network included
	@$(BIN)/pytest $(SIDE_BY_SIDE)

options-of-test:
	@echo $(SIDE_BY_SIDE)

test-setup: $(VENV)/.stamp-test ## bring in what the tests need, and stop there
	@$(NEEDS) tor mandoc groff man shellcheck systemd-analyze strace unshare zsh fish tmux jq nginx haproxy caddy promtool \
		obfs4proxy snowflake-client faketime dpkg-buildpackage dh dh_apparmor system-pip lintian apparmor_parser dbus-daemon \
		gnome-keyring-daemon

lint: $(VENV)/.stamp-test ## check style, types, shell scripts and man pages
	@$(NEEDS) mandoc groff shellcheck
	@echo "==> ruff" && $(BIN)/ruff check --quiet .
	@echo "==> mypy" && $(BIN)/mypy --no-error-summary
	@echo "==> shellcheck" && shellcheck $(SCRIPTS)
	@echo "==> mandoc" && mandoc -Tlint -Wwarning $(PAGES)
	@echo "==> groff" && for page in $(PAGES); do \
		said=$$(groff -mandoc -t -Tutf8 -ww -rLL=80n $$page 2>&1 >/dev/null); \
		[ -z "$$said" ] || { echo "$$page: $$said" >&2; exit 1; }; done

generated: $(VENV)/.stamp ## write what is made from the code: page tables, completions, the rooms, CONTRIBUTING.md
	@$(BIN)/python -m contrib.generated

pictures: install ## hold a conversation between two daemons and draw it for the README
	@$(NEEDS) tmux
	@$(BIN)/python -m contrib.pictures

wheel: $(VENV)/.stamp ## build a wheel into dist, with man pages and completions
	@rm -rf build/lib build/bdist.*
	@contrib/setup/reproducible $(BIN)/python -m pip wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir dist .
	@ls dist/whisperd-*.whl

site: $(VENV)/.stamp ## make a static site of README, guide and pages in build/site
	@$(NEEDS) mandoc
	@$(BIN)/python -m contrib.site

pages: $(VENV)/.stamp ## write the tables of the code into the man pages only
	@$(BIN)/python -m contrib.pages

bench: $(VENV)/.stamp-test ## measure, print a table and write build/bench.json
	@$(NEEDS) tor
	@$(BIN)/python -m contrib.bench

soak: test-setup ## run the long tests
	@$(NEEDS) node npm
	@$(BIN)/pytest -m soak

deb: ## build a Debian package into build/deb
	@$(NEEDS) dpkg-buildpackage dh dh_apparmor system-pip
	@contrib/setup/reproducible contrib/debian/build

update: ## lock the newest dependencies that setup.py allows, and show what has changed
	@mkdir -p build
	@contrib/setup/update

sbom: ## write build/whisperd.cdx.json, a CycloneDX file of all that make install brings
	@mkdir -p build
	@contrib/setup/update sbom build/whisperd.cdx.json

install: $(VENV)/.stamp ## install into .venv, and tor on the machine
	@$(NEEDS) tor
	@for page in $(PAGES); do \
		mkdir -p $(VENV)/share/man/man$${page##*.} && ln -sf "$(CURDIR)/$$page" $(VENV)/share/man/man$${page##*.}/; done

clean: ## remove what was built, .venv included
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.stamp: setup.py pyproject.toml contrib/setup/virtualenv contrib/lock/install.txt
	@contrib/setup/virtualenv
	@touch $@

$(VENV)/.stamp-test: setup.py pyproject.toml contrib/setup/virtualenv contrib/lock/test.txt
	@contrib/setup/virtualenv test
	@touch $@ $(VENV)/.stamp
