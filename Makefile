# mlpd: `make help` lists what can be made.
#
# Everything is built under $(BUILD).  A variant is the same sources with other
# flags in another folder: make BUILD=build/clang CC=clang, or
#   SANITIZE=address,undefined   instrumented
#   PLAIN_PRODUCT=1              plain loops in place of OpenBLAS
#   ONE_VARIANT=1                elementwise loops for the baseline CPU only
#   WERROR=1                     warnings are errors (CI)
#   COMMIT=ID                    what /v1/server shows as the commit that was built
# CFLAGS, CPPFLAGS and LDFLAGS are yours; V=1 shows the commands.

BUILD ?= build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
KILLS ?= 500
DELTA ?= exact
SECONDS ?= 60
ROUNDS ?= 5
BENCH_SECONDS ?= 0.5
VERSION := 0.1.0
ifeq ($(origin CC),default)
CC := gcc
endif
CFLAGS ?= -O3 -g

PACKAGES := libmicrohttpd jansson nettle gnutls libxxhash sqlite3 zlib $(if $(PLAIN_PRODUCT),,openblas)
pkg-config = $(foreach package,$(2),$(shell pkg-config $(1) $(package) 2>/dev/null))
LIBRARIES := $(call pkg-config,--libs,$(PACKAGES)) -lm
TEST_LIBRARIES := $(call pkg-config,--libs,check libcurl jansson sqlite3 zlib)

# -ffp-contract=off: no fused multiply-add, so that every compiler and CPU gives
# the same bits.  -fno-math-errno and -fno-trapping-math change no result; they
# let loops with sqrt and comparisons vectorise.
INSTRUMENT := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
DEFINES := -I. -D_GNU_SOURCE -DMLPD_VERSION='"$(VERSION)"' $(if $(PLAIN_PRODUCT),-DMLPD_PLAIN_PRODUCT) \
           $(if $(COMMIT),-DMLPD_COMMIT='"$(COMMIT)"') $(if $(SANITIZE),-DMLPD_SANITIZE='"$(SANITIZE)"') \
           $(if $(ONE_VARIANT),-DMLPD_ONE_VARIANT) $(call pkg-config,--cflags,$(PACKAGES) check libcurl zlib)
COMPILE := $(CC) $(DEFINES) $(CPPFLAGS) $(CFLAGS) -std=c17 -Wall -Wextra $(if $(WERROR),-Werror) -pthread \
           -ffp-contract=off -fno-math-errno -fno-trapping-math $(INSTRUMENT)
LINK := $(CC) $(LDFLAGS) -pthread $(INSTRUMENT)

