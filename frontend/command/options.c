/* options.c - the options of all commands: one row each. Start reading at the table. */
#include "frontend/command/command.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- values: each setter gives NULL, or what it expected ---- */

static const char *set_variable(options *o, const char *value) {
    const char *equals = strchr(value, '=');
    if (!equals || equals == value) return "NAME=VALUE";
    o->name[o->variables] = strndup(value, (size_t)(equals - value));
    if (!o->name[o->variables]) return "less: there is no memory";
    o->value[o->variables++] = equals + 1;
    return NULL;
}

/* Of a variable that is known already. */
static const char *set_along(options *o, const char *value) {
    const char *equals = strchr(value, '=');
    size_t length = equals ? (size_t)(equals - value) : 0;
    for (int i = 0; i < o->variables; i++)
        if (length && strlen(o->name[i]) == length && strncmp(o->name[i], value, length) == 0) {
            o->along[i] = equals + 1;
            return NULL;
        }
    return "NAME=VALUE of a variable that was given before";
}

static const char *set_dtype(options *o, const char *value) {
    o->dtype = strcmp(value, "f32") == 0 ? EBB_F32 : strcmp(value, "f64") == 0 ? EBB_F64 : EBB_NONE;
    return o->dtype == EBB_NONE ? "f32 or f64" : NULL;
}

/* Asked for compiled code, nothing else will do. */
static const char *set_mode(options *o, const char *value) {
    if (strcmp(value, "eager") == 0)
        o->mode = EBB_EAGER;
    else if (strcmp(value, "compiled") == 0)
        o->mode = EBB_NATIVE;
    else
        return "eager or compiled";
    return NULL;
}

/* The compiler knows the names. */
static const char *set_cpu(options *o, const char *value) {
    o->cpu = value;
    return *value ? NULL : "a processor";
}

static const char *set_json(options *o, const char *value) {
    (void)value;
    o->json = true;
    return NULL;
}

static const char *set_help(options *o, const char *value) {
    (void)value;
    o->help = true;
    return NULL;
}

static const char *set_data(options *o, const char *value) {
    o->data = value;
    return *value ? NULL : "a folder";
}

static const char *set_count(int *to, const char *value) {
    char *end;
    errno = 0;
    long n = strtol(value, &end, 10);
    if (errno || end == value || *end || n < 1 || n > INT_MAX / 2) return "a whole number above 0";
    *to = (int)n;
    return NULL;
}

static const char *set_order(options *o, const char *value) { return set_count(&o->order, value); }
static const char *set_epochs(options *o, const char *value) { return set_count(&o->epochs, value); }
static const char *set_batch(options *o, const char *value) { return set_count(&o->batch, value); }
static const char *set_hidden(options *o, const char *value) { return set_count(&o->hidden, value); }

#define OBJECTS "value, gradient, jacobian, hessian, hvp, diagonal, laplacian, sparse_jacobian or sparse_hessian"

static const char *set_object(options *o, const char *value) {
    o->object = explain_object(value);
    return o->object < 0 ? OBJECTS : NULL;
}

static const char *set_matrix(options *o, const char *value) {
    o->jacobian = strcmp(value, "jacobian") == 0;
    return o->jacobian || strcmp(value, "hessian") == 0 ? NULL : "hessian or jacobian";
}

static const char *set_road(options *o, const char *value) {
    o->road = value;
    return *value ? NULL : "a road";
}

static const char *positive(double *to, const char *value) {
    char *end;
    *to = strtod(value, &end);
    return end == value || *end || !(*to > 0) || isinf(*to) ? "a number above 0" : NULL;
}

static const char *set_budget(options *o, const char *value) { return positive(&o->budget, value); }

static const char *set_tolerance(options *o, const char *value) { return positive(&o->tolerance, value); }

static const char *set_directions(options *o, const char *value) { return set_count(&o->directions, value); }

static const char *set_rate(options *o, const char *value) { return positive(&o->learning_rate, value); }

static const char *set_seed(options *o, const char *value) {
    char *end;
    errno = 0;
    o->seed = strtoull(value, &end, 10);
    return errno || end == value || *end || strchr(value, '-') ? "a whole number" : NULL;
}

/* ---- the table ---- */

typedef struct option_row {
    const char *name;
    char letter;
    int commands;
    const char *argument; /* NULL: it takes none */
    const char *(*set)(options *o, const char *value);
    const char *help;
} option_row;

