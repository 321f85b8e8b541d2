/* object.c - from a module to an object in memory, and the dumps for people who want to see it. */
#include "jit/engine/engine.h"

#include <limits.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>
#include <string.h>

static bool fail_llvm(ebb_diag *diag, const char *what, const char *message) {
    return ebb_fail(diag, EBB_INTERNAL_ERROR, EBB_NOWHERE_SITE, "%s: %s", what, message ? message : "no message");
}

/* LLVM's complaints during code generation; without a handler it would print them. */
static void keep_diagnostic(LLVMDiagnosticInfoRef info, void *diag) {
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError) return;
    char *text = LLVMGetDiagInfoDescription(info);
    fail_llvm(diag, "LLVM", text);
    LLVMDisposeMessage(text);
}

/* What LLVM is given is verified first: it ends the process on a bad module. */
static bool verify(LLVMModuleRef module, ebb_diag *diag) {
    char *message = NULL;
    bool ok = !LLVMVerifyModule(module, LLVMReturnStatusAction, &message);
    if (!ok) fail_llvm(diag, "lowering made a bad module", message);
    LLVMDisposeMessage(message);
    return ok;
}

/* The checks come after the other passes, so that values in registers need none. */
static bool run_passes(const ebb_emission *e, ebb_diag *diag) {
    char passes[64];
    const char *own = e->lowered->passes ? e->lowered->passes : "", *asan = e->checked ? "asan" : "";
    if (!*own && !*asan) return true;
    snprintf(passes, sizeof passes, "%s%s%s", own, *own && *asan ? "," : "", asan);
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(e->lowered->module, passes, e->target->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (!error) return true;
    char *message = LLVMGetErrorMessage(error);
    fail_llvm(diag, "passes", message);
    LLVMDisposeErrorMessage(message);
    return false;
}

static bool generate(const ebb_target *t, LLVMModuleRef module, LLVMMemoryBufferRef *object, ebb_diag *diag) {
    char *message = NULL;
    if (!LLVMTargetMachineEmitToMemoryBuffer(t->machine, module, LLVMObjectFile, &message, object)) return true;
    fail_llvm(diag, "code generation", message);
    LLVMDisposeMessage(message);
    return false;
}

bool ebb_object_emit(const ebb_emission *e, LLVMMemoryBufferRef *object, ebb_diag *diag) {
    LLVMModuleRef module = e->lowered->module;
    ebb_diag heard = {.code = EBB_OK};
    LLVMContextSetDiagnosticHandler(LLVMGetModuleContext(module), keep_diagnostic, &heard);
    if (e->checked) ebb_sanitize_mark(module);
    if (!verify(module, diag) || !run_passes(e, diag)) return false;
    if (e->checked) ebb_sanitize_strip(module);
    if (!ebb_session_define(module, e->symbols, diag)) return false;
    if (!generate(e->target, module, object, diag)) return false;
    if (heard.code == EBB_OK) return true;
    LLVMDisposeMemoryBuffer(*object);
    return ebb_fail(diag, heard.code, heard.site, "%s", heard.message);
}

/* ---- dumps: a folder that cannot be written is not worth an error ---- */

static void write_file(const ebb_compile_options *o, const char *suffix, const char *text, size_t length) {
    char path[PATH_MAX], name[128];
    snprintf(name, sizeof name, "%s", o->name ? o->name : "main");
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '_';
    int n = snprintf(path, sizeof path, "%s/%s.%s", o->dump_folder, name, suffix);
    FILE *f = n > 0 && n < (int)sizeof path ? fopen(path, "w") : NULL;
    if (!f) return;
    fwrite(text, 1, length, f);
    fclose(f);
}

static void dump_assembly(const ebb_target *t, LLVMModuleRef module, const ebb_compile_options *o) {
    LLVMModuleRef copy = LLVMCloneModule(module); /* code generation changes the module */
    LLVMMemoryBufferRef text = NULL;
    char *message = NULL;
    if (!LLVMTargetMachineEmitToMemoryBuffer(t->machine, copy, LLVMAssemblyFile, &message, &text)) {
        write_file(o, "s", LLVMGetBufferStart(text), LLVMGetBufferSize(text));
        LLVMDisposeMemoryBuffer(text);
    } else {
        LLVMDisposeMessage(message);
    }
    LLVMDisposeModule(copy);
}

void ebb_module_dump(const ebb_target *t, LLVMModuleRef module, const ebb_plan *plan, const ebb_compile_options *o) {
    if (!o->dump_folder) return;
    char *plan_text = ebb_plan_print(plan);
    if (plan_text) write_file(o, "plan", plan_text, strlen(plan_text));
    ebb_mem_free(plan->allocator, plan_text);
    char *ir = LLVMPrintModuleToString(module);
    write_file(o, "ll", ir, strlen(ir));
    LLVMDisposeMessage(ir);
    dump_assembly(t, module, o);
}
