/* test_idx.c - ebb_read_idx: every element type into every dtype, plain and gzip'ed, and files that lie or break off.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "frontend/ebb.h"
#include "tests/support/scarce.h"

/* ---- files ---- */

typedef struct bytes {
    unsigned char at[512];
    size_t count;
} bytes;

static bytes bytes_of(const char *hex) {
    bytes b = {.count = 0};
    for (unsigned value; *hex; hex += 2) {
        if (*hex == ' ') {
            hex--;
            continue;
        }
        sscanf(hex, "%2x", &value);
        b.at[b.count++] = (unsigned char)value;
    }
    return b;
}

static bytes joined(bytes a, bytes b) {
    memcpy(a.at + a.count, b.at, b.count);
    a.count += b.count;
    return a;
}

static bytes part(bytes a, size_t from, size_t count) {
    bytes b = {.count = count};
    memcpy(b.at, a.at + from, count);
    return b;
}

static bytes packed(bytes b) {
    bytes result = {.count = 0};
    z_stream z = {.next_in = b.at, .avail_in = (unsigned)b.count, .next_out = result.at, .avail_out = sizeof result.at};
    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    result.count = z.total_out;
    deflateEnd(&z);
    return result;
}

static char path[] = "/tmp/ebb-idx-XXXXXX";

static void write_file(bytes b) {
    static bool made;
    if (!made) {
        int file = mkstemp(path);
        cr_assert_geq(file, 0);
        close(file);
        made = true;
    }
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(b.at, 1, b.count, file), b.count);
    fclose(file);
}

static void remove_file(void) { unlink(path); }

/* The error's code with its text in `text`, EBB_OK if there is none. */
static ebb_code read_error(bytes b, ebb_dtype dtype, char text[600]) {
    ebb_context *ebb = ebb_open(NULL);
    write_file(b);
    bool poison = ebb_is_poison(ebb_read_idx(ebb, path, dtype));
    ebb_code code = ebb_error_code(ebb);
    snprintf(text, 600, "%s", ebb_error(ebb));
    cr_assert_eq(poison, code != EBB_OK, "poison and error go together");
    ebb_close(ebb);
    return code;
}

/* ---- values ---- */

static const struct {
    const char *name, *hex;
    ebb_dtype dtype, result;
    double value[2];
} good_files[] = {
    {"u8 as f32", "00000801 00000002 00FF", EBB_F32, EBB_F32, {0, 255}},
    {"u8 as itself", "00000801 00000002 07FF", EBB_NONE, EBB_I32, {7, 255}},
    {"u8 as i64", "00000801 00000002 07FF", EBB_I64, EBB_I64, {7, 255}},
    {"u8 as bool", "00000801 00000002 0001", EBB_BOOL, EBB_BOOL, {0, 1}},
    {"i8", "00000901 00000002 807F", EBB_NONE, EBB_I32, {-128, 127}},
    {"i16", "00000B01 00000002 80007FFF", EBB_F64, EBB_F64, {-32768, 32767}},
    {"i32", "00000C01 00000002 800000007FFFFFFF", EBB_I64, EBB_I64, {-2147483648.0, 2147483647}},
    {"i32 as f32", "00000C01 00000002 0100000001000002", EBB_F32, EBB_F32, {16777216, 16777218}},
    {"f32", "00000D01 00000002 3FC00000FF800000", EBB_NONE, EBB_F32, {1.5, -INFINITY}},
    {"f32 as f64", "00000D01 00000002 3FC000007FC00000", EBB_F64, EBB_F64, {1.5, NAN}},
    {"f32 as i32", "00000D01 00000002 C0A0000080000000", EBB_I32, EBB_I32, {-5, 0}},
    {"f64", "00000E01 00000002 3FF80000000000000000000000000001", EBB_NONE, EBB_F64, {1.5, 0x1p-1074}},
    {"f64 as f32", "00000E01 00000002 3FF80000000000007FF8000000000000", EBB_F32, EBB_F32, {1.5, NAN}},
    {"two axes", "00000802 00000001 00000002 0304", EBB_I32, EBB_I32, {3, 4}},
    {"eight axes",
     "00000808 00000001 00000001 00000001 00000001 00000002 00000001 00000001 00000001 0304",
     EBB_I32,
     EBB_I32,
     {3, 4}},
};