static const option_row rows[] = {
    {"--variable", 'v', FOR_MATH | FOR_BENCH | FOR_EXPLAIN | FOR_CHECK | FOR_SPARSITY, "NAME=VALUE", set_variable,
     "a variable: 0.7, or a vector [1,2,3]"},
    {"--dtype", 0, FOR_MATH | FOR_BENCH | FOR_EXPLAIN | FOR_CHECK | FOR_SPARSITY, "f32|f64", set_dtype,
     "of the variables (f64)"},
    {"--order", 0, FOR_TAYLOR, "N", set_order, "how many coefficients (8)"},
    {"--order", 0, FOR_CHECK, "N", set_order, "1: first derivatives only (2)"},
    {"--directions", 0, FOR_CHECK, "N", set_directions, "random directions (3)"},
    {"--tolerance", 0, FOR_CHECK, "X", set_tolerance, "relative, for differences (1e-6, f32: 0.01)"},
    {"--along", 0, FOR_TAYLOR, "NAME=VALUE", set_along, "a variable's direction (1 for the first one, 0 for others)"},
    {"--of", 0, FOR_EXPLAIN, "OBJECT", set_object, OBJECTS " (gradient)"},
    {"--of", 0, FOR_SPARSITY, "hessian|jacobian", set_matrix, "which matrix (hessian)"},
    {"--road", 0, FOR_EXPLAIN, "NAME", set_road, "take the road of that name (what the planner chooses)"},
    {"--budget", 0, FOR_EXPLAIN, "MB", set_budget, "memory that the derivative should keep within (268)"},
    {"--data", 0, FOR_TRAIN, "DIR", set_data, "folder of the four IDX files (Debian's dataset-fashion-mnist)"},
    {"--epochs", 0, FOR_TRAIN, "N", set_epochs, "passes over the training images (10)"},
    {"--batch", 0, FOR_TRAIN, "N", set_batch, "images of a step (64)"},
    {"--lr", 0, FOR_TRAIN, "X", set_rate, "learning rate of Adam (0.001)"},
    {"--hidden", 0, FOR_TRAIN, "N", set_hidden, "units of the hidden layer (128)"},
    {"--seed", 0, FOR_CHECK, "N", set_seed, "of the directions (1)"},
    {"--seed", 0, FOR_TRAIN, "N", set_seed, "of the weights and the order of the images (1)"},
    {"--mode", 0, FOR_MATH | FOR_TRAIN | FOR_CHECK, "eager|compiled", set_mode,
     "one of them only (compiled where possible)"},
    {"--cpu", 0, FOR_MATH | FOR_TRAIN | FOR_BENCH | FOR_CHECK, "NAME", set_cpu,
     "compile for native or x86-64[-v2|-v3|-v4] (native)"},
    {"--json", 0, FOR_MATH | FOR_TRAIN | FOR_BENCH | FOR_EXPLAIN | FOR_CHECK | FOR_SPARSITY, NULL, set_json,
     "one JSON document; nan and inf are strings"},
    {"--help", 'h', FOR_MATH | FOR_TRAIN | FOR_BENCH | FOR_EXPLAIN | FOR_CHECK | FOR_SPARSITY, NULL, set_help,
     "this text"},
};
enum { ROWS = sizeof rows / sizeof *rows };

void options_help(int commands) {
    for (int i = 0; i < ROWS; i++) {
        char left[64];
        if (!(rows[i].commands & commands)) continue;
        snprintf(left, sizeof left, "%c%c%s%s %s", rows[i].letter ? '-' : ' ', rows[i].letter ? rows[i].letter : ' ',
                 rows[i].letter ? ", " : "  ", rows[i].name, rows[i].argument ? rows[i].argument : "");
        printf("  %-30s %s\n", left, rows[i].help);
    }
}

/* ---- reading ---- */

__attribute__((format(printf, 2, 3))) static bool usage(const options *o, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "ebb %s: ", o->command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see ebb %s --help\n", o->command);
    return false;
}

/* The row that `text` names, as --name, --name=value, -v or -vvalue; *value is what is attached to it, or NULL. */
static const option_row *row_of(const char *text, int commands, const char **value) {
    for (int i = 0; i < ROWS; i++) {
        size_t length = strlen(rows[i].name);
        if (!(rows[i].commands & commands)) continue;
        *value = NULL;
        if (strcmp(text, rows[i].name) == 0) return &rows[i];
        if (rows[i].argument && strncmp(text, rows[i].name, length) == 0 && text[length] == '=')
            return *value = text + length + 1, &rows[i];
        if (rows[i].letter && text[1] == rows[i].letter && (!text[2] || rows[i].argument))
            return *value = text[2] ? text + 2 : NULL, &rows[i];
    }
    return NULL;
}

/* One option with its value, which may be the next argument; `used` counts the arguments taken. */
static bool read_option(options *o, int commands, int left, char **arguments, int *used) {
    const char *value;
    const option_row *row = row_of(arguments[0], commands, &value);
    *used = 1;
    if (!row) return usage(o, "unknown option \"%s\" (an expression that begins with - goes behind --)", arguments[0]);
    if (row->argument && !value) {
        if (left < 2) return usage(o, "%s needs %s", row->name, row->argument);
        value = arguments[1];
        *used = 2;
    }
    const char *expected = row->set(o, value);
    return !expected || usage(o, "%s: \"%s\" is not %s", row->name, value, expected);
}

static bool read_operand(options *o, int commands, const char *text) {
    if (commands == FOR_TRAIN || o->expression) return usage(o, "\"%s\" is one argument too many", text);
    o->expression = text;
    return true;
}

bool options_read(options *o, const char *name, int commands, int count, char **arguments) {
    *o = (options){.command = name,
                   .dtype = EBB_F64,
                   .seed = 1,
                   .epochs = 10,
                   .order = commands == FOR_CHECK ? 2 : 8,
                   .object = explain_object("gradient")};
    o->name = calloc((size_t)count + 1, sizeof *o->name);
    o->value = calloc((size_t)count + 1, sizeof *o->value);
    o->along = calloc((size_t)count + 1, sizeof *o->along);
    if (!o->name || !o->value || !o->along) return usage(o, "no memory");
    bool only_operands = false;
    for (int i = 0, used; i < count; i += used) {
        const char *text = arguments[i];
        used = 1;
        if (only_operands || text[0] != '-' || !text[1]) {
            if (!read_operand(o, commands, text)) return false;
        } else if (strcmp(text, "--") == 0) {
            only_operands = true;
        } else if (!read_option(o, commands, count - i, arguments + i, &used)) {
            return false;
        }
    }
    if (commands != FOR_TRAIN && !o->expression && !o->help) return usage(o, "no expression");
    return true;
}

void options_free(options *o) {
    for (int i = 0; i < o->variables; i++)
        free(o->name[i]);
    free(o->name);
    free(o->value);
    free(o->along);
}
