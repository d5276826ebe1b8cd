# SPDX-License-Identifier: MIT
#
# Weir: kernel, guest programs and the weir command.  `make help` lists the targets.
# Each room adds its own part: host/host.mk, user/user.mk, bench/bench.mk, test/test.mk.

ARCH	?= riscv64
MODE	?= release
BUILD	?= build
PREFIX	?= /usr/local

OUT	:= $(BUILD)/$(ARCH)-$(MODE)
DEPS	:= $(BUILD)/deps
GEN	:= $(BUILD)/include
Q	:= $(if $(V),,@)
say	= $(if $(V),,@printf '  %-7s %s\n' '$1' '$2')
once	= $(eval $1 := $(shell $2))$($1)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

.PHONY: all kernel run test test-unit oracle bench profile gdb lint fuzz clean install setup help

all: kernel

# What the build needs from outside is fetched once; make then starts over by itself.
ifneq ($(filter-out clean help setup,$(or $(MAKECMDGOALS),all)),)
include $(DEPS)/setup.mk
endif

$(DEPS)/setup.mk: tools/setup $(wildcard host/host.mk)
	$Q DEPS=$(DEPS) tools/setup

setup:
	$Q DEPS=$(DEPS) tools/setup

# --- kernel ---------------------------------------------------------------------------------

CROSS	?= riscv64-linux-gnu-
CC	:= $(CROSS)gcc
HOSTCC	?= gcc
CLANG	?= clang

WARN	:= -Wall -Wextra -Werror -Wno-unused-parameter -Wimplicit-fallthrough
KINC	= -I. -Iarch/$(ARCH) -isystem lib/shim -isystem $(GEN) -isystem $(call once,GCC_INC,$(CC) -print-file-name=include)
MACHINE.riscv64 := -mcmodel=medany -march=rv64imac_zicsr_zifencei -mabi=lp64
# KASAN: the compiler calls core/kasan.c before each access; the number is where shadow memory lies.
KASAN.riscv64	:= 0xdffffff000000000
KASAN	:= -fsanitize=kernel-address -fasan-shadow-offset=$(KASAN.$(ARCH)) --param asan-instrumentation-with-call-threshold=0 \
	  --param asan-globals=1 --param asan-stack=1 -fsanitize-address-use-after-scope
WRAPPED	:= memcpy memmove memset memcmp arch_copy_in arch_copy_out arch_string_in
MODE.release	:= -O2 -fomit-frame-pointer
MODE.debug	:= -O1 -fno-omit-frame-pointer -fsanitize=undefined -fsanitize-undefined-trap-on-error -DCHECKED -DKASAN=$(KASAN.$(ARCH)) -Wno-maybe-uninitialized
LINK.release	:= -O2 -flto=2 -fno-strict-aliasing
LINK.debug	:= -Wl,--defsym=kasan=1 $(WRAPPED:%=-Wl,--wrap=%)
KFLAGS	= -std=gnu11 -g -ffreestanding -nostdinc -fno-pic $(MACHINE.$(ARCH)) $(MODE.$(MODE)) \
	  -fno-strict-aliasing -fno-common -fno-stack-protector -fno-asynchronous-unwind-tables \
	  -ffile-prefix-map=$(CURDIR)=. $(WARN) -Wjump-misses-init $(KINC) $(EXTRA)