static void check_values(const char *name, bytes file, ebb_dtype dtype, ebb_dtype expected, const double value[2]) {
    ebb_context *ebb = ebb_open(NULL);
    write_file(file);
    ebb_tensor *x = ebb_read_idx(ebb, path, dtype);
    cr_expect(ebb_ok(ebb), "%s: %s", name, ebb_error(ebb));
    cr_expect_eq(ebb_dtype_of(x), expected, "%s: dtype %d", name, ebb_dtype_of(x));
    cr_expect_eq(ebb_size(x), 2, "%s: %d elements", name, (int)ebb_size(x));
    for (int i = 0; i < 2 && ebb_ok(ebb); i++) {
        double got = ebb_item(x, i);
        cr_expect(got == value[i] || (isnan(got) && isnan(value[i])), "%s: element %d is %g", name, i, got);
    }
    ebb_close(ebb);
}

Test(idx, values, .fini = remove_file) {
    for (size_t i = 0; i < sizeof good_files / sizeof *good_files; i++) {
        bytes plain = bytes_of(good_files[i].hex), two = packed(part(plain, 0, 6));
        two = joined(two, packed(part(plain, 6, plain.count - 6)));
        bytes files[] = {plain, packed(plain), two};
        for (int k = 0; k < 3; k++)
            check_values(good_files[i].name, files[k], good_files[i].dtype, good_files[i].result, good_files[i].value);
    }
}

Test(idx, empty_and_scalar, .fini = remove_file) {
    ebb_context *ebb = ebb_open(NULL);
    write_file(bytes_of("00000802 00000000 00000003"));
    ebb_tensor *none = ebb_read_idx(ebb, path, EBB_F32);
    cr_expect(ebb_ok(ebb), "%s", ebb_error(ebb));
    cr_expect(ebb_rank(none) == 2 && ebb_dim(none, 0) == 0 && ebb_dim(none, 1) == 3);
    write_file(bytes_of("00000E00 4000000000000000"));
    ebb_tensor *two = ebb_read_idx(ebb, path, EBB_NONE);
    cr_expect(ebb_ok(ebb), "%s", ebb_error(ebb));
    cr_expect(ebb_rank(two) == 0 && ebb_item(two, 0) == 2);
    ebb_close(ebb);
}

/* More elements than fit in the reader's buffers. */
Test(idx, large, .fini = remove_file) {
    enum { COUNT = 100003 };
    ebb_context *ebb = ebb_open(NULL);
    write_file(bytes_of(""));
    gzFile file = gzopen(path, "wb");
    gzwrite(file, "\0\0\x0B\1\0\1\x86\xA3", 8);
    for (int i = 0; i < COUNT; i++)
        gzwrite(file, (unsigned char[]){(unsigned char)(i % 30011 >> 8), (unsigned char)(i % 30011)}, 2);
    gzclose(file);
    ebb_tensor *x = ebb_read_idx(ebb, path, EBB_F32);
    cr_assert(ebb_ok(ebb), "%s", ebb_error(ebb));
    cr_assert_eq(ebb_size(x), COUNT);
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(((const float *)ebb_data(x))[i], (float)(i % 30011), "element %d", i);
    ebb_close(ebb);
}

/* ---- what must be refused ---- */

