/* replay.c - goes through the files of a folder, each of which a fuzz target must survive. Usage: fuzz_<name> FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

static void replay(const char *path) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    fuzz_expect(file != NULL, "cannot open %s", path);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fprintf(stderr, "%s\n", path);
    uint8_t *exact = malloc(size + !size); /* so that a sanitizer sees the end */
    fuzz_expect(exact != NULL, "no memory");
    for (size_t i = 0; i < size; i++)
        exact[i] = bytes[i];
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

int main(int count, char **arguments) {
    int files = 0;
    DIR *folder = count > 1 ? opendir(arguments[1]) : NULL;
    fuzz_expect(folder != NULL, "usage: %s FOLDER", arguments[0]);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", arguments[1], entry->d_name);
        replay(path);
        files++;
    }
    closedir(folder);
    fuzz_expect(files > 0, "%s is empty", arguments[1]);
    printf("cases: %d files of %s\n", files, arguments[1]);
    return 0;
}
