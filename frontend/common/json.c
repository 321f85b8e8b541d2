/* json.c - see json.h. */
#include "frontend/common/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

const char *number_text(double value, ebb_dtype dtype, char text[NUMBER_TEXT]) {
    bool same = isnan(value) || isinf(value);
    if (same) snprintf(text, NUMBER_TEXT, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    for (int digits = 1; !same && digits <= 17; digits++) {
        snprintf(text, NUMBER_TEXT, "%.*g", digits, value);
        same = dtype == EBB_F32 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
    }
    return text;
}

static void comma(json *j) {
    if (j->comma) fputs(j->human ? ", " : ",", j->to);
    j->comma = true;
}

void json_open(json *j, char bracket) {
    comma(j);
    fputc(bracket, j->to);
    j->comma = false;
}

void json_close(json *j, char bracket) {
    fputc(bracket, j->to);
    j->comma = true;
}

static void quoted(json *j, const char *text) {
    fputc('"', j->to);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(j->to, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(j->to, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, j->to);
    fputc('"', j->to);
}

void json_key(json *j, const char *key) {
    comma(j);
    quoted(j, key);
    fputc(':', j->to);
    j->comma = false;
}

void json_string(json *j, const char *text) {
    comma(j);
    quoted(j, text);
}

void json_real(json *j, double value, ebb_dtype dtype) {
    char text[NUMBER_TEXT];
    number_text(value, dtype, text);
    if (j->human && isfinite(value)) snprintf(text, sizeof text, "%.12g", value);
    if (j->human || isfinite(value)) {
        comma(j);
        fputs(text, j->to);
    } else {
        json_string(j, text);
    }
}

void json_field(json *j, const char *key, double value) {
    json_key(j, key);
    json_real(j, value, EBB_F64);
}

void json_text_field(json *j, const char *key, const char *text) {
    json_key(j, key);
    json_string(j, text);
}

static void element(json *j, const ebb_tensor *x, int64_t index) {
    switch (ebb_dtype_of(x)) {
    case EBB_BOOL:
        comma(j), fputs(((const bool *)ebb_data(x))[index] ? "true" : "false", j->to);
        break;
    case EBB_I64:
        comma(j), fprintf(j->to, "%" PRId64, ((const int64_t *)ebb_data(x))[index]);
        break;
    default:
        json_real(j, ebb_item(x, index), ebb_dtype_of(x));
    }
}

/* The block of x below `axis` whose first element is `index`, `size` elements. */
static void block(json *j, const ebb_tensor *x, int axis, int64_t index, int64_t size) {
    if (axis == ebb_rank(x)) {
        element(j, x, index);
        return;
    }
    int64_t rows = ebb_dim(x, axis);
    json_open(j, '[');
    for (int64_t i = 0; i < rows; i++)
        block(j, x, axis + 1, index + i * (size / rows), size / rows);
    json_close(j, ']');
}

void json_tensor(json *j, const ebb_tensor *x) { block(j, x, 0, 0, ebb_size(x)); }

void json_bool(json *j, bool value) { comma(j), fputs(value ? "true" : "false", j->to); }

bool json_end(json *j) {
    fputc('\n', j->to);
    return fflush(j->to) == 0 && !ferror(j->to);
}