LIBRARY_SOURCES := $(filter-out server/main.c,$(wildcard core/*/*.c api/*.c server/*.c))
SOURCES := $(wildcard core/*/*.[ch] api/*.[ch] server/*.[ch] tests/*/*.[ch] tests/bench/peers/*.[ch])
PARSERS := $(addprefix api/,json_intake.c json_numbers.c json_fields.c json_string.c csv_intake.c \
           csv_numbers.c csv_cell.c safetensors_intake.c safetensors_reader.c model_intake.c model_tensors.c \
           content_coding.c number.c number_list.c decimal.c intake.c intake_options.c dtype.c target.c prefer.c \
           accept.c media_type.c) server/gate.c
FAULT_PROGRAMS := stress crash
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz-%,$(wildcard tests/fuzz/fuzz_*.c))
objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)))
quiet := $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),@:,@echo)
Q := $(if $(V),,@)
submake = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

.PHONY: all demo check check-bits check-proxies check-container check-export mutants stress torture bench bench-quick bench-peers bench-parsers lint format sanitize tsan fuzz fuzzers coverage coverage-report install clean help FORCE
# Where packages may have to be installed first, a make of its own does the rest:
# the flags above are known only once the packages are there.
all: ## Build the daemon, build/mlpd
	@tests/dependencies.sh build
	+@$(submake) $(BUILD)/mlpd

demo: ## Train on Fashion-MNIST through a live daemon and show the result; DELTA=exact
	@tests/dependencies.sh demo
	+@$(submake) $(BUILD)/mlpd $(BUILD)/demo
	@$(BUILD)/demo $(BUILD)/mlpd $(DELTA)

check: ## Run every test, also under the sanitizers; ends with one line of totals
	+@BUILD=$(BUILD) tests/check.sh house plain openapi clients fault sanitize bits mutants
check-proxies: ## Run the integration tests through HAProxy and nginx, and attack them
	@tests/dependencies.sh proxies
	+@$(submake) $(BUILD)/mlpd $(BUILD)/integration
	@MLPD=$(BUILD)/mlpd INTEGRATION=$(BUILD)/integration tests/proxies/run.sh
check-container: ## Build the image and live with it, with docker, or buildah as root
	@tests/container/run.sh
check-export: ## Predict with exported models in PyTorch and onnxruntime, and compare
	@tests/dependencies.sh export
	+@$(submake) $(BUILD)/mlpd
	@MLPD=$(BUILD)/mlpd tests/export/run.sh $(BUILD)/export
sanitize: ## Run unit and integration tests under ASan and UBSan
	+@BUILD=$(BUILD) tests/check.sh sanitize
tsan: ## Run unit and integration tests under TSan
	+@BUILD=$(BUILD) tests/check.sh tsan
check-bits: ## Compare to the bit what gcc, clang and CPU variants compute
	+@tests/bits/compare.sh
mutants: ## Plant errors in the mathematics one by one; the tests must find each
	@tests/mutants/run.sh
stress: ## Let 64 connections do what they like to a daemon for SECONDS=60
	@tests/dependencies.sh build
	+@$(submake) $(BUILD)/mlpd $(BUILD)/stress
	@$(BUILD)/stress $(BUILD)/mlpd $(SECONDS) $(LATENESS) $(ROWS)
torture: ## Kill the daemon KILLS=500 times, cut its power, let its disk fail; SEED=N
	@tests/dependencies.sh check
	+@$(submake) $(BUILD)/mlpd $(BUILD)/crash $(BUILD)/unit
	@$(BUILD)/crash $(BUILD)/mlpd $(KILLS) $(SEED)
	@for suite in store_power store_failures store_large; do \
	    STORE_FAULTS=long CK_RUN_SUITE=$$suite $(BUILD)/unit || exit 1; done
bench: ## Print what mlpd reaches beside what the machine can do; ROUNDS=5
bench-quick: ROUNDS := 1
bench-quick: BENCH_SECONDS := 0.1
bench bench-quick:
	@tests/dependencies.sh check
	+@$(submake) $(BUILD)/mlpd $(BUILD)/bench
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE \
	    $(BUILD)/bench $(BUILD)/mlpd $(ROUNDS) $(BENCH_SECONDS) $(BUILD)/bench.json
bench-peers: ## Print mlpd beside services of PyTorch and of scikit-learn; ROUNDS=5
	@tests/dependencies.sh peers
	+@$(submake) $(BUILD)/mlpd $(BUILD)/bench-peers
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BUILD)/bench-peers $(BUILD)/mlpd tests/bench/peers \
	    $(ROUNDS) $(BENCH_SECONDS) $(BUILD)/bench-peers.json $(BUILD)/bench-peers.svg 'make $@ ROUNDS=$(ROUNDS)'
bench-parsers: ## Read the same JSON with mlpd, simdjson, jansson (and yyjson where it is)
	@tests/dependencies.sh parsers
	+@$(submake) $(BUILD)/bench-parsers
	@$(BUILD)/bench-parsers
fuzz: ## Fuzz each parser for FUZZ_SECONDS=60 with libFuzzer
	@tests/dependencies.sh check
	+@$(submake) BUILD=$(BUILD)/fuzz CC=clang SANITIZE=fuzzer-no-link,address,undefined fuzzers
fuzzers: $(FUZZERS)
	@test -n "$^" || { echo 'tests/fuzz holds no fuzzer' >&2; exit 1; }
	@for f in $^; do mkdir -p $$f.corpus; \
	    $$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$$f. $$f.corpus \
	    $$(ls -d tests/fuzz/corpus/$${f##*/fuzz-} 2>/dev/null) || exit 1; done
coverage: ## Measure what the corpora of the fuzzers reach of the parsers
	@tests/dependencies.sh coverage
	+@$(submake) BUILD=$(BUILD)/coverage CC=clang SANITIZE=fuzzer-no-link LDFLAGS=-fprofile-instr-generate \
	    CFLAGS='-O1 -g -Wno-pass-failed -fprofile-instr-generate -fcoverage-mapping' coverage-report
