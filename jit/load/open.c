/* open.c - finds and opens the engine module. Once open it stays: code of it may be running.
 *
 * A failure is not remembered, so that a program may install or name the engine and try again. */
#include "jit/load/load.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENGINE_FILE "ebb-engine.so"

static const ebb_engine *engine;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* From the folder of the file that holds this code: beside it (a build tree), in the library's own folder (installed),
 * and for a program that holds the library itself, in the library folder next to its own. */
static const char *const places[] = {
    "/", "/ebb/", "/../", "/../lib/ebb/", "/../lib/x86_64-linux-gnu/ebb/", "/../lib64/ebb/"};

static bool refuse(ebb_diag *diag, const char *path, const char *why) {
    return ebb_fail(diag, EBB_UNAVAILABLE, (ebb_site){0}, "cannot use the engine %s: %s", path, why);
}

/* Takes the table of an opened module. */
static bool take_table(void *module, const char *path, ebb_diag *diag) {
    const ebb_engine *table = dlsym(module, "ebb_engine_table");
    if (!table) return refuse(diag, path, "it has no ebb_engine_table");
    if (table->abi != EBB_ENGINE_ABI) return refuse(diag, path, "it belongs to another version of the library");
    engine = table;
    return true;
}

static bool open_path(const char *path, ebb_diag *diag) {
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) return refuse(diag, path, dlerror());
    return take_table(module, path, diag);
}

static bool own_folder(char *folder, size_t size) {
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)&ebb_compile, &info) || !info.dli_fname) return false;
    char real[PATH_MAX];
    if (!realpath(info.dli_fname, real) && !realpath("/proc/self/exe", real)) return false;
    char *slash = strrchr(real, '/');
    if (!slash) return false;
    *slash = '\0';
    return snprintf(folder, size, "%s", real) < (int)size;
}

static bool search(ebb_diag *diag) {
    char folder[PATH_MAX], path[PATH_MAX + 64];
    if (!own_folder(folder, sizeof folder)) return refuse(diag, ENGINE_FILE, "the library's own folder is unknown");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s%s" ENGINE_FILE, folder, places[i]);
        FILE *file = fopen(path, "r");
        if (!file) continue;
        fclose(file);
        return open_path(path, diag);
    }
    return ebb_fail(diag, EBB_UNAVAILABLE, (ebb_site){0},
                    "no " ENGINE_FILE " in %s nor in ebb/, ../ or ../lib/ebb/ from there; EBB_ENGINE may name it",
                    folder);
}

const ebb_engine *ebb_engine_open(ebb_diag *diag) {
    pthread_mutex_lock(&lock);
    if (!engine) {
        const char *path = secure_getenv("EBB_ENGINE");
        if (path && *path)
            open_path(path, diag);
        else
            search(diag);
    }
    const ebb_engine *found = engine;
    pthread_mutex_unlock(&lock);
    return found;
}
