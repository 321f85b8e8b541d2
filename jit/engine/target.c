/* target.c - the machine to compile for: this one, or an older one of the same kind. */
#include "jit/engine/engine.h"

#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <string.h>

/* What this machine is; set once, never freed. */
static struct {
    LLVMTargetRef target;
    char *triple, *cpu, *features;
    int vector_bits;
    char *error;
} host;

static int bits_of_features(const char *features) {
    if (strstr(features, "+avx512f") && strstr(features, "+avx512vl") && strstr(features, "+avx512dq")) return 512;
    return strstr(features, "+avx2") ? 256 : 128;
}

static void start(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    host.triple = LLVMGetDefaultTargetTriple();
    host.cpu = LLVMGetHostCPUName();
    host.features = LLVMGetHostCPUFeatures();
    host.vector_bits = bits_of_features(host.features);
    LLVMGetTargetFromTriple(host.triple, &host.target, &host.error);
}

bool ebb_target_start(ebb_diag *diag) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
    if (host.target) return true;
    return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "no code generator for this machine: %s", host.error);
}

/* LLVM complains on stderr about a CPU that it does not know, so only these names reach it. */
static const struct {
    const char *name;
    int vector_bits;
} known_cpu[] = {{"x86-64", 128}, {"x86-64-v2", 128}, {"x86-64-v3", 256}, {"x86-64-v4", 512}};

static bool choose_cpu(ebb_target *t, const char *name, ebb_diag *diag) {
    *t = (ebb_target){.cpu = host.cpu, .features = host.features, .vector_bits = host.vector_bits};
    if (!name || strcmp(name, "native") == 0) return true;
    for (size_t i = 0; i < sizeof known_cpu / sizeof *known_cpu; i++) {
        if (strcmp(name, known_cpu[i].name) != 0) continue;
        if (known_cpu[i].vector_bits > host.vector_bits)
            return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "this machine cannot run code for %s", name);
        *t = (ebb_target){.cpu = known_cpu[i].name, .features = "", .vector_bits = known_cpu[i].vector_bits};
        return true;
    }
    return ebb_fail(diag, EBB_VALUE_ERROR, EBB_NOWHERE_SITE,
                    "cpu \"%s\" is none of native, x86-64, x86-64-v2, x86-64-v3, x86-64-v4", name);
}

bool ebb_target_open(ebb_target *t, const ebb_compile_options *options, ebb_diag *diag) {
    int bits = options->vector_bits;
    *t = (ebb_target){0};
    if (bits != 0 && bits != 128 && bits != 256 && bits != 512)
        return ebb_fail(diag, EBB_VALUE_ERROR, EBB_NOWHERE_SITE, "vector_bits is %d, not 0, 128, 256 or 512", bits);
    if (!choose_cpu(t, options->cpu, diag)) return false;
    if (bits > t->vector_bits)
        return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "vectors of %d bits asked for, %s has %d", bits,
                        t->cpu, t->vector_bits);
    if (bits != 0) t->vector_bits = bits;
    return true;
}

/* ---- machines: making one costs more than compiling a small program, so they are kept when idle ---- */

typedef struct idle_machine {
    LLVMTargetMachineRef machine;
    const char *cpu;
    bool fast;
} idle_machine;
static idle_machine idle[16];
static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;

static LLVMTargetMachineRef take_idle(const char *cpu, bool fast) {
    LLVMTargetMachineRef found = NULL;
    pthread_mutex_lock(&idle_lock);
    for (size_t i = 0; i < sizeof idle / sizeof *idle && !found; i++) {
        if (!idle[i].machine || idle[i].cpu != cpu || idle[i].fast != fast) continue;
        found = idle[i].machine;
        idle[i].machine = NULL;
    }
    pthread_mutex_unlock(&idle_lock);
    return found;
}

static void keep_idle(LLVMTargetMachineRef machine, const char *cpu, bool fast) {
    pthread_mutex_lock(&idle_lock);
    for (size_t i = 0; i < sizeof idle / sizeof *idle && machine; i++) {
        if (idle[i].machine) continue;
        idle[i] = (idle_machine){machine, cpu, fast};
        machine = NULL;
    }
    pthread_mutex_unlock(&idle_lock);
    if (machine) LLVMDisposeTargetMachine(machine);
}

static LLVMTargetMachineRef new_machine(const ebb_target *t, bool fast) {
    LLVMCodeGenOptLevel level = fast ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault;
    LLVMTargetMachineRef m = LLVMCreateTargetMachine(host.target, host.triple, t->cpu, t->features, level, LLVMRelocPIC,
                                                     LLVMCodeModelDefault);
    if (m) LLVMSetTargetMachineFastISel(m, fast);
    return m;
}

bool ebb_target_machine(ebb_target *t, bool fast, ebb_diag *diag) {
    if (t->machine) keep_idle(t->machine, t->cpu, t->fast);
    t->fast = fast;
    t->machine = take_idle(t->cpu, fast);
    if (!t->machine) t->machine = new_machine(t, fast);
    if (!t->machine)
        return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "LLVM has no target machine for %s", host.triple);
    if (t->layout) return true;
    t->triple = host.triple;
    LLVMTargetDataRef data = LLVMCreateTargetDataLayout(t->machine);
    t->layout = LLVMCopyStringRepOfTargetData(data);
    LLVMDisposeTargetData(data);
    return true;
}

void ebb_target_close(ebb_target *t) {
    if (t->machine) keep_idle(t->machine, t->cpu, t->fast);
    if (t->layout) LLVMDisposeMessage(t->layout);
}
