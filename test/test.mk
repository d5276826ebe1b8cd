# SPDX-License-Identifier: MIT
# test.mk: lint, oracle, guest tests, and all of them together.

# clang looks at the kernel, too; it has its own headers for atomics.
LINT	= --target=riscv64-unknown-elf -std=gnu11 -ffreestanding -nostdinc -mcmodel=medany -march=rv64imac -mabi=lp64 \
	  -fno-strict-aliasing $(WARN) -Wno-unknown-warning-option -Wno-gnu-variable-sized-type-not-at-end -I. -Iarch/$(ARCH) -isystem lib/shim -isystem $(GEN) \
	  -isystem $(call once,CLANG_INC,$(CLANG) -print-resource-dir)/include
LINT_C	:= $(filter %.c,$(KSRC))
LINT_O	:= $(LINT_C:%.c=$(BUILD)/lint/%.ok)
# How often these functions may be on one chain of frames.
RECURSE	:=

lint: lint-clang lint-gates lint-co lint-bugs lint-syscalls

lint-clang: $(LINT_O)
	@echo 'ok clang -Wconditional-uninitialized'

$(BUILD)/lint/%.ok: %.c $(GEN)/done
	$Q mkdir -p $(@D)
	$Q $(CLANG) $(LINT) -O2 -Wconditional-uninitialized -MMD -MP -MF $@.d -MT $@ -fsyntax-only $<
	$Q touch $@

lint-gates: $(GEN)/done
	$Q tools/gates.py $(ARCH) -- $(CC) $(KFLAGS)

lint-syscalls: $(GEN)/done
	$Q python3 tools/syscalls.py --check -- $(CC) $(KFLAGS)

# The document from the rows in sys/.
syscalls: $(GEN)/done
	$Q python3 tools/syscalls.py -- $(CC) $(KFLAGS)

lint-co: $(GEN)/done
	$Q tools/colint.py --cache $(BUILD)/lint/co --chains $(RECURSE:%=--recurse %) $(LINT_C) -- $(LINT) && echo 'ok colint'

lint-bugs: $(GEN)/done
	$Q GCC='$(CC) $(KFLAGS)' CLANG='$(CLANG) $(LINT)' test/lint/run

-include $(LINT_O:=.d)

# C programs that are cases of the oracle: static, with the cross compiler's libc.
ORACLE_BIN := $(patsubst test/oracle/programs/%.c,$(BUILD)/oracle/programs/%,$(wildcard test/oracle/programs/*.c))

$(BUILD)/oracle/programs/%: test/oracle/programs/%.c test/oracle/programs/check.h | $(DEPS)/setup.mk
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q $(UCC) -w -D_GNU_SOURCE -fasynchronous-unwind-tables -s $< -o $@ -lpthread

oracle: all $(ORACLE_BIN)
	$Q BUILD=$(BUILD) DEPS=$(DEPS) OUT=$(OUT) test/oracle/oracle.py $(CASES)

# Debian's own programs, compared with Linux: by hand, it takes a quarter of an hour; CASES="git- python-os".
test-debian: all
	$Q test/debian/root $(BUILD)/debian-root
	$Q BUILD=$(BUILD) DEPS=$(DEPS) OUT=$(OUT) test/debian/debian.py $(CASES)

# Many tasks at once, for Weir and for Linux.
STRESS	:= $(BUILD)/stress/stress

$(STRESS): $(wildcard test/stress/*) | $(DEPS)/setup.mk
	$(call say,CC,$@)
	$Q mkdir -p $(@D)
	$Q $(UCC) -D_GNU_SOURCE $(filter %.c,$(wildcard test/stress/*)) -o $@ -lpthread

# The job files of test/guest and the demonstration, under both kernels; HARTS="1 4" on so many.
test-guest: all $(STRESS)
	$Q $(MAKE) MODE=debug kernel
	$Q $(MAKE) MODE=release kernel
	$Q BUILD=$(BUILD) ARCH=$(ARCH) SEED=$(SEED) HARTS="$(HARTS)" test/guest/guest.py $(JOBS)

# Programs, and an allocation that fails in the kernel: HOW="-n 0 -k archive" for each one of those programs.
test-nomem: all $(STRESS) $(ORACLE_BIN)
	$Q $(MAKE) MODE=debug kernel
	$Q BUILD=$(BUILD) ARCH=$(ARCH) test/guest/nomem.py $(HOW)

# The same kernel elsewhere in memory, in little of it, and so on.
$(OUT)/relink: $(WEIR_ELF)
	$Q printf '#!/bin/sh\nexec %s -Wl,--defsym=load_address=$$1 %s -o $$2\n' '$(LINK)' '$(KOBJ)' >$@
	$Q chmod +x $@

test-boot: all $(OUT)/relink
	$Q $(MAKE) MODE=debug kernel
	$Q OUT=$(OUT) CHECKED=$(BUILD)/$(ARCH)-debug ROOT=$(BUILD)/demo-root RELINK=$(OUT)/relink test/boot/run

# Disks; programs of this test are static, with the cross compiler's libc.
DISK_BIN := $(patsubst test/disk/%.c,$(BUILD)/disk/bin/%,$(wildcard test/disk/*.c))

$(BUILD)/disk/bin/%: test/disk/%.c | $(DEPS)/setup.mk
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q $(CROSS)gcc -O2 -Wall -Werror -static -s $< -o $@

test-disk: all $(DISK_BIN)
	$Q ROOT=$(BUILD)/demo-root BIN=$(BUILD)/disk/bin KERNEL=$(WEIR_ELF) test/disk/run

# Every order of what a few harts do: core/*_explore.c.
XFLAGS	:= $(filter-out -Wextra,$(UFLAGS)) -Wno-gnu-variable-sized-type-not-at-end -fno-pie
XENV	= CLANG='$(CLANG)' UFLAGS='$(XFLAGS)'
EXPLORE	:= $(BUILD)/explore/explore

$(EXPLORE): $(wildcard core/*.[ch] test/explore/*) $(HEADERS) | $(DEPS)/setup.mk
	$(call say,HOSTCC,explore)
	$Q mkdir -p $(@D)
	$Q $(XENV) test/explore/build $@

test-explore: $(EXPLORE)
	$Q $(EXPLORE) $(SCENARIO)

# All that waits, at random, on pthreads: ten minutes (SECONDS=), under ASan and UBSan, then TSan.
STRESS	:= $(BUILD)/unit/core/stress_test $(BUILD)/unit/core/stress_test-tsan
stress: $(STRESS)
	$Q for t in $(STRESS); do STRESS_SECONDS=$$(($(or $(SECONDS),600) / 2)) ASAN_OPTIONS=detect_leaks=0 $$t || exit 1; done

# Models of sleep, wake and stealing, in every state (SPIN).
prove:
	$Q test/model/run $(BUILD)/model

.PHONY: stress prove
test-mutants: $(EXPLORE)
	$Q $(XENV) test/explore/mutants $(EXPLORE)

test:
	$Q MAKE='$(MAKE)' BUILD=$(BUILD) test/run $(STEPS)

.PHONY: test-debian test-disk test-explore test-mutants lint-clang lint-gates lint-co lint-bugs test-guest test-nomem test-boot
