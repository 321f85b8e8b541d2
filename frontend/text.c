/* text.c - numbers to text and back, whatever the locale.
 *
 * A float is shown with the fewest digits that read back exactly: the C library is asked for 1, 2, ... digits until the
 * answer reads back. Only digits and exponent are taken from its text, so the locale's decimal point never shows. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- decimals ---- */

static bool reads_back(ebb_dtype dtype, const char *text, double x) {
    return dtype == EBB_F32 ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x;
}

/* "d?ddde+XX", where ? is any decimal point or nothing */
static void take_digits(const char *text, ebb_decimal *d) {
    for (d->count = 0; *text != 'e'; text++)
        if (*text >= '0' && *text <= '9') d->digit[d->count++] = *text;
    d->exponent = atoi(text + 1);
}

/* Rounded to so many digits; true if they read back as the same number. */
bool ebb_decimal_rounded(ebb_dtype dtype, const void *element, int digits, ebb_decimal *d) {
    EBB_PLAIN_FLOATS;
    char text[64];
    double x = dtype == EBB_F32 ? (double)*(const float *)element : *(const double *)element;
    *d = (ebb_decimal){.negative = signbit(x) && !isnan(x), .special = isnan(x) ? "nan" : isinf(x) ? "inf" : NULL};
    if (d->special) return true;
    snprintf(text, sizeof text, "%.*e", digits - 1, fabs(x));
    take_digits(text, d);
    return reads_back(dtype, text, fabs(x));
}

void ebb_decimal_of(ebb_dtype dtype, const void *element, ebb_decimal *d) {
    int digits = 1;
    while (!ebb_decimal_rounded(dtype, element, digits, d) && digits < 17)
        digits++;
}

/* Digit i, counted from the first one; zeros before and after. */
static char digit_at(const ebb_decimal *d, int i) { return i >= 0 && i < d->count ? d->digit[i] : '0'; }

int ebb_decimal_plain(const ebb_decimal *d, char text[64]) {
    char *at = text;
    if (d->negative) *at++ = '-';
    if (d->exponent < 0) *at++ = '0';
    for (int i = 0; i <= d->exponent; i++)
        *at++ = digit_at(d, i);
    *at++ = '.';
    for (int i = d->exponent + 1; i < d->count; i++)
        *at++ = digit_at(d, i);
    *at = 0;
    return (int)(at - text);
}

int ebb_decimal_scientific(const ebb_decimal *d, int precision, int exponent_digits, char text[64]) {
    char *at = text;
    if (d->negative) *at++ = '-';
    *at++ = d->digit[0];
    *at++ = '.';
    for (int i = 1; i <= precision; i++)
        *at++ = digit_at(d, i);
    at += snprintf(at, 16, "e%c%0*d", d->exponent < 0 ? '-' : '+', exponent_digits, abs(d->exponent));
    return (int)(at - text);
}

/* ---- one number ---- */

/* As NumPy shows a scalar: plain from 1e-4 to 1e16. */
static int float_text(const ebb_decimal *d, char text[64]) {
    if (d->special) return snprintf(text, 8, "%s%s", d->negative ? "-" : "", d->special);
    if (d->digit[0] == '0' || (d->exponent >= -4 && d->exponent < 16)) {
        int n = ebb_decimal_plain(d, text);
        if (text[n - 1] == '.') text[n++] = '0';
        text[n] = 0;
        return n;
    }
    int n = ebb_decimal_scientific(d, d->count - 1, 2, text);
    char *point = strchr(text, '.');
    if (d->count > 1) return n;
    memmove(point, point + 1, strlen(point));
    return n - 1;
}

int ebb_number_text(ebb_dtype dtype, const void *element, char text[32]) {
    char wide[64] = "";
    ebb_decimal d;
    switch (dtype) {
    case EBB_BOOL:
        return snprintf(text, 32, "%s", *(const bool *)element ? "True" : "False");
    case EBB_I32:
        return snprintf(text, 32, "%ld", (long)*(const int32_t *)element);
    case EBB_I64:
        return snprintf(text, 32, "%lld", (long long)*(const int64_t *)element);
    case EBB_F32:
    case EBB_F64:
        ebb_decimal_of(dtype, element, &d);
        float_text(&d, wide);
        break;
    case EBB_NONE:
        break;
    }
    return snprintf(text, 32, "%.31s", wide);
}

/* ---- reading ---- */

static bool skip_digits(const char **at, const char *end) {
    const char *start = *at;
    while (*at < end && **at >= '0' && **at <= '9')
        ++*at;
    return *at > start;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before or after the point. */
static bool is_numeral(const char *at, const char *end) {
    if (at < end && (*at == '+' || *at == '-')) at++;
    bool digits = skip_digits(&at, end);
    if (at < end && *at == '.') {
        at++;
        digits |= skip_digits(&at, end);
    }
    if (digits && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        digits = skip_digits(&at, end);
    }
    return digits && at == end;
}

static bool parse_special(const char *text, size_t length, double *value) {
    bool sign = length && (*text == '-' || *text == '+');
    const char *word = text + sign;
    if (length - sign != 3) return false;
    if (!memcmp(word, "inf", 3))
        *value = *text == '-' ? -INFINITY : INFINITY;
    else if (!memcmp(word, "nan", 3))
        *value = NAN;
    else
        return false;
    return true;
}

bool ebb_decimal_parse(const char *text, size_t length, double *value) {
    EBB_PLAIN_FLOATS;
    char copy[1024];
    const char *point = localeconv()->decimal_point;
    size_t wide = strlen(point);
    if (parse_special(text, length, value)) return true;
    if (!is_numeral(text, text + length) || length + wide >= sizeof copy) return false;
    char *at = copy;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.')
            at = (char *)memcpy(at, point, wide) + wide;
        else
            *at++ = text[i];
    }
    *at = 0;
    *value = strtod(copy, NULL);
    return true;
}
