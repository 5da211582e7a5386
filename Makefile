# crmlab: make demo · make test · make help

SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
# Byte-code halves the time that imports take.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
LANGUAGE ?= zh
JOBS ?= 2

BASE := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
# Every package is pinned with hashes and named in the file, so nothing is resolved at install time.
INSTALL := $(PIP) install --require-hashes --no-deps --no-build-isolation

.PHONY: help demo test torture lint format lock clean

help: ## show this help
	@echo 'crmlab — customer segmentation and feedback reports · 客户细分与反馈分析报告'
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo 'Options 选项: LANGUAGE=zh|en  JOBS=2  PYTHON=python3.12'

demo: $(BASE) ## run the demo study and say where its gallery page lies · 运行演示研究
	@$(BIN)/crmlab run params/demo.yaml --language $(LANGUAGE) --jobs $(JOBS)

test: $(DEV) ## run every check and test · 运行全部检查与测试
	@command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 || { \
	  echo 'make test opens the reports in a browser and found none.' >&2; \
	  echo 'Install Chromium and Chinese fonts, on Debian or Ubuntu: sudo apt-get install chromium fonts-noto-cjk' >&2; exit 1; }
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(PYTEST)

torture: $(DEV) ## the long form of what must not break · 长时间的破坏性测试
	@$(BIN)/python -m pytest -q -m torture tests/torture $(PYTEST)

lint: $(DEV) ## style and types · 代码风格与类型
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(DEV) ## format the code · 格式化代码
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## pin the dependencies anew (needs uv) · 重新锁定依赖
	@sh requirements/lock

clean: ## remove the environment and what tests leave; runs/ stays · 清理
	@rm -rf $(VENV) test-artifacts .pytest_cache .mypy_cache .ruff_cache

$(BASE): requirements/base.txt requirements/build.txt pyproject.toml
	@sh requirements/environment "$(PYTHON)" "$(VENV)"
	@echo 'Installing the pinned packages (once; about 700 MB) · 正在安装锁定的依赖（仅首次）…'
	@$(INSTALL) -r requirements/build.txt
	@$(INSTALL) -r requirements/base.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(BASE) requirements/dev.txt
	@echo 'Installing the pinned test tools · 正在安装测试工具…'
	@$(INSTALL) -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation tests/example_plugin
	@touch $@
