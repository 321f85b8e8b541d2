/* main.c - the command `ebb`: finds the command by name and gives it its options. */
#include "frontend/command/command.h"

#include <string.h>

static const command commands[] = {
    {"eval", command_eval, FOR_MATH, "EXPR", "the value of an expression"},
    {"grad", command_grad, FOR_MATH, "EXPR", "its value and gradient"},
    {"hessian", command_hessian, FOR_MATH, "EXPR", "its value, gradient and matrix of second derivatives"},
    {"taylor", command_taylor, FOR_MATH | FOR_TAYLOR, "EXPR", "its Taylor coefficients along a line"},
    {"explain", command_explain, FOR_EXPLAIN, "EXPR", "what a derivative of it costs, and which road it takes"},
    {"sparsity", command_sparsity, FOR_SPARSITY, "EXPR", "where its Hessian may differ from zero, and what that saves"},
    {"check", command_check, FOR_CHECK, "EXPR", "compare its derivatives with differences, in every mode"},
    {"train", command_train, FOR_TRAIN, "", "train an image classifier on Fashion-MNIST"},
    {"bench", command_bench, FOR_BENCH, "EXPR", "time value and derivatives, eager against compiled"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

#define WORD(op) " " #op
static const char functions[] = EBB_UNARY_LIST(WORD) EBB_BINARY_LIST(WORD) /* and those of all axes, or the last */
    " clip(x,low,high) select(c,x,y) sum mean norm logsumexp dot(x,y) softmax log_softmax";
#undef WORD

/* Each word with the blank before it, on indented lines. */
static void help_functions(void) {
    size_t column = 0, length;
    putchar(' ');
    for (const char *word = functions; *word; word += length, column += length) {
        length = 1 + strcspn(word + 1, " ");
        if (column + length > 100) fputs("\n ", stdout), column = 0;
        printf("%.*s", (int)length, word);
    }
    putchar('\n');
}

static void help_language(void) {
    puts("EXPR is an infix expression of numbers, variables, pi and e:\n"
         "  + - * / ^ (or **; -x^2 is -(x^2)), comparisons, and functions by name:");
    help_functions();
    puts("An expression that begins with a minus goes behind --.");
}

static void help_all(FILE *to) {
    fputs("usage: ebb COMMAND [OPTION...]\n\ncommands\n", to);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-8s %-5s %s\n", commands[i].name, commands[i].arguments, commands[i].summary);
    fputs("\nebb COMMAND --help shows the options of a command.\n"
          "ebb grad 'exp(sin(x)*y) + log(1+x*x)' -v x=0.7 -v y=1.3\n",
          to);
}

static int help_command(const command *c) {
    printf("usage: ebb %s %s%s[OPTION...]\n%s\n\noptions\n", c->name, c->arguments, *c->arguments ? " " : "",
           c->summary);
    options_help(c->takes);
    if (c->takes == FOR_TRAIN) return EXIT_GOOD;
    putchar('\n');
    help_language();
    return EXIT_GOOD;
}

static const command *command_named(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int run(const command *c, int count, char **arguments) {
    options o;
    int status = EXIT_USAGE;
    if (options_read(&o, c->name, c->takes, count, arguments)) status = o.help ? help_command(c) : c->run(&o);
    options_free(&o);
    return status;
}

int finish(const options *o, ebb_context *ebb, bool good) {
    const char *error = ebb ? ebb_error(ebb) : "";
    good = good && !*error;
    if (!good) fprintf(stderr, "ebb %s: %s\n", o->command, *error ? error : "out of memory, or nowhere to write to");
    ebb_close(ebb);
    return good ? EXIT_GOOD : EXIT_FAILED;
}

int main(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : "";
    const command *c = command_named(name);
    if (c) return run(c, count - 2, arguments + 2);
    if (strcmp(name, "--version") == 0) return printf("ebb %s\n", ebb_version()) < 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) return help_all(stdout), EXIT_GOOD;
    if (*name) fprintf(stderr, "ebb: no command \"%s\"\n", name);
    help_all(stderr);
    return EXIT_USAGE;
}
