# Builds the library, the command line program, the tools, the tests and the benchmarks of Crosstower.
# Plain GNU make: sources are found by folder, headers by the compiler, everything made lies in build/.
#
#   make                    what a user needs          make help      all targets
#   make CC=clang WERROR=1  another compiler, strict   make BUILD=dir another place for what is made
#   make ROOMS="base data"  a library of some rooms    make V=1       with the commands

ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
libdir ?= $(PREFIX)/lib
CFLAGS ?= -O2 -g
LDFLAGS ?=

VERSION := $(shell sed -n 's/^.define CT_VERSION "\(.*\)"/\1/p' include/crosstower/crosstower.h)
SONAME := libcrosstower.so.$(firstword $(subst ., ,$(VERSION)))
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null || uname -m)

# ---- flags ------------------------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla
ifeq ($(WERROR),1)
STRICT := -Werror
endif
ifeq ($(SANITIZE),1)
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif

# -ffp-contract=off: the same sums whatever the compiler. -fno-strict-aliasing: ct_calloc fills pointers of any type
# through a void **. The CPU kernels choose speed instead and hold no such pointers.
BASE_CFLAGS := -std=c17 -D_GNU_SOURCE -Iinclude -Isrc -I. $(WARNINGS) -fPIC -fvisibility=hidden -fopenmp \
               -ffp-contract=off -fno-strict-aliasing $(SANITIZERS)
FAST_CFLAGS := -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fstrict-aliasing
ALL_CFLAGS = $(BASE_CFLAGS) $(CFLAGS) $(CPPFLAGS)
LINK_FLAGS = -fopenmp -Wl,--as-needed $(SANITIZERS) $(LDFLAGS)
LIBS := -ldnnl -ljpeg -lpng -lwebp -lyaml -lz -ljansson -lutf8proc -lxxhash -lm -lpthread
COMPILE = $(CC) $(ALL_CFLAGS) $(STRICT) -MMD -MP -c -o $@ $<
LINK = $(CC) $(LINK_FLAGS) -o $@ $(filter %.o %.a,$^)

# One short line a file; V=1 shows the commands.
ifneq ($(V),1)
SAY = @echo "  $@" &&
endif

# The CPU kernels are one source for all instruction sets; which one runs is chosen when the program starts.
ifneq ($(filter x86_64% amd64%,$(MACHINE)),)
ISAS := v2 v3 v4
else
ISAS := base
endif
ISA_FLAGS_v2 := -march=x86-64-v2
ISA_FLAGS_v3 := -march=x86-64-v3
ISA_FLAGS_v4 := -march=x86-64-v4 -mprefer-vector-width=512
ISA_FLAGS_base :=

# ---- sources ----------------------------------------------------------------------------------------------------

LIB_SRCS := $(filter-out src/cli/%,$(wildcard src/*.c src/*/*.c src/*/*/*.c))
ifdef ROOMS
LIB_SRCS := $(filter $(ROOMS:%=src/%/%),$(LIB_SRCS))
endif
REF_SRCS := $(wildcard kernels/ref/*.c)
CPU_SRCS := $(wildcard kernels/cpu/*.c)
CLI_SRCS := $(wildcard src/cli/*.c)
BENCH_SRCS := $(wildcard benchmarks/*.c)
BENCH_ISA_SRCS := $(wildcard benchmarks/isa/*.c)
SUPPORT_SRCS := $(wildcard tests/support/*.c)

objects_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

REF_OBJS := $(foreach real,f32 f64,$(REF_SRCS:kernels/ref/%.c=$(BUILD)/obj/kernels/ref/$(real)/%.o))
CPU_OBJS := $(foreach isa,$(ISAS),$(CPU_SRCS:kernels/cpu/%.c=$(BUILD)/obj/kernels/cpu/$(isa)/%.o))
LIB_OBJS := $(call objects_of,$(LIB_SRCS)) $(REF_OBJS) $(CPU_OBJS)
CLI_OBJS := $(call objects_of,$(CLI_SRCS))
BENCH_OBJS := $(call objects_of,$(BENCH_SRCS)) \
              $(foreach isa,$(ISAS),$(BENCH_ISA_SRCS:benchmarks/isa/%.c=$(BUILD)/obj/benchmarks/isa/$(isa)/%.o))
SUPPORT_OBJS := $(call objects_of,$(SUPPORT_SRCS))

# A tool is tools/NAME.c or a folder tools/NAME/ of several files.
TOOL_DIRS := $(sort $(patsubst tools/%/,%,$(dir $(wildcard tools/*/*.c))))
TOOL_FILES := $(patsubst tools/%.c,%,$(wildcard tools/*.c))
TOOLS := $(sort $(TOOL_DIRS) $(TOOL_FILES))
TOOL_SRCS := $(foreach tool,$(TOOLS),$(wildcard tools/$(tool).c tools/$(tool)/*.c))

# A test is tests/ROOM/test_NAME.c; the other files of the room are linked into each of its tests.
TEST_ROOMS := $(sort $(patsubst tests/%/,%,$(dir $(wildcard tests/*/test_*.c))))
TEST_SRCS := $(foreach room,$(TEST_ROOMS),$(wildcard tests/$(room)/*.c))
TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/*/test_*.c))

