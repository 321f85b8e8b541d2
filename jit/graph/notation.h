/* notation.h - what print.c and parse.c must agree on: names of attributes, numbers, identifiers, escapes. */
#ifndef EBB_NOTATION_H
#define EBB_NOTATION_H

#include "jit/graph/types.h"

/* How the attributes of an operation are written: {axis=1}, or with lists {start=[0,1], step=[1,1]}, where the list of
 * attributes is cut in equal parts. A region's functions stand elsewhere. No names: the operation has none, or a
 * notation of its own (constant). The last name may be one that is written only where the number is not 0. */
typedef struct ebb_attr_names {
    int names;
    bool list;
    const char *name[5];
    bool zero_unsaid;
} ebb_attr_names;
extern const ebb_attr_names ebb_attr_notation[EBB_OP_COUNT];

/* One element of a tensor. Floats get the shortest decimals that read back to the same bits; NaN is nan(0x7fc00000),
 * its bits. Both need the C locale. */
#define EBB_NUMBER_TEXT 40
void ebb_number_print(ebb_dtype dtype, const void *element, char text[EBB_NUMBER_TEXT]);
bool ebb_number_parse(ebb_dtype dtype, const char *text, void *element);

/* Puts this thread into the C locale, whatever the program has chosen, and back. */
typedef struct ebb_locale {
    void *before;
} ebb_locale;
ebb_locale ebb_locale_c(void);
void ebb_locale_restore(ebb_locale locale);

/* Names are identifiers, [A-Za-z_][A-Za-z0-9_.]*, or anything in quotes. In quotes, and in file names, `"` and `\` are
 * written after a `\`, and control characters as \x0a. */
#define EBB_NAME_MOST 4096
bool ebb_is_letter(char c);                                           /* may start an identifier */
bool ebb_is_name_character(char c);                                   /* may continue it */
int ebb_escape(char c, char text[5]);                                 /* characters written */
bool ebb_unescape(const char *text, size_t n, char *to, size_t room); /* NUL-ended; false: broken, or no room */

/* What a site says beside its line: "adjoint", "tangent of adjoint in softmax", "in mean"; nothing for a node of the
 * program itself that no macro made. */
#define EBB_MARKS_TEXT 160
int ebb_marks_print(ebb_site site, char text[EBB_MARKS_TEXT]);    /* characters written */
bool ebb_marks_parse(const char *text, size_t n, ebb_site *site); /* sets part and macro */

#endif