coverage-report: $(FUZZERS)
	@for f in $^; do LLVM_PROFILE_FILE=$$f.profraw $$f -runs=0 tests/fuzz/corpus/$${f##*/fuzz-} \
	    > $$f.log 2>&1 || { cat $$f.log; exit 1; }; done
	@llvm-profdata merge -o $(BUILD)/profile $(addsuffix .profraw,$^)
	@llvm-cov report $< $(addprefix -object=,$^) -instr-profile=$(BUILD)/profile \
	    -show-region-summary=false -show-branch-summary=false $(PARSERS)
lint: ## Check format, clang-tidy, cppcheck, shellcheck and the deployment files
	@tests/lint.sh
format: ## Format all sources in place
	$(Q)clang-format -i $(SOURCES)
install: all ## Install the daemon and its systemd units below PREFIX=/usr/local
	install -D $(BUILD)/mlpd $(DESTDIR)$(PREFIX)/bin/mlpd
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system docker/mlpd.service docker/mlpd.socket
clean: ## Remove everything built
	rm -rf $(BUILD)
help: ## List what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 17

# Other flags, other objects: $(BUILD)/flags changes when they do.
$(BUILD)/flags: export FLAGS := $(COMPILE) | $(LINK) $(LIBRARIES)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D); printenv FLAGS | cmp -s - $@ || printenv FLAGS > $@
$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(quiet) "CC $<"
	$(Q)$(COMPILE) -MMD -MP -c $< -o $@
# simdjson's headers choose by these flags what its library chooses when it runs.
$(BUILD)/tests/bench/peers/parsers.o: tests/bench/peers/parsers.cc $(BUILD)/flags
	@mkdir -p $(@D)
	$(quiet) "CXX $<"
	$(Q)$(CXX) -I. $(CPPFLAGS) -O3 $(if $(findstring x86_64,$(shell $(CXX) -dumpmachine)),-march=haswell) \
	    -std=c++17 -Wall -Wextra -MMD -MP -c $< -o $@
$(BUILD)/libmlpd.a: $(call objects,$(LIBRARY_SOURCES))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^
$(BUILD)/mlpd: $(call objects,server/main.c) $(BUILD)/libmlpd.a
STORE_FAULTS := $(wildcard tests/fault/store_*.c tests/fault/test_store_*.c)
$(BUILD)/unit: $(call objects,tests/unit/*.c tests/reference/*.c tests/data/*.c $(STORE_FAULTS)) $(BUILD)/libmlpd.a
$(BUILD)/bits: $(call objects,tests/bits/bits.c) $(BUILD)/libmlpd.a
$(BUILD)/integration: $(call objects,tests/integration/*.c tests/reference/reference.c)
$(BUILD)/demo: $(call objects,tests/demo/*.c tests/data/*.c)
$(BUILD)/stress $(BUILD)/crash: $(BUILD)/%: $(BUILD)/tests/fault/%.o $(patsubst %.c,$(BUILD)/%.o, \
    $(filter-out $(STORE_FAULTS) $(FAULT_PROGRAMS:%=tests/fault/%.c),$(wildcard tests/fault/*.c)))
$(BUILD)/bench: $(call objects,tests/bench/*.c) $(BUILD)/libmlpd.a
$(BUILD)/bench-peers: $(call objects,tests/bench/peers/*.c \
    $(patsubst %,tests/bench/%.c,bodies daemon load process shape)) $(BUILD)/libmlpd.a
$(BUILD)/bench-parsers: $(BUILD)/tests/bench/peers/parsers.o $(BUILD)/tests/bench/intake_load.o $(BUILD)/libmlpd.a
$(BUILD)/bench-parsers: LIBRARIES += -lsimdjson $(if $(wildcard /usr/include/yyjson.h),-lyyjson) -lstdc++
$(BUILD)/unit $(BUILD)/integration $(BUILD)/demo $(BUILD)/bench $(BUILD)/bench-peers: LIBRARIES += $(TEST_LIBRARIES)
$(BUILD)/unit: private LIBRARIES += -Wl,--wrap=_ck_assert_failed
$(FUZZERS): $(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/fuzz_%.o \
    $(call objects,tests/fuzz/intake_body.c tests/unit/intake_models.c) $(BUILD)/libmlpd.a
$(FUZZERS): LIBRARIES += -fsanitize=fuzzer
$(BUILD)/mlpd $(BUILD)/unit $(BUILD)/bits $(BUILD)/integration $(BUILD)/demo $(BUILD)/stress $(BUILD)/crash $(BUILD)/bench $(BUILD)/bench-peers $(BUILD)/bench-parsers $(FUZZERS):
	$(quiet) "LD $@"
	$(Q)$(LINK) $^ $(LIBRARIES) -o $@

-include $(patsubst %.c,$(BUILD)/%.d,$(filter %.c,$(SOURCES))) $(BUILD)/tests/bench/peers/parsers.d