ROOMS	:= arch/$(ARCH) lib core mem dev fs fs/* net proc sys kernel
KSRC	:= $(filter-out %_test.c %_fuzz.c %_explore.c,$(wildcard $(ROOMS:%=%/*.c) arch/$(ARCH)/*.S))
FDT	:= fdt fdt_ro
KOBJ	:= $(patsubst %,$(OUT)/%.o,$(basename $(KSRC))) $(FDT:%=$(OUT)/libfdt/%.o) $(OUT)/build_id.o
WEIR_ELF := $(OUT)/weir.elf

kernel: $(WEIR_ELF)

# Not these: they run before there is shadow, or are what looks at it.
NO_KASAN := arch/$(ARCH)/boot arch/$(ARCH)/shadow core/kasan core/check mem/heap_check lib/memory
$(OUT)/%.o: SANITIZE = $(if $(filter debug,$(MODE)),$(KASAN))
$(NO_KASAN:%=$(OUT)/%.o): SANITIZE :=

# The release kernel is optimized as a whole, but for what the compiler calls by itself.
$(OUT)/%.o: LTO = $(if $(filter release,$(MODE)),-flto -fno-fat-lto-objects)
$(OUT)/lib/memory.o $(OUT)/lib/bits.o: LTO :=

LINK	= $(CC) -nostdlib -static -no-pie -T arch/$(ARCH)/kernel.ld $(MACHINE.$(ARCH)) \
	  -Wl,-z,max-page-size=4096 -Wl,--build-id=none -Wl,--no-warn-rwx-segments $(LINK.$(MODE))

$(WEIR_ELF): $(KOBJ) arch/$(ARCH)/kernel.ld
	$(call say,LD,$@)
	$Q $(LINK) -Wl,-Map=$(OUT)/weir.map $(KOBJ) -o $@
	$Q $(CROSS)objdump -d $@ >$(OUT)/weir.dis
	$Q $(CROSS)nm -nS $@ >$(OUT)/weir.sym
	$Q $(CROSS)size -A $@ >$(OUT)/weir.size

$(OUT)/%.o: %.c $(GEN)/done $(OUT)/flags
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q $(CC) $(KFLAGS) $(LTO) $(SANITIZE) -MMD -MP -c $< -o $@

$(OUT)/%.o: %.S $(GEN)/done $(OUT)/flags
	$(call say,AS,$<)
	$Q mkdir -p $(@D)
	$Q $(CC) $(KFLAGS) -D__ASSEMBLER__ -MMD -MP -c $< -o $@

# What programs call without a trap: a shared object of one page, carried by the kernel as bytes.
VDSO	:= arch/$(ARCH)/vdso
VDSO_FLAGS.riscv64 := -march=rv64gc -mabi=lp64d -mno-relax
VDSO_FLAGS = -std=gnu11 -O2 -g0 -fpic -ffreestanding -nostdinc -fno-stack-protector -fasynchronous-unwind-tables \
	  $(VDSO_FLAGS.$(ARCH)) $(WARN) -I. -isystem $(GEN) -isystem $(call once,GCC_INC,$(CC) -print-file-name=include) \
	  -nostdlib -shared -s -T $(VDSO)/vdso.ld -Wl,-soname=linux-vdso.so.1 -Wl,--hash-style=both -Wl,--eh-frame-hdr \
	  -Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-undefined

$(OUT)/vdso.so: $(wildcard $(VDSO)/*) core/clock_page.h $(GEN)/done $(OUT)/flags
	$(call say,VDSO,$@)
	$Q mkdir -p $(@D)
	$Q $(CC) $(VDSO_FLAGS) $(filter %.c %.S,$^) -o $@

$(OUT)/arch/$(ARCH)/vdso_image.o: $(OUT)/vdso.so
$(OUT)/arch/$(ARCH)/vdso_image.o: EXTRA += -Wa,-I$(OUT)

$(OUT)/libfdt/%.o: $(DEPS)/setup.mk $(GEN)/done $(OUT)/flags
	$(call say,CC,libfdt/$*.c)
	$Q mkdir -p $(@D)
	$Q $(CC) $(KFLAGS) $(SANITIZE) -w -MMD -MP -c $(DEPS)/libfdt/$*.c -o $@

# Generated files are touched only when their text changes.
write_if_changed = mkdir -p $(@D); cat >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(OUT)/build_id.c: FORCE
	$Q printf 'const char build_id[] = "%s %s";\n' \
		"$$(GIT_OPTIONAL_LOCKS=0 git describe --always --dirty 2>/dev/null || echo unknown)" $(MODE) | { $(write_if_changed); }

$(OUT)/build_id.o: $(OUT)/build_id.c
	$Q $(CC) $(KFLAGS) -c $< -o $@

$(OUT)/flags: FORCE
	$Q echo '$(CC) $(KFLAGS) $(KASAN)' | { $(write_if_changed); }

# Headers we take from the system: queues and trees, Linux's user interface, libfdt.
$(GEN)/done: $(DEPS)/setup.mk
	$Q mkdir -p $(GEN)/sys $(GEN)/bsd/sys
	$Q for d in linux asm asm-generic; do ln -sfn /usr/riscv64-linux-gnu/include/$$d $(GEN)/$$d; done
	$Q ln -sf /usr/riscv64-linux-gnu/include/sys/queue.h $(GEN)/sys/queue.h
	$Q ln -sf /usr/include/bsd/sys/tree.h $(GEN)/bsd/sys/tree.h
	$Q for h in fdt.h libfdt.h libfdt_env.h; do ln -sf $(abspath $(DEPS))/libfdt/$$h $(GEN)/$$h; done
	$Q sed -n 's/^#define __NR\(3264\)\?_\([a-z]\w*\) \([0-9]\+\)$$/[\3] = "\2",/p' $(GEN)/asm-generic/unistd.h \
		| grep -v '"syscalls"\|arch_specific' | awk -F= '!seen[$$1]++' >$(GEN)/syscall_names.h
	$Q touch $@

-include $(KOBJ:.o=.d)

# --- unit tests and fuzzers: host programs ------------------------------------------------------
# A line "// links: a.c b.c" near the top names the sources; "// sanitize: thread" asks for TSan too.
# Each source is compiled once for each kind of program: build/asan/, build/tsan/, build/fuzz/.

HEADERS	= $(wildcard arch/*.h $(ROOMS:%=%/*.h))
TESTS	:= $(wildcard lib/*_test.c core/*_test.c mem/*_test.c dev/*_test.c fs/*_test.c proc/*_test.c)
TSAN	:= $(if $(TESTS),$(shell grep -l '^// sanitize: thread' $(TESTS)))
FUZZERS	:= $(wildcard lib/*_fuzz.c core/*_fuzz.c mem/*_fuzz.c fs/*_fuzz.c)
# $(FS_LINKS), $(MEM_LINKS): all of fs/ or mem/ and what it stands on.
MEM_LINKS := $(filter-out %_test.c %_fuzz.c,$(wildcard mem/*.c)) lib/print.c \
	  $(addprefix core/,exec.c rcu.c event.c task.c wait.c timer.c clock.c log.c panic.c check.c lock_order.c) arch/host/cpu.c arch/host/mmu.c
FS_LINKS := $(MEM_LINKS) $(filter-out %_test.c %_fuzz.c,$(wildcard fs/*.c fs/*/*.c)) dev/blk.c dev/partition.c \
	  $(addprefix lib/,partition.c crc32.c text.c cpio.c)
