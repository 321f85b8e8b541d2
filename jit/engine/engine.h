/* engine.h - inside the engine: the target, the emission of objects, and the linker that is shared by the process.
 *
 *     plan --jit/lower--> module --object.c--> object --session.c--> code
 * A compile has its own LLVM context and target machine and takes no lock; only the linker is shared. Start reading at
 * engine.c. */
#ifndef EBB_ENGINE_H
#define EBB_ENGINE_H

#include <llvm-c/Core.h>
#include <llvm-c/Orc.h>
#include <llvm-c/TargetMachine.h>

#include "jit/load/load.h"
#include "jit/lower/lower.h"

#define EBB_NOWHERE_SITE ((ebb_site){0})

/* target.c */
typedef struct ebb_target {
    const char *cpu, *features; /* live as long as the process */
    int vector_bits;
    bool fast; /* the machine compiles fast, instead of making fast code */
    LLVMTargetMachineRef machine;
    char *triple, *layout; /* LLVM's */
} ebb_target;

bool ebb_target_start(ebb_diag *diag); /* LLVM's own preparations, once in a process */
bool ebb_target_open(ebb_target *t, const ebb_compile_options *options, ebb_diag *diag); /* what options ask for */
/* Gets (or exchanges) the machine. It belongs to this compile until the target is closed. */
bool ebb_target_machine(ebb_target *t, bool fast, ebb_diag *diag);
void ebb_target_close(ebb_target *t);

/* object.c */
typedef struct ebb_emission {
    const ebb_target *target;
    const ebb_lowered *lowered;
    const ebb_rt_symbol *symbols; /* what the code may call */
    bool checked;                 /* by AddressSanitizer */
} ebb_emission;
bool ebb_object_emit(const ebb_emission *e, LLVMMemoryBufferRef *object, ebb_diag *diag);
void ebb_module_dump(const ebb_target *t, LLVMModuleRef module, const ebb_plan *plan,
                     const ebb_compile_options *options);

/* sanitize.c */
bool ebb_sanitize_wanted(bool *wanted, ebb_diag *diag); /* false: asked for what cannot be had */
void ebb_sanitize_mark(LLVMModuleRef module);           /* before the pass */
void ebb_sanitize_strip(LLVMModuleRef module);          /* after it */
void *ebb_sanitize_address(const char *name);           /* of a function of the sanitizer's runtime, or NULL */

/* session.c */
/* Defines the functions that the module names and does not have, so that its object can be linked. */
bool ebb_session_define(LLVMModuleRef module, const ebb_rt_symbol *symbols, ebb_diag *diag);
/* Links an object (takes it, also when it fails) and finds `symbol` in it. What it returns stands for the code. */
LLVMOrcResourceTrackerRef ebb_session_link(LLVMMemoryBufferRef object, const char *symbol, ebb_entry **entry,
                                           ebb_diag *diag);
void ebb_session_unlink(LLVMOrcResourceTrackerRef code); /* the code's memory goes back */

#endif
