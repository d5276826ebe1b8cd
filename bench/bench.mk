# SPDX-License-Identifier: MIT
# bench.mk: the benchmark program, run on Weir and on Linux.

BENCH	:= $(BUILD)/bench/bench
BENCH_C	:= $(wildcard bench/*.c)
UCC	= $(CC) -std=gnu11 -O2 -static -g $(WARN) -Wno-missing-field-initializers

$(BENCH): $(BENCH_C) bench/bench.h bench/tinyblob.S $(BUILD)/bench/tiny
	$(call say,CC,$@)
	$Q $(UCC) -D_GNU_SOURCE -DTINY='"$(BUILD)/bench/tiny"' $(BENCH_C) bench/tinyblob.S -o $@

$(BUILD)/bench/tiny: bench/tiny.S | $(DEPS)/setup.mk
	$Q mkdir -p $(@D)
	$Q $(CC) -nostdlib -static -s -Wl,-z,max-page-size=4096 -Wl,--build-id=none $< -o $@

# What programs cannot see is measured by a kernel with a task of its own in the place of the batch runner.
BENCH_KERNEL := $(OUT)/weir-bench.elf

$(BENCH_KERNEL): $(KOBJ) $(OUT)/bench/kernel/executor.o
	$(call say,LD,$@)
	$Q $(LINK) -Wl,-z,muldefs $(OUT)/bench/kernel/executor.o $(KOBJ) -o $@

bench: all $(BENCH) $(BENCH_KERNEL)
	$Q BUILD=$(BUILD) OUT=$(OUT) bench/run.py $(LINES)

bench-linux: $(BENCH)
	$Q BUILD=$(BUILD) OUT=$(OUT) bench/run.py --linux $(LINES)

.PHONY: bench-linux

$(BUILD)/profile/%.so: tools/profile/%.c | $(DEPS)/setup.mk
	$(call say,HOSTCC,$@)
	$Q mkdir -p $(@D)
	$Q $(HOSTCC) -O2 $(WARN) -shared -fPIC $< -o $@

profile: all $(BENCH) $(BUILD)/profile/insn.so
	$Q BUILD=$(BUILD) OUT=$(OUT) tools/profile/profile.py $(LINE) $(FN)

# The same work on 1 to 8 harts.
$(BUILD)/bench/harts: bench/harts/harts.c | $(DEPS)/setup.mk
	$(call say,CC,$@)
	$Q mkdir -p $(@D)
	$Q $(UCC) -D_GNU_SOURCE -Wno-missing-field-initializers $< -o $@

bench-harts: all $(BUILD)/bench/harts $(BUILD)/profile/count.so
	$Q BUILD=$(BUILD) bench/harts/run.py $(LINES)

.PHONY: bench-harts
