/* file.h - the unpacked bytes of a file, plain or gzip'ed, read from front to back in bounded memory.
 *
 * Invariant: at most one buffer of the file is in memory, whatever the file says about itself. Several gzip members in
 * a row count as one file; anything else behind the last one is an error. */
#ifndef EBB_FILE_H
#define EBB_FILE_H

#include <zlib.h>

#include "frontend/internal.h"

typedef struct ebb_file {
    ebb_context *context;
    const char *what; /* the function on whose behalf, for errors */
    const char *path;
    ebb_site site;
    int file;
    bool packed;       /* gzip */
    bool failed;       /* the context knows why */
    bool between;      /* packed: at the end of a member */
    z_stream stream;   /* packed */
    uint64_t position; /* unpacked bytes given so far */
    uint64_t taken;    /* bytes read from the file */
    unsigned char raw[16384];
    size_t raw_count, raw_next;
} ebb_file;

/* Opens a regular file. False: the context has the error, and there is nothing to close. */
bool ebb_file_open(ebb_file *s, ebb_context *ebb, const char *what, const char *path, ebb_site site);
/* Up to `count` bytes; fewer only at the end of the file or after an error (s->failed). */
size_t ebb_file_read(ebb_file *s, void *to, size_t count);
/* The number of bytes that can be read in all, and back to the start. False: an error. */
bool ebb_file_measure(ebb_file *s, uint64_t *bytes);
void ebb_file_close(ebb_file *s);
/* Records "what: path: byte N: message". Returns false. */
bool ebb_file_fail(ebb_file *s, ebb_code code, uint64_t byte, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