static const struct {
    const char *hex;
    ebb_dtype dtype;
    ebb_code code;
    const char *says;
} bad_files[] = {
    {"", EBB_F32, EBB_DATA_ERROR, "byte 0: the file ends inside its header"},
    {"01000801 00000000", EBB_F32, EBB_DATA_ERROR, "byte 0: not an IDX file"},
    {"00010801 00000000", EBB_F32, EBB_DATA_ERROR, "byte 1: not an IDX file"},
    {"00000A01 00000000", EBB_F32, EBB_DATA_ERROR, "byte 2: unknown element type 0x0A"},
    {"00000809 00000001", EBB_F32, EBB_DATA_ERROR, "byte 3: rank 9"},
    {"000008FF 00000001", EBB_F32, EBB_DATA_ERROR, "byte 3: rank 255"},
    {"00000801 00000003 0102", EBB_F32, EBB_DATA_ERROR, "byte 10: the file ends, but its header says 3 bytes"},
    {"00000801 FFFFFFFF 0102", EBB_F32, EBB_DATA_ERROR, "byte 10: the file ends, but its header says 4294967295 bytes"},
    {"00000801 00000001 0102", EBB_F32, EBB_DATA_ERROR, "byte 9: 1 bytes follow the last element"},
    {"00000E08 FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF FFFFFFFF", EBB_F32, EBB_DATA_ERROR,
     "byte 4: the sizes of the header overflow"},
    {"00000E02 FFFFFFFF 7FFFFFFF", EBB_F32, EBB_DATA_ERROR, "byte 4: the sizes of the header overflow"},
    {"00000801 00000002 0102", EBB_BOOL, EBB_VALUE_ERROR, "byte 9: u8 element 2 is no bool"},
    {"00000C01 00000002 0000000101000001", EBB_F32, EBB_VALUE_ERROR, "byte 12: i32 element 16777217 is no f32"},
    {"00000E01 00000001 3FE0000000000000", EBB_I32, EBB_VALUE_ERROR, "byte 8: f64 element 0.5 is no i32"},
    {"00000E01 00000001 41E0000000000000", EBB_I32, EBB_VALUE_ERROR, "is no i32"},
    {"00000E01 00000001 43E0000000000000", EBB_I64, EBB_VALUE_ERROR, "is no i64"},
    {"00000E01 00000001 7FF8000000000000", EBB_I64, EBB_VALUE_ERROR, "nan is no i64"},
    {"00000E01 00000001 47F0000000000000", EBB_F32, EBB_VALUE_ERROR, "is no f32"},
    {"00000E01 00000001 3FB999999999999A", EBB_F32, EBB_VALUE_ERROR, "is no f32"},
    {"1F8B", EBB_F32, EBB_DATA_ERROR, "byte 2: the file ends inside its gzip data"},
    {"1F8B0900 00000000 0000", EBB_F32, EBB_DATA_ERROR, "broken gzip data"},
};

Test(idx, refused, .fini = remove_file) {
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        char text[600];
        ebb_code code = read_error(bytes_of(bad_files[i].hex), bad_files[i].dtype, text);
        cr_expect_eq(code, bad_files[i].code, "%s: code %s, %s", bad_files[i].hex, ebb_code_name(code), text);
        cr_expect_not_null(strstr(text, bad_files[i].says), "%s: \"%s\"", bad_files[i].hex, text);
        cr_expect_not_null(strstr(text, path), "%s: the file's name is in \"%s\"", bad_files[i].hex, text);
    }
}

Test(idx, cut_at_every_byte, .fini = remove_file) {
    bytes plain = bytes_of("00000D02 00000001 00000002 3FC00000 40000000");
    bytes files[] = {plain, packed(plain), joined(packed(part(plain, 0, 7)), packed(part(plain, 7, plain.count - 7)))};
    for (int k = 0; k < 3; k++)
        for (size_t n = 0; n < files[k].count; n++) {
            char text[600];
            ebb_code code = read_error(part(files[k], 0, n), EBB_F32, text);
            cr_expect_eq(code, EBB_DATA_ERROR, "kind %d cut at %zu: %s %s", k, n, ebb_code_name(code), text);
            cr_expect_not_null(strstr(text, ": byte "), "kind %d cut at %zu: %s", k, n, text);
        }
}

