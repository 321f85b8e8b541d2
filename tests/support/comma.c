/* comma.c - see comma.h. */
#include "tests/support/comma.h"

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* An LC_NUMERIC file of glibc (localedef writes them; locale/loadlocale.c reads them): where each of six items is, and
 * the items: decimal point, thousands separator, grouping, both characters as numbers, and the encoding. */
typedef struct numeric {
    uint32_t magic, items, at[6], point, separator;
    char text[16];
} numeric;

enum { NUMBERS = 8 * 4, TEXT = NUMBERS + 2 * 4 };
static const numeric comma = {
    0x20031115u ^ LC_NUMERIC, 6, {TEXT, TEXT + 2, TEXT + 2, NUMBERS, NUMBERS + 4, TEXT + 4}, ',', 0, ",\0\0\0UTF-8"};

static bool write_locale(const char *path) {
    FILE *to = fopen(path, "wb");
    bool good = to && fwrite(&comma, sizeof comma, 1, to) == 1;
    return (!to || fclose(to) == 0) && good;
}

/* $LOCPATH/comma/LC_NUMERIC, and nothing is left of it */
static bool made(void) {
    char folder[] = "/tmp/ebb-locale-XXXXXX", inner[40], path[64];
    if (!mkdtemp(folder)) return false;
    snprintf(inner, sizeof inner, "%s/comma", folder);
    snprintf(path, sizeof path, "%s/LC_NUMERIC", inner);
    bool good = mkdir(inner, 0700) == 0 && write_locale(path) && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_NUMERIC, "comma");
    unlink(path), rmdir(inner), rmdir(folder);
    return good;
}

bool comma_locale(void) {
    static const char *const installed[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    for (size_t i = 0; i < sizeof installed / sizeof *installed; i++)
        if (setlocale(LC_ALL, installed[i])) return true;
    if (made()) return true;
    fprintf(stderr, "no locale with a decimal comma could be made\n");
    return false;
}
