# SPDX-License-Identifier: MIT
#
# The weir command and its tests.  Included by the Makefile at the top; works alone too:
# make -f host/host.mk weir

HOST_PACKAGES = libarchive-dev libcjson-dev libcmocka-dev dosfstools mtools

BUILD	?= build
HOSTCC	?= gcc

,		:= ,
HOST_LIBS	= -larchive -lcjson
HOST_FLAGS	= -std=gnu11 -g -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -Wall -Wextra -Werror
HOST_SAN	= -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
HOST_SRC	:= $(filter-out %_test.c %_fuzz.c,$(wildcard host/*.c))
HOST_OBJ	:= $(HOST_SRC:%.c=$(BUILD)/%.o)
HOST_SAN_OBJ	:= $(HOST_SRC:%.c=$(BUILD)/san/%.o)
HOST_TESTS	:= $(patsubst host/%.c,$(BUILD)/host/%,$(wildcard host/*_test.c))

# Fuzzers: "// wrap: f" names functions of others that the fuzzer takes the place of.
HOST_FUZZERS	:= $(wildcard host/*_fuzz.c)
HOST_FUZZ_OBJ	:= $(filter-out %/main.o,$(HOST_SRC:%.c=$(BUILD)/fuzz/%.o))
HOST_FUZZ	:= $(HOST_FUZZERS:%.c=$(BUILD)/unit/%)
FUZZ		+= $(HOST_FUZZ)
.SECONDARY: $(HOST_FUZZ_OBJ) $(HOST_FUZZERS:%.c=$(BUILD)/fuzz/%.o)

.PHONY: test-host
all: weir

weir: $(BUILD)/host/weir
	$(Q)cp $< $@.new && mv $@.new $@

$(BUILD)/host/weir: $(HOST_OBJ)
	$(Q)$(HOSTCC) $(HOST_OBJ) $(HOST_LIBS) -o $@

$(BUILD)/host/weir-san: $(HOST_SAN_OBJ)
	$(Q)$(HOSTCC) $(HOST_SAN) $(HOST_SAN_OBJ) $(HOST_LIBS) -o $@

$(BUILD)/host/%.o: host/%.c host/host.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_FLAGS) -O2 -MMD -MP -c $< -o $@

$(BUILD)/san/host/%.o: host/%.c host/host.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_FLAGS) $(HOST_SAN) -MMD -MP -c $< -o $@

$(BUILD)/host/%_test: host/%_test.c $(HOST_SAN_OBJ)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_FLAGS) $(HOST_SAN) $< \
		$(filter-out %/main.o,$(HOST_SAN_OBJ)) -lcmocka $(HOST_LIBS) -o $@

$(BUILD)/fuzz/host/%.o: host/%.c host/host.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(HOST_FLAGS) -O1 $(SAN.fuzz) -MMD -MP -c $< -o $@

$(BUILD)/unit/host/%_fuzz: $(BUILD)/fuzz/host/%_fuzz.o $(HOST_FUZZ_OBJ)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(SAN.fuzz) -fsanitize=fuzzer $^ $(HOST_LIBS) \
		$(patsubst %,-Wl$(,)--wrap=%,$(shell sed -n 's,^// wrap: *,,p' host/$*_fuzz.c)) -o $@

test-fuzz: $(HOST_FUZZ)

$(BUILD)/host/fake_qemu: host/test/fake_qemu.c host/host.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_FLAGS) $(HOST_SAN) $< -o $@

test-host: $(HOST_TESTS) $(BUILD)/host/weir-san $(BUILD)/host/fake_qemu
	$(Q)for t in $(HOST_TESTS); do echo "$$t" && $$t >$$t.log 2>&1 || { cat $$t.log; exit 1; }; done
	$(Q)BUILD=$(BUILD) host/test/run

-include $(HOST_OBJ:.o=.d) $(HOST_SAN_OBJ:.o=.d)
