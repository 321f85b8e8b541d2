/* command_sparsity.c - sparsity: which entries of an expression's Hessian or Jacobian may differ from zero, and the few
 * products that compute them. Nothing is computed. Start reading at show_table. */
#include "frontend/command/command.h"

#include <stdlib.h>

#include "frontend/common/json.h"

enum { PICTURE = 64 }; /* rows and columns of the largest one */

static int64_t length_of(const ebb_sparsity *s, int64_t row) { return s->start[row + 1] - s->start[row]; }

/* ---- the picture: an entry has the letter of its column's product, or of its row's ---- */

static char letter(int colour) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    return colour < (int)sizeof letters - 1 ? letters[colour] : '*';
}

/* Rows in reverse are shown by the letters that come after those of the columns. */
static void show_picture(const ebb_sparsity *s) {
    for (int64_t row = 0; row < s->rows; row++) {
        char line[PICTURE + 1] = "";
        for (int64_t c = 0; c < s->columns; c++)
            line[c] = '.';
        for (int64_t k = s->start[row]; k < s->start[row + 1]; k++) {
            bool reverse = s->row_colour[row] >= 0;
            line[s->column[k]] = letter(reverse ? s->forward + s->row_colour[row] : s->column_colour[s->column[k]]);
        }
        printf("  %s\n", line);
    }
}

/* ---- in numbers ---- */

typedef struct shape {
    int64_t below, above; /* the farthest entry from the diagonal */
    int64_t shortest, longest;
} shape;

static shape shape_of(const ebb_sparsity *s) {
    shape found = {.shortest = s->columns};
    for (int64_t row = 0; row < s->rows; row++) {
        int64_t length = length_of(s, row);
        if (length < found.shortest) found.shortest = length;
        if (length > found.longest) found.longest = length;
        for (int64_t k = s->start[row]; k < s->start[row + 1]; k++) {
            if (row - s->column[k] > found.below) found.below = row - s->column[k];
            if (s->column[k] - row > found.above) found.above = s->column[k] - row;
        }
    }
    return found;
}

/* What has a product for itself because it is long: together with others it would cost a product for each entry. */
typedef struct apart {
    int64_t *length;   /* [n] of all rows, or columns */
    bool *alone;       /* [n] */
    int64_t n, others; /* the longest of the others */
} apart;

static void apart_close(apart *a) {
    free(a->length);
    free(a->alone);
}

static bool apart_open(apart *a, int64_t n) {
    *a = (apart){.n = n};
    a->length = calloc((size_t)n + 1, sizeof *a->length);
    a->alone = calloc((size_t)n + 1, sizeof *a->alone);
    return a->length && a->alone;
}

static bool rows_apart(apart *a, const ebb_sparsity *s) {
    if (!apart_open(a, s->rows)) return false;
    for (int64_t row = 0; row < s->rows; row++) {
        a->length[row] = length_of(s, row);
        a->alone[row] = s->forward > 0 && s->row_colour[row] >= 0;
        if (!a->alone[row] && a->length[row] > a->others) a->others = a->length[row];
    }
    return true;
}

/* Columns whose colour no other column has, if they are longer than all that share one. */
static bool columns_apart(apart *a, const ebb_sparsity *s) {
    int *uses = calloc((size_t)s->forward + 1, sizeof *uses);
    bool good = apart_open(a, s->columns) && uses;
    for (int64_t k = 0; good && k < s->entries; k++)
        a->length[s->column[k]]++;
    for (int64_t c = 0; good && c < s->columns; c++)
        if (s->column_colour[c] >= 0) uses[s->column_colour[c]]++;
    for (int64_t c = 0; good && c < s->columns; c++) {
        bool alone = s->column_colour[c] >= 0 && uses[s->column_colour[c]] == 1;
        if (!alone && a->length[c] > a->others) a->others = a->length[c];
        a->alone[c] = alone;
    }
    for (int64_t c = 0; good && c < s->columns; c++)
        a->alone[c] = a->alone[c] && a->others && a->length[c] > a->others;
    free(uses);
    return good;
}

