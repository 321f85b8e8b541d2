/* json.h - writes one JSON document without spaces, value by value.
 *
 * Numbers are the shortest decimals that read back exactly; those that JSON lacks become the strings "nan", "inf" and
 * "-inf". Commas and colons come by themselves. The same writer prints tensors for people: see `human`. */
#ifndef EBB_COMMON_JSON_H
#define EBB_COMMON_JSON_H

#include "ebb.h"

typedef struct json {
    FILE *to;
    bool human; /* reals with twelve digits, never quoted, and a blank after each comma */
    bool comma; /* a value was written before at this level */
} json;

void json_open(json *j, char bracket); /* { or [ */
void json_close(json *j, char bracket);
void json_key(json *j, const char *key);
void json_string(json *j, const char *text);
void json_bool(json *j, bool value);
void json_real(json *j, double value, ebb_dtype dtype);  /* EBB_F32: as few digits as a float needs */
void json_tensor(json *j, const ebb_tensor *x);          /* nested arrays, a bare value for a scalar */
void json_field(json *j, const char *key, double value); /* key and value */
void json_text_field(json *j, const char *key, const char *text);
bool json_end(json *j); /* ends the line; false if anything could not be written */

/* The shortest decimal that reads back as the same f64 (or f32), or "nan", "inf", "-inf". Gives text. */
#define NUMBER_TEXT 32
const char *number_text(double value, ebb_dtype dtype, char text[NUMBER_TEXT]);

#endif
