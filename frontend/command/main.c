/* main.c - the command `ebb`: finds the command by name and gives it its options. */
#include "frontend/command/command.h"

#include <string.h>

static const command commands[] = {
    {"eval", command_eval, FOR_MATH, "EXPR", "the value of an expression"},
    {"grad", command_grad, FOR_MATH, "EXPR", "its value and gradient"},
    {"hessian", command_hessian, FOR_MATH, "EXPR", "its value, gradient and matrix of second derivatives"},
    {"taylor", command_taylor, FOR_MATH | FOR_TAYLOR, "EXPR", "its Taylor coefficients along a line"},
    {"train", command_train, FOR_TRAIN, "", "train an image classifier on Fashion-MNIST"},
    {"bench", command_bench, FOR_BENCH, "EXPR", "time value and derivatives, eager against compiled"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const char language[] =
    "EXPR is an infix expression of numbers, variables, pi and e:\n"
    "  + - * / ^ (or **; -x^2 is -(x^2)), comparisons, and functions by name: abs sign exp expm1 log log1p sqrt\n"
    "  square recip sin cos tan asin acos atan sinh cosh tanh sigmoid softplus erf relu pow max min select(c,x,y)\n"
    "  sum mean norm logsumexp dot(x,y) softmax log_softmax logical_and logical_or logical_not stop_gradient\n"
    "An expression that begins with a minus goes behind --.\n";

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
    if (c->takes != FOR_TRAIN) printf("\n%s", language);
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