# What the checked build adds to a file may be another file.
links	= $(patsubst mem/page.c,mem/page.c mem/fail.c,$(patsubst mem/heap.c,mem/heap.c mem/heap_check.c,$(patsubst core/check.c,\
	  core/check.c core/lock_order.c,$(shell sed -n 's,^// links: *,,p' $1))))
UFLAGS	= -std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing $(WARN) -I. -Iarch/host -isystem $(DEPS)/libfdt -DHOST_TEST -DCHECKED -pthread
KINDS	:= asan tsan fuzz
SAN.asan = -fsanitize=address,undefined -fno-sanitize-recover=all
SAN.tsan = -fsanitize=thread
SAN.fuzz = -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all

UNIT	:= $(TESTS:%.c=$(BUILD)/unit/%) $(TSAN:%.c=$(BUILD)/unit/%-tsan)
FUZZ	:= $(FUZZERS:%.c=$(BUILD)/unit/%)

# $1 folder
define host_object
$(BUILD)/$1/%.o: %.c | $(DEPS)/setup.mk
	$$(call say,HOSTCC,$$@)
	$$Q mkdir -p $$(@D)
	$$Q $(CLANG) $$(UFLAGS) $(SAN.$1) -MMD -MP -c $$< -o $$@
endef
$(foreach k,$(KINDS),$(eval $(call host_object,$k)))

# $1 source, $2 suffix of the program, $3 folder of the objects, $4 libraries
define host_program
$(BUILD)/unit/$(1:.c=)$2: $$(patsubst %.c,$(BUILD)/$3/%.o,$1 $(call links,$1))
	$$(call say,LINK,$$@)
	$$Q mkdir -p $$(@D)
	$$Q $(CLANG) -pthread $(SAN.$3) $$(sort $$^) $4 -o $$@
endef
$(foreach t,$(TESTS),$(eval $(call host_program,$t,,asan,-lcmocka)))
$(foreach t,$(TSAN),$(eval $(call host_program,$t,-tsan,tsan,-lcmocka)))
$(foreach t,$(FUZZERS),$(eval $(call host_program,$t,,fuzz,-fsanitize=fuzzer -lcmocka)))
-include $(shell find $(KINDS:%=$(BUILD)/%) -name "*.d" 2>/dev/null)

test-unit: $(UNIT)
	$Q tools/unit $(UNIT)

test-fuzz: $(FUZZ)
	$Q tools/fuzz $(BUILD)/corpus $(or $(SECONDS),5) $(FUZZ)

fuzz:
	$Q $(MAKE) test-fuzz SECONDS=$(or $(SECONDS),300)

# --- the other rooms ----------------------------------------------------------------------------

-include host/host.mk user/user.mk bench/bench.mk test/test.mk

# --- working with it ----------------------------------------------------------------------------

run: all
	./weir batch --kernel $(WEIR_ELF) --root $(BUILD)/demo-root demo/demo.jobs

gdb: all
	$Q tools/gdb $(WEIR_ELF) $(BUILD)/demo-root $(RUN)

clean:
	rm -rf $(BUILD) weir

install: all
	install -D weir $(DESTDIR)$(PREFIX)/bin/weir
	install -D -m 644 $(WEIR_ELF) $(DESTDIR)$(PREFIX)/lib/weir/$(ARCH)-$(MODE)/weir.elf

help:
	@echo 'make              kernel, guest programs, ./weir     MODE=release|debug ARCH=riscv64 V=1'
	@echo 'make run          the demonstration batch'
	@echo 'make test         everything that proves it works'
	@echo 'make test-unit    unit tests on the host'
	@echo 'make oracle       the same commands under Linux and Weir, compared'
	@echo 'make bench        guest instructions, Weir and Linux  LINES="null read1"'
	@echo 'make stress       all that waits, at random for ten minutes; make prove: models, in all states'
	@echo 'make profile      where the instructions of a line go LINE=null'
	@echo 'make lint fuzz gdb clean setup    make install PREFIX=/usr/local'

FORCE:
.PHONY: FORCE test-fuzz