LIB := $(if $(strip $(LIB_OBJS)),$(BUILD)/libcrosstower.a)
SHARED := $(if $(strip $(LIB_OBJS)),$(BUILD)/libcrosstower.so)
CLI := $(if $(CLI_SRCS),$(BUILD)/crosstower)
BENCH := $(if $(BENCH_SRCS),$(BUILD)/bench)
TOOL_PROGRAMS := $(TOOLS:%=$(BUILD)/tools/%)
ALL_OBJS := $(LIB_OBJS) $(CLI_OBJS) $(BENCH_OBJS) $(SUPPORT_OBJS) $(call objects_of,$(TOOL_SRCS) $(TEST_SRCS))

# ---- targets ----------------------------------------------------------------------------------------------------

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help install uninstall check-deps deps programs objects test-programs test quickstart movielens emoji \
        ablation scale bench bench-peers test-mutants lint sanitized sanitize fuzz clean FORCE

all: $(LIB) $(SHARED) $(CLI) $(TOOL_PROGRAMS)   ## the libraries, the program crosstower, the tools (default)

help:            ## this list
	@awk -F '##' '/^[a-z-]+:.*##/ { split($$1, name, ":"); printf "  make %-14s%s\n", name[1], $$2 }' Makefile

check-deps:      ## says for each dependency whether it is here and what it is for
	@CC="$(CC)" tools/deps.sh check

deps:            ## installs missing Debian packages as root, or prints the line that does
	@CC="$(CC)" tools/deps.sh install

programs: all $(TESTS) $(BENCH)   ## everything that can be built, tests and benchmarks too

objects: $(ALL_OBJS)

test-programs: $(CLI) $(TOOL_PROGRAMS) $(TESTS)

test:            ## dependencies, strict build, every test, also under sanitizers; ends in "N passed, N failed, N skipped"
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory WERROR=1 programs
	@if CC="$(CC)" tools/deps.sh has-sanitizers; then $(MAKE) --no-print-directory sanitized; fi
	@BUILD="$(BUILD)" SANITIZED="$(BUILD)/sanitize" tests/run.sh

quickstart:      ## dependencies, build, sample platforms, training, report, recommendations (SEEDS="1 2 3": several runs)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all
	@BUILD="$(BUILD)" tools/quickstart.sh

movielens:       ## the same on MovieLens, which it fetches (SEEDS="1 2 3": several runs)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all
	@BUILD="$(BUILD)" tools/movielens.sh

emoji:           ## finding pictures by words, on a folder of emoji (EMOJI=FOLDER, SEEDS="1 2 3")
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all
	@BUILD="$(BUILD)" tools/emoji.sh

ablation:        ## what text, pictures and ids bring on the sample platforms, three seeds each (SEEDS, VARIANTS; long)
	@$(MAKE) --no-print-directory all
	@SEEDS="$${SEEDS:-3}" BUILD="$(BUILD)" tools/ablation.sh

scale:           ## time and peak memory of each stage at several sizes, into build/scale (SIZES="1e4 1e5": which; long)
	@$(MAKE) --no-print-directory all
	@BUILD="$(BUILD)" tools/scale.sh

bench: $(BENCH)  ## times the kernels (ARGS="...": what to pass on)
	@$(or $(BENCH),echo "no benchmarks here"; false) $(ARGS)

bench-peers:     ## the same work by PyTorch, faiss and others (ARGS="CASE ...": some; installs them in build/peers)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory all $(BENCH)
	@python=$$(BUILD="$(BUILD)" tools/peers/venv.sh) && BUILD="$(BUILD)" "$$python" tools/peers/run.py $(ARGS)

test-mutants: test-programs   ## breaks every entry of the op table; each must turn its test red (long)
	@$(BUILD)/tests/ops/test_ops --mutants $(ARGS)

lint:            ## clang over all sources, warnings are errors, nothing is built
	@mkdir -p $(BUILD)/lint/include
	@ln -sf "$$(gcc -print-file-name=include/omp.h)" $(BUILD)/lint/include/  # clang's own is a package apart
	@$(MAKE) --no-print-directory BUILD="$(BUILD)/lint" CC="clang -fsyntax-only" WERROR=1 \
	    CPPFLAGS="$(CPPFLAGS) -idirafter $(BUILD)/lint/include" objects

sanitized:       # the second build: only lines for the debugger, since programs are large and many
	@$(MAKE) --no-print-directory BUILD="$(BUILD)/sanitize" SANITIZE=1 WERROR=1 CFLAGS="-O1 -g1" test-programs

sanitize:        ## the test programs under the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory sanitized
	@BUILD="$(BUILD)" SANITIZED="$(BUILD)/sanitize" STAGES=sanitized tests/run.sh

