/* sanitize.c - EBB_JIT_SANITIZE=address: native code is checked by AddressSanitizer, as C code of such a build is.
 *
 * Every function of the module is marked, and LLVM's pass puts a check before each of its accesses. The checks call
 * the sanitizer's runtime, which only a program built with -fsanitize=address has. Without it the compile is an error,
 * and not merely unavailable: whoever asks for checks must not get results that nobody checked. */
#include "jit/engine/engine.h"

#include <dlfcn.h>
#include <llvm-c/Support.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "jit/lower/llvm_compat.h"

#define VARIABLE "EBB_JIT_SANITIZE"

static bool refuse(ebb_diag *diag, const char *why) {
    return ebb_fail(diag, EBB_VALUE_ERROR, EBB_NOWHERE_SITE, "%s", why);
}

/* By default a masked access goes unchecked if a single element at its address was checked before it, as in a tail. */
static void check_everything(void) {
    static const char *const arguments[] = {"ebb", "-asan-opt-same-temp=0"};
    LLVMParseCommandLineOptions(2, arguments, NULL);
}

bool ebb_sanitize_wanted(bool *wanted, ebb_diag *diag) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *word = getenv(VARIABLE);
    *wanted = word && *word;
    if (!*wanted) return true;
    if (strcmp(word, "address") != 0) return refuse(diag, VARIABLE " is neither empty nor \"address\"");
    if (!ebb_sanitize_address("__asan_init"))
        return refuse(diag, VARIABLE "=address: this program is not built with -fsanitize=address");
    pthread_once(&once, check_everything);
    return true;
}

void ebb_sanitize_mark(LLVMModuleRef module) {
    LLVMAttributeRef mark = ebb_llvm_attribute(LLVMGetModuleContext(module), "sanitize_address", 0);
    for (LLVMValueRef f = LLVMGetFirstFunction(module); f; f = LLVMGetNextFunction(f))
        if (!LLVMIsDeclaration(f)) LLVMAddAttributeAtIndex(f, LLVMAttributeFunctionIndex, mark);
}

/* The pass adds a constructor, which would tell the runtime of the module's constants; nobody runs constructors here.
 */
void ebb_sanitize_strip(LLVMModuleRef module) {
    LLVMValueRef constructors = LLVMGetNamedGlobal(module, "llvm.global_ctors");
    LLVMValueRef destructors = LLVMGetNamedGlobal(module, "llvm.global_dtors");
    if (constructors) LLVMDeleteGlobal(constructors);
    if (destructors) LLVMDeleteGlobal(destructors);
}

void *ebb_sanitize_address(const char *name) {
    bool own = strncmp(name, "__asan_", 7) == 0 || strncmp(name, "__sanitizer_", 12) == 0;
    return own ? dlsym(RTLD_DEFAULT, name) : NULL;
}
