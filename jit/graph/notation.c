/* notation.c - see notation.h. */
#include "jit/graph/notation.h"
#include "jit/graph/plain_floats.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ebb_attr_names ebb_attr_notation[EBB_OP_COUNT] = {
    [EBB_OP_iota] = {.names = 1, .name = {"axis"}},
    [EBB_OP_broadcast] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_transpose] = {.names = 1, .list = true, .name = {"perm"}},
    [EBB_OP_slice] = {.names = 2, .list = true, .name = {"start", "step"}},
    [EBB_OP_reverse] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_windows] = {.names = 4, .name = {"axis", "size", "stride", "dilation"}},
    [EBB_OP_overlap_add] = {.names = 4, .name = {"axis", "size", "stride", "dilation"}},
    [EBB_OP_concat] = {.names = 1, .name = {"axis"}},
    [EBB_OP_pad] = {.names = 3, .list = true, .name = {"low", "high", "gap"}},
    [EBB_OP_sum] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_reduce_max] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_argmax] = {.names = 1, .name = {"axis"}},
    [EBB_OP_argsort] = {.names = 1, .name = {"axis"}},
    [EBB_OP_dot] = {.names = 2, .name = {"tx", "ty"}},
    [EBB_OP_sum_dot] = {.names = 2, .name = {"tx", "ty"}},
    [EBB_OP_gather] = {.names = 1, .name = {"axis"}},
    [EBB_OP_scatter_add] = {.names = 1, .name = {"axis"}},
    [EBB_OP_scatter_max] = {.names = 1, .name = {"axis"}},
    [EBB_OP_scatter_min] = {.names = 1, .name = {"axis"}},
    [EBB_OP_scatter_update] = {.names = 1, .name = {"axis"}},
    [EBB_OP_dynamic_slice] = {.names = 1, .list = true, .name = {"size"}},
    [EBB_OP_top_k] = {.names = 2, .name = {"axis", "k"}},
    [EBB_OP_arg_top_k] = {.names = 2, .name = {"axis", "k"}},
    [EBB_OP_triangular_solve] = {.names = 3, .name = {"transposed", "upper", "unit"}},
    [EBB_OP_lu_solve] = {.names = 1, .name = {"transposed"}},
    [EBB_OP_solve] = {.names = 1, .name = {"transposed"}},
    [EBB_OP_searchsorted] = {.names = 1, .name = {"right"}},
    [EBB_OP_check_index] = {.names = 1, .name = {"size"}},
    [EBB_OP_mean] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_variance] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_deviation] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_prod] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_reduce_min] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_reduce_all] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_reduce_any] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_argmin] = {.names = 1, .name = {"axis"}},
    [EBB_OP_cumsum] = {.names = 1, .name = {"axis"}},
    [EBB_OP_cumprod] = {.names = 1, .name = {"axis"}},
    [EBB_OP_sort] = {.names = 1, .name = {"axis"}},
    [EBB_OP_logsumexp] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_norm] = {.names = 1, .list = true, .name = {"axes"}},
    [EBB_OP_softmax] = {.names = 1, .name = {"axis"}},
    [EBB_OP_log_softmax] = {.names = 1, .name = {"axis"}},
    [EBB_OP_get] = {.names = 1, .name = {"k"}},
    [EBB_OP_custom] = {.names = 1, .name = {"reverse"}},
    [EBB_OP_loop] = {.names = 5, .name = {"states", "captures", "trips", "reverse", "budget"}, .zero_unsaid = true},
    [EBB_OP_unloop] = {.names = 5, .name = {"states", "captures", "trips", "reverse", "budget"}},
};

/* ---- numbers ---- */

/* Whole numbers in full, as long as they are short; others with the fewest digits that read back. */
static void print_float(ebb_dtype dtype, double value, char *text) {
    if (value == floor(value) && fabs(value) < 1e7) {
        snprintf(text, EBB_NUMBER_TEXT, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, EBB_NUMBER_TEXT, "%.*g", digits, value);
        if (dtype == EBB_F32 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) return;
    }
}

void ebb_number_print(ebb_dtype dtype, const void *element, char text[EBB_NUMBER_TEXT]) {
    EBB_PLAIN_FLOATS;
    union {
        uint8_t b;
        int32_t i32;
        int64_t i64;
        uint32_t u32;
        uint64_t u64;
        float f32;
        double f64;
    } v = {.u64 = 0};
    memcpy(&v, element, ebb_dtype_size(dtype));
    switch (dtype) {
    case EBB_BOOL:
        strcpy(text, v.b ? "true" : "false");
        return;
    case EBB_I32:
        snprintf(text, EBB_NUMBER_TEXT, "%" PRId32, v.i32);
        return;
    case EBB_I64:
        snprintf(text, EBB_NUMBER_TEXT, "%" PRId64, v.i64);
        return;
    case EBB_F32:
        if (!isnan(v.f32))
            print_float(dtype, v.f32, text);
        else
            snprintf(text, EBB_NUMBER_TEXT, "nan(0x%08" PRIx32 ")", v.u32);
        return;
    case EBB_F64:
        if (!isnan(v.f64))
            print_float(dtype, v.f64, text);
        else
            snprintf(text, EBB_NUMBER_TEXT, "nan(0x%016" PRIx64 ")", v.u64);
        return;
    case EBB_NONE:
        break;
    }
    strcpy(text, "?");
}

static bool parse_int(const char *text, int64_t low, int64_t high, int64_t *value) {
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return !errno && end != text && !*end && low <= *value && *value <= high;
}

