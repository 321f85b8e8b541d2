/* file.c - see file.h. Start reading at ebb_file_read. */
#include "frontend/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool ebb_file_fail(ebb_file *s, ebb_code code, uint64_t byte, const char *format, ...) {
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    s->failed = true;
    ebb_fail_at(s->context, code, s->site, "%s: %s: byte %llu: %s", s->what, s->path, (unsigned long long)byte,
                message);
    return false;
}

static bool fail_system(ebb_file *s, int error) {
    char text[128];
    s->failed = true;
    ebb_fail_at(s->context, error == ENOENT || error == ENOTDIR ? EBB_NOT_FOUND : EBB_UNAVAILABLE, s->site,
                "%s: %s: %s", s->what, s->path, strerror_r(error, text, sizeof text));
    return false;
}

/* ---- the file ---- */

/* Fills the raw buffer; false at the end of the file or after an error. */
static bool refill(ebb_file *s) {
    ssize_t got;
    do {
        got = read(s->file, s->raw, sizeof s->raw);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return fail_system(s, errno);
    s->raw_count = (size_t)got;
    s->raw_next = 0;
    s->taken += (uint64_t)got;
    return got > 0;
}

static size_t read_plain(ebb_file *s, unsigned char *to, size_t count) {
    size_t done = 0;
    while (done < count && (s->raw_next < s->raw_count || refill(s))) {
        size_t here = s->raw_count - s->raw_next;
        if (here > count - done) here = count - done;
        memcpy(to + done, s->raw + s->raw_next, here);
        s->raw_next += here;
        done += here;
    }
    return done;
}

/* ---- gzip ---- */

static void *zlib_new(void *context, unsigned count, unsigned size) {
    return ebb_mem_new(&((ebb_context *)context)->allocator, count, size);
}

static void zlib_free(void *context, void *memory) { ebb_mem_free(&((ebb_context *)context)->allocator, memory); }

/* The place in the file of the next byte that zlib would look at. */
static uint64_t packed_position(const ebb_file *s) { return s->taken - s->raw_count + s->raw_next; }

/* There is more in the file behind a member: it must be another one, whose magic bytes zlib checks. */
static bool next_member(ebb_file *s) {
    s->between = false;
    return inflateReset(&s->stream) == Z_OK;
}

/* Unpacks once; gives zlib's answer. */
static int inflate_some(ebb_file *s) {
    z_stream *z = &s->stream;
    z->next_in = s->raw + s->raw_next;
    z->avail_in = (unsigned)(s->raw_count - s->raw_next);
    int answer = inflate(z, Z_NO_FLUSH);
    s->raw_next = s->raw_count - z->avail_in;
    return answer;
}

static bool fail_inflate(ebb_file *s, int answer) {
    if (answer == Z_MEM_ERROR) {
        s->failed = true;
        ebb_fail_at(s->context, EBB_NO_MEMORY, s->site, "%s: %s: no memory to unpack", s->what, s->path);
        return false;
    }
    return ebb_file_fail(s, EBB_DATA_ERROR, packed_position(s), "broken gzip data: %s",
                         s->stream.msg ? s->stream.msg : "unknown");
}

static size_t read_packed(ebb_file *s, unsigned char *to, size_t count) {
    z_stream *z = &s->stream;
    z->next_out = to;
    z->avail_out = (unsigned)count;
    while (z->avail_out && !s->failed) {
        if (s->raw_next == s->raw_count && !refill(s)) {
            if (!s->failed && !s->between)
                ebb_file_fail(s, EBB_DATA_ERROR, s->taken, "the file ends inside its gzip data");
            break;
        }
        if (s->between) next_member(s);
        int answer = inflate_some(s);
        s->between = answer == Z_STREAM_END;
        if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR) fail_inflate(s, answer);
    }
    return count - z->avail_out;
}

/* ---- both ---- */

size_t ebb_file_read(ebb_file *s, void *to, size_t count) {
    size_t done = 0;
    while (done < count && !s->failed) { /* zlib counts in unsigned */
        size_t step = count - done < INT_MAX ? count - done : INT_MAX;
        size_t got = s->packed ? read_packed(s, (unsigned char *)to + done, step)
                               : read_plain(s, (unsigned char *)to + done, step);
        done += got;
        if (got < step) break;
    }
    s->position += done;
    return done;
}

static bool rewind_file(ebb_file *s) {
    if (lseek(s->file, 0, SEEK_SET) < 0) return fail_system(s, errno);
    s->position = s->taken = s->raw_count = s->raw_next = 0;
    s->between = false;
    return !s->packed || inflateReset(&s->stream) == Z_OK;
}

bool ebb_file_measure(ebb_file *s, uint64_t *bytes) {
    unsigned char scratch[16384];
    while (ebb_file_read(s, scratch, sizeof scratch) == sizeof scratch) {
    }
    *bytes = s->position;
    return !s->failed && rewind_file(s);
}

/* zlib's own struct wants its three allocation fields set before it starts. */
static bool start_inflate(ebb_file *s) {
    s->stream = (z_stream){.zalloc = zlib_new, .zfree = zlib_free, .opaque = s->context};
    int answer = inflateInit2(&s->stream, 15 + 16); /* the largest window, gzip framing only */
    return answer == Z_OK || fail_inflate(s, answer == Z_STREAM_ERROR ? Z_DATA_ERROR : answer);
}

/* Opening a pipe must not wait for a writer, hence O_NONBLOCK: pipes are refused, regular files do not care. */
bool ebb_file_open(ebb_file *s, ebb_context *ebb, const char *what, const char *path, ebb_site site) {
    *s = (ebb_file){.context = ebb, .what = what, .path = path, .site = site};
    s->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->file < 0) return fail_system(s, errno);
    struct stat about;
    bool good = fstat(s->file, &about) == 0 || fail_system(s, errno);
    if (good && !S_ISREG(about.st_mode)) {
        ebb_fail_at(ebb, EBB_DATA_ERROR, site, "%s: %s: not a regular file", what, path);
        good = false;
    }
    if (good) refill(s);
    s->packed = s->raw_count >= 2 && s->raw[0] == 0x1F && s->raw[1] == 0x8B;
    good = good && !s->failed && (!s->packed || start_inflate(s));
    if (!good) close(s->file);
    return good;
}

void ebb_file_close(ebb_file *s) {
    if (s->packed) inflateEnd(&s->stream);
    close(s->file);
}