/* An error, or a bit that means nothing: then the values are still right. */
Test(idx, every_bit_of_gzip_flipped, .fini = remove_file) {
    bytes good = packed(bytes_of("00000D02 00000001 00000002 3FC00000 40000000"));
    for (size_t bit = 0; bit < 8 * good.count; bit++) {
        bytes bad = good;
        char text[600];
        bad.at[bit / 8] ^= (unsigned char)(1 << bit % 8);
        ebb_code code = read_error(bad, EBB_F32, text);
        cr_expect(code == EBB_OK || code == EBB_DATA_ERROR, "bit %zu: %s %s", bit, ebb_code_name(code), text);
        if (code == EBB_OK) check_values("a flipped bit", bad, EBB_F32, EBB_F32, (double[]){1.5, 2});
    }
}

Test(idx, something_behind_gzip, .fini = remove_file) {
    bytes good = packed(bytes_of("00000801 00000002 0102"));
    const char *behind[] = {"00", "4142", "1F8B", "1F8B08"};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        char text[600];
        ebb_code code = read_error(joined(good, bytes_of(behind[i])), EBB_F32, text);
        cr_expect_eq(code, EBB_DATA_ERROR, "%s behind: %s %s", behind[i], ebb_code_name(code), text);
    }
}

Test(idx, no_file) {
    static const struct {
        const char *path;
        ebb_code code;
    } cases[] = {{"/nowhere/at/all", EBB_NOT_FOUND}, {"", EBB_NOT_FOUND},     {"/tmp", EBB_DATA_ERROR},
                 {"/dev/zero", EBB_DATA_ERROR},      {NULL, EBB_VALUE_ERROR}, {"/dev/null/x", EBB_NOT_FOUND}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ebb_context *ebb = ebb_open(NULL);
        cr_expect(ebb_is_poison(ebb_read_idx(ebb, cases[i].path, EBB_F32)));
        cr_expect_eq(ebb_error_code(ebb), cases[i].code, "%s: %s", cases[i].path, ebb_error(ebb));
        ebb_close(ebb);
    }
    cr_expect(ebb_is_poison(ebb_read_idx(NULL, "/tmp", EBB_F32)));
}

/* ---- memory ---- */

Test(idx, allocation_k_fails, .fini = remove_file) {
    bool good = false;
    write_file(packed(bytes_of("00000801 00000002 0102")));
    for (long k = 0; k < 1000 && !good; k++) {
        scarce s = {.left = INT64_MAX};
        ebb_context *ebb = ebb_open(&(ebb_options){.allocator = scarce_allocator(&s)});
        s.left = k;
        good = !ebb_is_poison(ebb_read_idx(ebb, path, EBB_F32));
        cr_expect(good || ebb_error_code(ebb) == EBB_NO_MEMORY, "allocation %ld: %s", k, ebb_error(ebb));
        ebb_close(ebb);
        cr_expect_eq(s.live, 0, "allocation %ld: %d left behind", k, (int)s.live);
    }
    cr_expect(good);
}

/* ---- real data ---- */

static void check_labels(ebb_context *ebb, const char *name, int64_t count, const char *first) {
    char file[4096];
    snprintf(file, sizeof file, "%s/data/fashion-small-%s-labels.gz", getenv("EBB_TESTS"), name);
    ebb_tensor *labels = ebb_read_idx(ebb, file, EBB_I64);
    snprintf(file, sizeof file, "%s/data/fashion-small-%s-images.gz", getenv("EBB_TESTS"), name);
    ebb_tensor *images = ebb_read_idx(ebb, file, EBB_F32);
    cr_assert(ebb_ok(ebb), "%s", ebb_error(ebb));
    cr_expect(ebb_size(labels) == count && ebb_dim(images, 0) == count && ebb_dim(images, 1) == 28);
    for (int i = 0; first[i]; i++)
        cr_expect_eq((int)ebb_item(labels, i), first[i] - '0', "%s label %d", name, i);
}

Test(idx, fashion) {
    ebb_context *ebb = ebb_open(NULL);
    cr_assert_not_null(getenv("EBB_TESTS"), "EBB_TESTS names the folder of the tests");
    check_labels(ebb, "train", 2000, "9003027255");
    check_labels(ebb, "test", 500, "92116146");
    ebb_close(ebb);
}
