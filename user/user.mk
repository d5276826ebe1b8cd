# SPDX-License-Identifier: MIT
#
# user.mk: programs for the guest, on a small library of our own, and a root file system with them
# and busybox for the demonstration.

USER_BIN	:= $(BUILD)/user/bin
USER_LIB	:= $(patsubst user/lib/%,$(BUILD)/user/lib/%.o,$(basename $(wildcard user/lib/*.c user/lib/$(ARCH)/*.S)))
USER_PROGRAMS	:= $(patsubst user/demo/%.c,$(USER_BIN)/%,$(wildcard user/demo/*.c)) \
		   $(patsubst user/fuzz/%.c,$(USER_BIN)/%,$(wildcard user/fuzz/*.c))
USER_MACHINE.riscv64 := -march=rv64gc -mabi=lp64d
USER_FLAGS	= -std=gnu11 -g -O2 -static -nostdlib -ffreestanding -fno-pic -no-pie \
		  -fno-stack-protector -fno-strict-aliasing -fno-tree-loop-distribute-patterns \
		  -fno-asynchronous-unwind-tables -ffile-prefix-map=$(CURDIR)=. $(USER_MACHINE.$(ARCH)) $(WARN) \
		  -Wno-infinite-recursion -nostdinc -Iuser/lib -Iuser/lib/$(ARCH) -isystem $(GEN) \
		  -isystem $(call once,GCC_INC,$(CC) -print-file-name=include)
DEMO_ROOT	:= $(BUILD)/demo-root

all: user
.PHONY: user
.SECONDARY: $(USER_LIB)
user: $(USER_PROGRAMS) $(DEMO_ROOT)/done

$(BUILD)/user/lib/%.o: user/lib/%.c user/user.mk $(GEN)/done
	$(call say,CC,$<)
	$Q mkdir -p $(@D)
	$Q $(CC) $(USER_FLAGS) -MMD -MP -c $< -o $@

$(BUILD)/user/lib/%.o: user/lib/%.S user/user.mk $(GEN)/done
	$(call say,AS,$<)
	$Q mkdir -p $(@D)
	$Q $(CC) $(USER_FLAGS) -MMD -MP -c $< -o $@

define program
	$(call say,CC,$<)
	$Q mkdir -p $(@D) $(BUILD)/user/demo
	$Q $(CC) $(USER_FLAGS) -MMD -MP -MF $(BUILD)/user/demo/$*.d $< $(USER_LIB) \
		-Wl,--build-id=none -Wl,-z,noexecstack -Wl,--no-relax -Wl,--no-warn-rwx-segments -o $@
endef

$(USER_BIN)/%: user/demo/%.c $(USER_LIB)
	$(program)

$(USER_BIN)/%: user/fuzz/%.c $(USER_LIB)
	$(program)

$(DEMO_ROOT)/done: $(USER_PROGRAMS) tools/rootfs.py $(wildcard demo/*) $(DEPS)/setup.mk
	$(call say,ROOT,$(DEMO_ROOT))
	$Q python3 tools/rootfs.py $(DEPS)/busybox $(DEMO_ROOT)
	$Q cp --remove-destination $(USER_PROGRAMS) $(DEMO_ROOT)/bin
	$Q cp demo/poem.txt $(DEMO_ROOT)/root
	$Q touch $@

-include $(USER_LIB:.o=.d) $(USER_PROGRAMS:$(USER_BIN)/%=$(BUILD)/user/demo/%.d)
