/* einsum_bind.c - an equation and its operands: which label each axis has, how large each is, what the result has. */
#include "frontend/einsum.h"

void ebb_labels_add(ebb_labels *list, int label) { list->at[list->n++] = (uint8_t)label; }

int ebb_labels_find(const ebb_labels *list, int label) {
    for (int i = 0; i < list->n; i++)
        if (list->at[i] == label) return i;
    return -1;
}

/* Operand k's axes as labels, those of "..." written out. */
static bool label_axes(ebb_einsum_call *e, int k) {
    const ebb_subscript *s = &e->eq.operand[k];
    const ebb_type *type = &e->term[k].x->type;
    const int dots = type->shape.rank - s->letters;
    char text[EBB_TYPE_TEXT];
    if (dots < 0 || (dots > 0 && s->dots < 0))
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->start, "operand %d is %s; it needs %s%d axes", k + 1,
                                 ebb_type_text(type, text), s->dots < 0 ? "" : "at least ", s->letters);
    ebb_labels *axis = &e->term[k].axis;
    for (int i = 0; i <= s->letters; i++) {
        for (int d = dots; i == s->dots && d > 0; d--)
            ebb_labels_add(axis, EBB_EINSUM_LETTERS + d - 1);
        if (i < s->letters) ebb_labels_add(axis, s->label[i]);
    }
    if (s->dots >= 0 && dots > e->dots) e->dots = dots;
    return true;
}

/* The column where operand k has a letter. */
static int column_of(const ebb_einsum_call *e, int k, int label) {
    const ebb_subscript *s = &e->eq.operand[k];
    int column = s->start;
    for (int i = 0; i < s->letters; i++)
        if (s->label[i] == label) column = s->column[i];
    return column;
}

/* "[4]", or the name of an unknown size. */
static const char *size_text(int64_t size, char text[EBB_TYPE_TEXT]) {
    return ebb_shape_text(&(ebb_shape){1, {size}}, text);
}

static bool refuse_sizes(const ebb_einsum_call *e, int k, int label, int64_t size) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT], name[] = "letter 'x'";
    name[sizeof "letter '" - 1] = ebb_einsum_letter(label);
    return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, column_of(e, k, label),
                             "%s has size %s in operand %d and %s before",
                             label < EBB_EINSUM_LETTERS ? name : "an axis of \"...\"", size_text(size, have), k + 1,
                             size_text(e->size[label], want));
}

static bool measure(ebb_einsum_call *e, int k) {
    const ebb_term *t = &e->term[k];
    for (int i = 0; i < t->axis.n; i++) {
        const int label = t->axis.at[i];
        const int64_t size = t->x->type.shape.dim[i];
        const bool stretches = label >= EBB_EINSUM_LETTERS && (size == 1 || e->size[label] == 1);
        if (!e->uses[label]++ || (stretches && e->size[label] == 1))
            e->size[label] = size;
        else if (size != e->size[label] && !stretches)
            return refuse_sizes(e, k, label, size);
    }
    return true;
}

/* The axes of "...", then what appears once, in the order of letters. */
static void implicit_result(ebb_einsum_call *e) {
    for (int d = e->dots; d > 0; d--)
        ebb_labels_add(&e->result, EBB_EINSUM_LETTERS + d - 1);
    for (int label = 0; label < EBB_EINSUM_LETTERS; label++)
        if (e->uses[label] == 1) ebb_labels_add(&e->result, label);
}

static bool explicit_result(ebb_einsum_call *e) {
    const ebb_subscript *s = &e->eq.result;
    if (s->dots < 0 && e->dots > 0)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->start, "the result has no \"...\"");
    for (int i = 0; i <= s->letters; i++) {
        for (int d = e->dots; i == s->dots && d > 0; d--)
            ebb_labels_add(&e->result, EBB_EINSUM_LETTERS + d - 1);
        if (i == s->letters) break;
        if (!e->uses[s->label[i]])
            return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->column[i], "letter '%c' is in no operand",
                                     ebb_einsum_letter(s->label[i]));
        if (ebb_labels_find(&e->result, s->label[i]) >= 0)
            return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, s->column[i], "letter '%c' is in the result twice",
                                     ebb_einsum_letter(s->label[i]));
        ebb_labels_add(&e->result, s->label[i]);
    }
    return true;
}

static bool check_dtypes(const ebb_einsum_call *e, int n, ebb_tensor *const *x) {
    char text[EBB_TYPE_TEXT];
    for (int k = 0; k < n; k++) {
        if (x[k]->type.dtype == EBB_BOOL)
            return ebb_einsum_refuse(&e->eq, EBB_TYPE_ERROR, 0, "operand %d is %s; it needs i32, i64, f32 or f64",
                                     k + 1, ebb_type_text(&x[k]->type, text));
        if (x[k]->type.dtype != x[0]->type.dtype)
            return ebb_einsum_refuse(&e->eq, EBB_TYPE_ERROR, 0, "%s and %s do not mix; cast one",
                                     ebb_dtype_short(x[0]->type.dtype), ebb_dtype_short(x[k]->type.dtype));
    }
    return true;
}

bool ebb_einsum_bind(ebb_einsum_call *e, int n, ebb_tensor *const *x) {
    if (!ebb_einsum_parse(&e->eq) || !check_dtypes(e, n, x)) return false;
    if (n != e->eq.operands)
        return ebb_einsum_refuse(&e->eq, EBB_VALUE_ERROR, 0, "it has %d operands; %d are given", e->eq.operands, n);
    for (e->terms = 0; e->terms < n; e->terms++) {
        e->term[e->terms].x = x[e->terms];
        if (!label_axes(e, e->terms) || !measure(e, e->terms)) return false;
    }
    if (e->eq.has_result && !explicit_result(e)) return false;
    if (!e->eq.has_result) implicit_result(e);
    return e->result.n <= EBB_MAX_RANK || ebb_einsum_refuse_rank(&e->eq, e->result.n);
}
