/* session.c - the one linker of the process: objects in, code out.
 *
 * LLJIT gets finished objects only, so it never compiles and its shared state is safe from several threads. Every
 * executable has a resource tracker; removing it gives the memory back. What code may call - jit/runtime, libm,
 * libmvec - is defined by address, each name once. */
#include "jit/engine/engine.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* `lock` guards the last complaint and the count of releases; LLJIT has locks of its own. */
static struct {
    LLVMOrcLLJITRef jit;
    pthread_mutex_t lock;
    char error[512];
    unsigned releases;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER};

#define RELEASES_PER_CLEANING 256

/* Keeps what LLVM would print. Says whether the machine refuses executable memory, which callers can live with. */
static bool fail_error(ebb_diag *diag, const char *what, LLVMErrorRef error) {
    char *message = LLVMGetErrorMessage(error);
    pthread_mutex_lock(&session.lock);
    bool refused = strstr(message, "ermission denied") || strstr(session.error, "ermission denied") ||
                   strstr(message, "annot allocate") || strstr(session.error, "annot allocate");
    ebb_fail(diag, refused ? EBB_UNAVAILABLE : EBB_INTERNAL_ERROR, EBB_NOWHERE_SITE, "%s: %s%s%s", what, message,
             session.error[0] ? "; " : "", session.error);
    session.error[0] = '\0';
    pthread_mutex_unlock(&session.lock);
    LLVMDisposeErrorMessage(message);
    return false;
}

static void keep_error(void *self, LLVMErrorRef error) {
    (void)self;
    char *message = LLVMGetErrorMessage(error);
    pthread_mutex_lock(&session.lock);
    snprintf(session.error, sizeof session.error, "%s", message);
    pthread_mutex_unlock(&session.lock);
    LLVMDisposeErrorMessage(message);
}

static void open_jit(void) {
    LLVMErrorRef error = LLVMOrcCreateLLJIT(&session.jit, NULL);
    if (error) {
        session.jit = NULL;
        keep_error(NULL, error);
        return;
    }
    LLVMOrcExecutionSessionSetErrorReporter(LLVMOrcLLJITGetExecutionSession(session.jit), keep_error, NULL);
}

static bool start(ebb_diag *diag) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_jit);
    if (session.jit) return true;
    return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "no linker: %s", session.error);
}

/* ---- symbols ---- */

static void *address_of(const char *name, const ebb_rt_symbol *symbols) {
    for (const ebb_rt_symbol *s = symbols; s && s->name; s++)
        if (strcmp(s->name, name) == 0) return s->address;
    void *address = ebb_lower_math_address(name);
    return address ? address : ebb_sanitize_address(name);
}

/* A name that is defined already is left alone: it has the same address. */
static void define(const char *name, void *address) {
    LLVMOrcCSymbolMapPair pair = {LLVMOrcLLJITMangleAndIntern(session.jit, name),
                                  {(LLVMOrcExecutorAddress)(uintptr_t)address,
                                   {LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable, 0}}};
    LLVMOrcMaterializationUnitRef unit = LLVMOrcAbsoluteSymbols(&pair, 1);
    LLVMErrorRef error = LLVMOrcJITDylibDefine(LLVMOrcLLJITGetMainJITDylib(session.jit), unit);
    if (!error) return;
    LLVMOrcDisposeMaterializationUnit(unit);
    LLVMConsumeError(error);
}

/* Where the processor has no instruction for an intrinsic such as llvm.floor.v4f32, LLVM calls libm's floorf. */
static void define_behind(const char *intrinsic) {
    static const char *const suffixes[] = {"", "f"};
    const char *name = intrinsic + strlen("llvm."), *end = strchr(name, '.');
    char text[32];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%.*s%s", (int)(end ? end - name : (ptrdiff_t)strlen(name)), name, suffixes[i]);
        void *address = ebb_lower_math_address(text);
        if (address) define(text, address);
    }
}

static bool define_outside(LLVMValueRef declaration, const ebb_rt_symbol *symbols, ebb_diag *diag) {
    size_t length;
    const char *name = LLVMGetValueName2(declaration, &length);
    void *address = address_of(name, symbols);
    if (!address)
        return ebb_fail(diag, EBB_UNAVAILABLE, EBB_NOWHERE_SITE, "native code wants %s, which nobody has", name);
    define(name, address);
    return true;
}

bool ebb_session_define(LLVMModuleRef module, const ebb_rt_symbol *symbols, ebb_diag *diag) {
    if (!start(diag)) return false;
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f)) {
        size_t length;
        if (LLVMGetIntrinsicID(f))
            define_behind(LLVMGetValueName2(f, &length));
        else if (LLVMIsDeclaration(f) && !define_outside(f, symbols, diag))
            return false;
    }
    return true;
}

/* ---- code ---- */

static bool link_object(LLVMOrcResourceTrackerRef code, LLVMMemoryBufferRef object, const char *symbol,
                        ebb_entry **entry, ebb_diag *diag) {
    LLVMOrcExecutorAddress address = 0;
    LLVMErrorRef error = LLVMOrcLLJITAddObjectFileWithRT(session.jit, code, object);
    if (!error) error = LLVMOrcLLJITLookup(session.jit, &address, symbol);
    if (error) return fail_error(diag, "linking", error);
    *entry = (ebb_entry *)(uintptr_t)address;
    return true;
}

LLVMOrcResourceTrackerRef ebb_session_link(LLVMMemoryBufferRef object, const char *symbol, ebb_entry **entry,
                                           ebb_diag *diag) {
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(session.jit);
    LLVMOrcResourceTrackerRef code = LLVMOrcJITDylibCreateResourceTracker(library);
    if (link_object(code, object, symbol, entry, diag)) return code;
    ebb_session_unlink(code);
    return NULL;
}

/* Names stay in LLVM's pool until someone asks for a cleaning. */
static bool time_to_clean(void) {
    pthread_mutex_lock(&session.lock);
    bool now = ++session.releases % RELEASES_PER_CLEANING == 0;
    pthread_mutex_unlock(&session.lock);
    return now;
}

void ebb_session_unlink(LLVMOrcResourceTrackerRef code) {
    LLVMConsumeError(LLVMOrcResourceTrackerRemove(code));
    LLVMOrcReleaseResourceTracker(code);
    if (!time_to_clean()) return;
    LLVMOrcExecutionSessionRef es = LLVMOrcLLJITGetExecutionSession(session.jit);
    LLVMOrcSymbolStringPoolClearDeadEntries(LLVMOrcExecutionSessionGetSymbolStringPool(es));
}