/* The bits in nan(0x...); they must be a NaN of this dtype. */
static bool parse_nan(const char *text, uint64_t exponent, uint64_t most, uint64_t *bits) {
    char *end;
    if (strncmp(text, "nan(0x", 6)) return false;
    errno = 0;
    *bits = strtoull(text + 4, &end, 16);
    return !errno && !strcmp(end, ")") && *bits <= most && (*bits & exponent) == exponent;
}

static bool parse_f32(const char *text, float *value) {
    uint64_t bits;
    if (text[0] == 'n') {
        uint32_t narrow = 0;
        if (!parse_nan(text, 0x7f800000, UINT32_MAX, &bits)) return false;
        narrow = (uint32_t)bits;
        memcpy(value, &narrow, sizeof narrow);
        return isnan(*value);
    }
    char *end;
    *value = strtof(text, &end);
    return end != text && !*end && (!isinf(*value) || strstr(text, "inf"));
}

static bool parse_f64(const char *text, double *value) {
    uint64_t bits;
    if (text[0] == 'n') {
        if (!parse_nan(text, 0x7ff0000000000000, UINT64_MAX, &bits)) return false;
        memcpy(value, &bits, sizeof bits);
        return isnan(*value);
    }
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && (!isinf(*value) || strstr(text, "inf"));
}

bool ebb_number_parse(ebb_dtype dtype, const char *text, void *element) {
    EBB_PLAIN_FLOATS;
    int64_t wide;
    int32_t narrow;
    switch (dtype) {
    case EBB_BOOL:
        *(uint8_t *)element = !strcmp(text, "true");
        return *(uint8_t *)element || !strcmp(text, "false");
    case EBB_I32:
        if (!parse_int(text, INT32_MIN, INT32_MAX, &wide)) return false;
        narrow = (int32_t)wide;
        memcpy(element, &narrow, sizeof narrow);
        return true;
    case EBB_I64:
        return parse_int(text, INT64_MIN, INT64_MAX, element);
    case EBB_F32:
        return parse_f32(text, element);
    case EBB_F64:
        return parse_f64(text, element);
    case EBB_NONE:
        break;
    }
    return false;
}

ebb_locale ebb_locale_c(void) {
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* the C locale is a constant: nothing to free */
    return (ebb_locale){uselocale(c)};
}

void ebb_locale_restore(ebb_locale locale) { uselocale((locale_t)locale.before); }

/* ---- characters ---- */

bool ebb_is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

bool ebb_is_name_character(char c) { return ebb_is_letter(c) || (c >= '0' && c <= '9') || c == '.'; }

int ebb_escape(char c, char text[5]) {
    if (c == '"' || c == '\\') return sprintf(text, "\\%c", c);
    if ((unsigned char)c < 32 || c == 127) return sprintf(text, "\\x%02x", (unsigned)c);
    return sprintf(text, "%c", c);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool ebb_unescape(const char *text, size_t n, char *to, size_t room) {
    size_t written = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '\\' && n - i > 3 && text[i + 1] == 'x') {
            int high = hex_digit(text[i + 2]), low = hex_digit(text[i + 3]);
            if (high < 0 || low < 0 || high + low == 0) return false;
            c = (char)(16 * high + low);
            i += 3;
        } else if (c == '\\') {
            i++;
            if (i == n || (text[i] != '"' && text[i] != '\\')) return false;
            c = text[i];
        }
        if (written + 1 >= room) return false; /* the NUL needs room too */
        to[written++] = c;
    }
    to[written] = 0;
    return true;
}

/* ---- marks of sites ---- */

int ebb_marks_print(ebb_site site, char text[EBB_MARKS_TEXT]) {
    static const char *const name[] = {[EBB_TANGENT] = "tangent", [EBB_ADJOINT] = "adjoint"};
    int n = 0;
    *text = 0;
    for (unsigned part = site.part; part; part >>= 2)
        n += snprintf(text + n, (size_t)(EBB_MARKS_TEXT - n), "%s%s", n ? " of " : "", part & 3 ? name[part & 3] : "?");
    if (site.macro && site.macro < EBB_OP_COUNT)
        n += snprintf(text + n, (size_t)(EBB_MARKS_TEXT - n), "%sin %s", n ? " " : "", ebb_op_table[site.macro].name);
    return n;
}

/* Goes past this word and the space behind it. */
static bool take_word(const char **text, const char *end, const char *word) {
    size_t length = strlen(word), left = (size_t)(end - *text);
    if (left < length || memcmp(*text, word, length) || (left > length && (*text)[length] != ' ')) return false;
    *text += left > length ? length + 1 : length;
    return true;
}

bool ebb_marks_parse(const char *text, size_t n, ebb_site *site) {
    const char *end = text + n;
    bool more = true, inside = take_word(&text, end, "in");
    site->part = site->macro = 0;
    for (int shift = 0; more && !inside; shift += 2) {
        bool tangent = take_word(&text, end, "tangent");
        if (shift == 16 || (!tangent && !take_word(&text, end, "adjoint"))) return false;
        site->part |= (uint16_t)((tangent ? EBB_TANGENT : EBB_ADJOINT) << shift);
        more = take_word(&text, end, "of");
        inside = !more && take_word(&text, end, "in");
    }
    if (inside) site->macro = (uint16_t)ebb_op_by_name(text, (size_t)(end - text));
    return inside ? site->macro != 0 : text == end;
}