static void show_apart(const apart *a, const char *what) {
    enum { MOST_SHOWN = 5 };
    int64_t count = 0;
    for (int64_t i = 0; i < a->n; i++)
        if (a->alone[i] && count++ < MOST_SHOWN)
            printf("%s %lld has a product of its own: it has %lld entries, the others at most %lld\n", what,
                   (long long)i, (long long)a->length[i], (long long)a->others);
    if (count > MOST_SHOWN) printf("and so have %lld more\n", (long long)(count - MOST_SHOWN));
}

static bool show_all_apart(const ebb_sparsity *s) {
    apart rows = {0}, columns = {0};
    bool good = rows_apart(&rows, s) && columns_apart(&columns, s);
    if (good) show_apart(&rows, "row");
    if (good) show_apart(&columns, "column");
    apart_close(&rows);
    apart_close(&columns);
    return good;
}

static bool show_table(const ebb_sparsity *s, const options *o) {
    double all = (double)s->rows * (double)s->columns;
    shape of = shape_of(s);
    printf("%s %lld x %lld, %lld entries (%.3g %%)\n", o->jacobian ? "jacobian" : "hessian", (long long)s->rows,
           (long long)s->columns, (long long)s->entries, all > 0 ? 100 * (double)s->entries / all : 0);
    printf("rows have %lld to %lld entries, from %lld below the diagonal to %lld above it\n", (long long)of.shortest,
           (long long)of.longest, (long long)of.below, (long long)of.above);
    printf("products: %d forward, %d reverse\n", s->forward, s->reverse);
    if (!show_all_apart(s)) return false;
    if (s->rows <= PICTURE && s->columns <= PICTURE) show_picture(s);
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* ---- as JSON: in CSR ---- */

static void put_wide(json *j, const char *key, int64_t n, const int64_t *list) {
    json_key(j, key);
    json_open(j, '[');
    for (int64_t i = 0; i < n; i++)
        json_real(j, (double)list[i], EBB_F64);
    json_close(j, ']');
}

static void put_list(json *j, const char *key, int64_t n, const int *list) {
    json_key(j, key);
    json_open(j, '[');
    for (int64_t i = 0; i < n; i++)
        json_real(j, list[i], EBB_F64);
    json_close(j, ']');
}

static bool show_json(const ebb_sparsity *s, const options *o) {
    json j = {.to = stdout};
    json_open(&j, '{');
    json_text_field(&j, "of", o->jacobian ? "jacobian" : "hessian");
    json_field(&j, "rows", (double)s->rows);
    json_field(&j, "columns", (double)s->columns);
    json_field(&j, "entries", (double)s->entries);
    json_field(&j, "forward", (double)s->forward);
    json_field(&j, "reverse", (double)s->reverse);
    put_wide(&j, "start", s->rows + 1, s->start);
    put_wide(&j, "column", s->entries, s->column);
    put_list(&j, "column_colour", s->columns, s->column_colour);
    put_list(&j, "row_colour", s->rows, s->row_colour);
    json_close(&j, '}');
    return json_end(&j);
}

/* ---- the command ---- */

static bool show(const problem *p, const options *o) {
    ebb_wrt wrt = problem_wrt(p);
    ebb_function *f =
        o->jacobian ? ebb_sparse_jacobian(p->function, &wrt, EBB_CHEAPER) : ebb_sparse_hessian(p->function, &wrt);
    const ebb_sparsity *s = ebb_sparsity_of_at(f, p->count, p->arguments, NULL, 0);
    return s && (o->json ? show_json(s, o) : show_table(s, o));
}

int command_sparsity(const options *o) {
    ebb_context *ebb = ebb_open(NULL);
    bool good = false;
    problem p = {0};
    if (ebb)
        EBB_SCOPE (ebb) {
            good = problem_open(&p, ebb, o) && show(&p, o);
            problem_close(&p);
        }
    return finish(o, ebb, good);
}
