/* mutants.h - for tests of the tests: a word of dual/ that says something wrong, which random programs must notice
 * (other_roads.h).
 *
 * The linker puts __wrap_ebb_plus wherever another file calls ebb_plus, which it then finds as __real_ebb_plus
 * (CMakeLists.txt names them all), so that the library has nothing of this. Start reading at expect_all_caught. */
#ifndef EBB_TEST_MUTANTS_H
#define EBB_TEST_MUTANTS_H

#include <stdbool.h>

#define WRAPPED(type, name, ...)                                                                                       \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

/* True where the mutant at work lies; counted. */
bool lies(int fault);

typedef struct mutant {
    const char *what;
    const char *checks; /* only those that have this in their name are asked; NULL: all */
} mutant;

/* Each mutant from 1 on is asked for, and noticed; without one, no program fails. */
void expect_all_caught(const char *of_what, int faults, const mutant *mutants);

#endif
