/* ebb_base.h - the words that every floor of the house shares: version, dtypes, error codes, memory.
 *
 * Installed beside ebb.h, which includes it; it includes nothing of ours. */
#ifndef EBB_BASE_H
#define EBB_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EBB_VERSION_MAJOR 0
#define EBB_VERSION_MINOR 1
#define EBB_VERSION_PATCH 0

/* Symbols of the shared library: only what is marked EBB_API leaves it. */
#if defined(__GNUC__)
#define EBB_API __attribute__((visibility("default")))
#else
#define EBB_API
#endif

/* A tensor has at most eight axes. */
#define EBB_MAX_RANK 8

/* Element types. EBB_NONE is no type: "the default" in options, a tuple in graphs. */
typedef enum ebb_dtype { EBB_NONE = 0, EBB_BOOL, EBB_I32, EBB_I64, EBB_F32, EBB_F64 } ebb_dtype;

/* Which way a Jacobian is computed: column by column, row by row, or whichever costs less. */
typedef enum ebb_road { EBB_CHEAPER = 0, EBB_FORWARD, EBB_REVERSE } ebb_road;

/* What an operation is there for: the program itself, its tangents (forward mode), its adjoints (reverse mode). */
typedef enum ebb_part { EBB_PRIMAL = 0, EBB_TANGENT, EBB_ADJOINT } ebb_part;

/* What went wrong, in the classes that TensorFlow's exceptions name. */
typedef enum ebb_code {
    EBB_OK = 0,
    EBB_VALUE_ERROR,     /* a value or shape that does not fit */
    EBB_TYPE_ERROR,      /* a dtype, or a kind of thing, that does not fit */
    EBB_INDEX_ERROR,     /* an index or axis out of range */
    EBB_ATTRIBUTE_ERROR, /* the thing has no such property: a tensor has no assign */
    EBB_RUNTIME_ERROR,   /* not allowed now: a tape used twice, a recursion */
    EBB_LOOKUP_ERROR,    /* no such derivative rule, no such name */
    EBB_NOT_FOUND,       /* no such file */
    EBB_DATA_ERROR,      /* a file or text that breaks the rules of its format */
    EBB_NO_MEMORY,       /* an allocation failed */
    EBB_UNAVAILABLE,     /* this machine or build cannot do it: no engine, no executable memory */
    EBB_FLOAT_ERROR,     /* a NaN, where one was asked to be an error */
    EBB_INTERNAL_ERROR   /* a fault of the library's own; please report it */
} ebb_code;

/* All memory of the library goes through one such table, given at ebb_open. `resize` works as realloc: (NULL, n)
 * allocates, (p, 0) is never asked, NULL back means that there is none. `release` takes NULL. */
typedef struct ebb_allocator {
    void *(*resize)(void *self, void *memory, size_t bytes);
    void (*release)(void *self, void *memory);
    void *self;
} ebb_allocator;

#endif