fuzz:            ## readers on damaged inputs, sanitized: SECONDS=600 for all, SEED=7, READER=csv
	@$(MAKE) --no-print-directory sanitized
	@BUILD="$(BUILD)/sanitize" FUZZ_SECONDS="$(SECONDS)" SEED="$(SEED)" READER="$(READER)" tests/fuzz/fuzz.sh

clean:           ## removes build/
	rm -rf $(BUILD)

install: all     ## PREFIX=/usr/local, DESTDIR: program, libraries, headers, crosstower.pc
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(libdir)/pkgconfig $(DESTDIR)$(PREFIX)/include/crosstower
	install -m 755 $(CLI) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(LIB) $(DESTDIR)$(libdir)/
	install -m 755 $(SHARED) $(DESTDIR)$(libdir)/libcrosstower.so.$(VERSION)
	ln -sf libcrosstower.so.$(VERSION) $(DESTDIR)$(libdir)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(libdir)/libcrosstower.so
	install -m 644 include/crosstower/*.h $(DESTDIR)$(PREFIX)/include/crosstower/
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(libdir)' 'includedir=$${prefix}/include' '' \
	    'Name: crosstower' 'Description: Two-tower recommendation across platforms' 'Version: $(VERSION)' \
	    'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -lcrosstower' 'Libs.private: $(LIBS) -fopenmp' \
	    > $(DESTDIR)$(libdir)/pkgconfig/crosstower.pc

uninstall:       ## removes what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/crosstower $(DESTDIR)$(libdir)/libcrosstower.a $(DESTDIR)$(libdir)/libcrosstower.so \
	    $(DESTDIR)$(libdir)/$(SONAME) $(DESTDIR)$(libdir)/libcrosstower.so.$(VERSION) \
	    $(DESTDIR)$(libdir)/pkgconfig/crosstower.pc
	rm -rf $(DESTDIR)$(PREFIX)/include/crosstower

# ---- rules ------------------------------------------------------------------------------------------------------

# Objects depend on the flags they were made with; the file changes only when the flags do.
FLAGS_FILE := $(BUILD)/flags
FLAGS_TEXT = $(CC) $(ALL_CFLAGS) $(FAST_CFLAGS) $(LINK_FLAGS)
$(FLAGS_FILE): FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

$(ALL_OBJS): $(FLAGS_FILE)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) $(COMPILE)

define ref_rule
$(BUILD)/obj/kernels/ref/$(1)/%.o: kernels/ref/%.c
	@mkdir -p $$(@D)
	$$(SAY) $$(COMPILE) -DCT_REAL_DOUBLE=$(2)
endef
$(eval $(call ref_rule,f32,0))
$(eval $(call ref_rule,f64,1))

# Sources of $(2) once for each instruction set.
define isa_rule
$(BUILD)/obj/$(2)/$(1)/%.o: $(2)/%.c
	@mkdir -p $$(@D)
	$$(SAY) $$(COMPILE) $$(FAST_CFLAGS) $$(ISA_FLAGS_$(1)) -DCT_ISA=$(1)
endef
$(foreach isa,$(ISAS),$(eval $(call isa_rule,$(isa),kernels/cpu)) $(eval $(call isa_rule,$(isa),benchmarks/isa)))

# The list of objects is kept in a file so that a source that was removed leaves the archive too.
$(BUILD)/objects: FORCE
	@mkdir -p $(@D)
	@echo '$(LIB_OBJS)' | cmp -s - $@ || echo '$(LIB_OBJS)' > $@

$(BUILD)/libcrosstower.a: $(LIB_OBJS) $(BUILD)/objects
	$(SAY) $(AR) rcs $@.$$$$ $(LIB_OBJS) && mv $@.$$$$ $@

$(BUILD)/libcrosstower.so: $(LIB_OBJS) $(BUILD)/objects
	$(SAY) $(LINK) -shared -Wl,-soname,$(SONAME) -Wl,-z,defs $(LIBS)

$(BUILD)/crosstower: $(CLI_OBJS) $(LIB)
	$(SAY) $(LINK) $(LIBS)

$(BUILD)/bench: $(BENCH_OBJS) $(LIB)
	$(SAY) $(LINK) $(LIBS)

define tool_rule
$(BUILD)/tools/$(1): $(call objects_of,$(wildcard tools/$(1).c tools/$(1)/*.c)) $(LIB)
	@mkdir -p $$(@D)
	$$(SAY) $$(LINK) $$(LIBS)
endef
$(foreach tool,$(TOOLS),$(eval $(call tool_rule,$(tool))))

define test_room_rule
$(BUILD)/tests/$(1)/test_%: $(BUILD)/obj/tests/$(1)/test_%.o \
    $(call objects_of,$(filter-out $(wildcard tests/$(1)/test_*.c),$(wildcard tests/$(1)/*.c))) $(SUPPORT_OBJS) $(LIB)
	@mkdir -p $$(@D)
	$$(SAY) $$(LINK) -lcmocka $$(LIBS)
endef
$(foreach room,$(TEST_ROOMS),$(eval $(call test_room_rule,$(room))))

-include $(ALL_OBJS:.o=.d)
