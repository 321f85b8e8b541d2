/* command.h - the command `ebb`: what its files share.
 *
 * main.c finds the command by its first argument, options.c reads the rest into one struct, and each command_*.c is one
 * command or a family of them. Everything goes through the public header. */
#ifndef EBB_COMMAND_H
#define EBB_COMMAND_H

#include "ebb.h"

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Sets of commands, for the options that they take. */
enum {
    FOR_MATH = 1,
    FOR_TRAIN = 2,
    FOR_BENCH = 4,
    FOR_TAYLOR = 8,
    FOR_EXPLAIN = 16,
    FOR_CHECK = 32,
    FOR_SPARSITY = 64
};

typedef struct options {
    const char *command;
    const char *expression; /* FOR_MATH, FOR_BENCH, FOR_EXPLAIN */
    int variables;          /* -v NAME=VALUE */
    char **name;            /* [variables], owned */
    const char **value;     /* [variables] */
    const char **along;     /* [variables] --along: directions; NULL: none was given */
    int order;              /* FOR_TAYLOR; FOR_CHECK: 0 is the default */
    int object;             /* FOR_EXPLAIN, of explain_object */
    bool jacobian;          /* FOR_SPARSITY: instead of the Hessian */
    const char *road;       /* NULL: the planner's choice */
    double budget;          /* MB; 0: the default */
    ebb_dtype dtype;
    ebb_mode mode;
    const char *cpu; /* NULL: this machine's */
    bool json;
    const char *data; /* FOR_TRAIN */
    int epochs, batch, hidden;
    double learning_rate;
    uint64_t seed;
    int directions;   /* FOR_CHECK */
    double tolerance; /* 0: the default */
    bool help;
} options;

/* Reads the arguments behind the command's name. False: what is wrong was said on stderr. */
bool options_read(options *o, const char *name, int commands, int count, char **arguments);
void options_free(options *o);
void options_help(int commands); /* the list of options, on stdout */

/* What the exit status is; `commands` is the bit of options that it takes. */
typedef struct command {
    const char *name;
    int (*run)(const options *o);
    int takes;
    const char *arguments, *summary;
} command;

int command_eval(const options *o);
int command_grad(const options *o);
int command_hessian(const options *o);
int command_taylor(const options *o);
int command_train(const options *o);
int command_bench(const options *o);
int command_explain(const options *o);
int command_check(const options *o);
int command_sparsity(const options *o);
int explain_object(const char *name); /* which of --of it is; -1: none */

/* Closes the context (NULL: there was no memory for it) and gives the exit status; what went wrong is said on stderr.
 */
int finish(const options *o, ebb_context *ebb, bool good);

/* ---- problem.c: an expression with values for its variables ---- */

typedef struct problem {
    ebb_function *function;
    int count;
    int *all;               /* [count] 0, 1, ...: differentiate by everything */
    ebb_operand *arguments; /* [2 * count] the values, then room for directions */
    int64_t size;           /* elements of all variables together */
} problem;

/* False: the context has the error, or there is no memory. The values belong to the innermost scope. */
bool problem_open(problem *p, ebb_context *ebb, const options *o);
void problem_close(problem *p);
ebb_wrt problem_wrt(const problem *p);

#endif
