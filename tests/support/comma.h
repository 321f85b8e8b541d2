/* comma.h - a locale whose decimal point is a comma, on any machine. */
#ifndef EBB_TESTS_COMMA_H
#define EBB_TESTS_COMMA_H

#include <stdbool.h>

/* Puts the program into such a locale: an installed one, or else one that is made for it. False, with a message, if
 * this C library reads no locales. Call it once. */
bool comma_locale(void);

#endif
