/* optimizer.c - SGD and Adam as Keras 3 defines them, written in ordinary operations, so that they run eagerly and
 * compile into the training step alike.
 *
 * Invariant: everything that changes (slots, step count, learning rate) is a variable. Slots are made at the first
 * update of a variable and keep its order. Adam's constants 1-beta are subtracted in double and rounded once, its
 * powers are taken in the variable's dtype; the learning rate is kept in f64 and rounded once. That reproduces Keras to
 * the last digit. Start reading at ebb_apply_gradients_at. */
#include <string.h>

#include "frontend/internal.h"
#include "jit/graph/plain_floats.h"

typedef enum ebb_rule { EBB_RULE_SGD, EBB_RULE_ADAM } ebb_rule;

#define SLOTS 3 /* SGD: momentum; Adam: m, v, largest v */

typedef struct ebb_slot {
    ebb_tensor *variable;
    ebb_tensor *state[SLOTS];
} ebb_slot;

struct ebb_optimizer {
    ebb_context *context;
    ebb_optimizer *next, *previous;
    ebb_rule rule;
    ebb_sgd_options sgd;
    ebb_adam_options adam;
    ebb_tensor *learning_rate, *iterations;
    ebb_slot *slot;
    int32_t slots, slot_capacity;
};

/* ---- life ---- */

/* The user sees these variables and might release them: the optimizer holds them too. */
static ebb_tensor *own(ebb_tensor *v) { return ebb_handle_retain(v); }

static void disown(ebb_tensor *v) {
    ebb_release(v);
    ebb_handle_release(v);
}

/* A scope without memory leaves NULL, a variable without memory is poison. */
static bool is_made(const ebb_tensor *v) { return v && v->kind == EBB_KIND_VARIABLE; }

static ebb_optimizer *optimizer_new(ebb_context *ebb, const char *function, ebb_rule rule, double learning_rate) {
    if (!ebb) {
        ebb_fail_at(NULL, EBB_TYPE_ERROR, ebb_site_at(NULL, 0), "%s: the context is NULL", function);
        return NULL;
    }
    ebb_enter(ebb);
    ebb_optimizer *o = ebb_mem_new(&ebb->allocator, 1, sizeof *o);
    if (!o) {
        ebb_fail_at(ebb, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "%s: out of memory", function);
        return NULL;
    }
    o->context = ebb;
    o->rule = rule;
    o->next = ebb->optimizers;
    if (o->next) o->next->previous = o;
    ebb->optimizers = o;
    EBB_SCOPE (ebb) {
        o->learning_rate =
            own(ebb_variable_fixed(ebb, ebb_full(ebb, EBB_F64, EBB_SCALAR, learning_rate), "learning_rate"));
        o->iterations = own(ebb_variable_fixed(ebb, ebb_zeros(ebb, EBB_I64, EBB_SCALAR), "iterations"));
    }
    if (is_made(o->learning_rate) && is_made(o->iterations)) return o;
    ebb_optimizer_free(o);
    return NULL;
}

static double or_default(double value, double otherwise) { return value != 0 ? value : otherwise; }

ebb_optimizer *ebb_sgd(ebb_context *ebb, const ebb_sgd_options *options) {
    ebb_sgd_options given = options ? *options : (ebb_sgd_options){0};
    ebb_optimizer *o = optimizer_new(ebb, "ebb_sgd", EBB_RULE_SGD, or_default(given.learning_rate, 0.01));
    if (o) o->sgd = given;
    return o;
}

ebb_optimizer *ebb_adam(ebb_context *ebb, const ebb_adam_options *options) {
    ebb_adam_options given = options ? *options : (ebb_adam_options){0};
    ebb_optimizer *o = optimizer_new(ebb, "ebb_adam", EBB_RULE_ADAM, or_default(given.learning_rate, 0.001));
    given.beta1 = or_default(given.beta1, 0.9);
    given.beta2 = or_default(given.beta2, 0.999);
    given.epsilon = or_default(given.epsilon, 1e-7);
    if (o) o->adam = given;
    return o;
}

void ebb_optimizer_free(ebb_optimizer *o) {
    if (!o) return;
    ebb_context *ebb = o->context;
    for (int32_t i = 0; i < o->slots; i++) {
        for (int k = 0; k < SLOTS; k++)
            disown(o->slot[i].state[k]);
        ebb_handle_release(o->slot[i].variable);
    }
    disown(o->learning_rate);
    disown(o->iterations);
    if (o->next) o->next->previous = o->previous;
    if (o->previous)
        o->previous->next = o->next;
    else
        ebb->optimizers = o->next;
    ebb_mem_free(&ebb->allocator, o->slot);
    ebb_mem_free(&ebb->allocator, o);
}

void ebb_optimizers_close(ebb_context *ebb) {
    while (ebb->optimizers)
        ebb_optimizer_free(ebb->optimizers);
}

static ebb_tensor *no_optimizer(const char *function, ebb_site site) {
    return ebb_fail_at(ebb_current(), EBB_TYPE_ERROR, site, "%s: the optimizer is NULL", function);
}

ebb_tensor *ebb_learning_rate(ebb_optimizer *o) {
    return o ? o->learning_rate : no_optimizer("ebb_learning_rate", ebb_site_at(NULL, 0));
}
ebb_tensor *ebb_iterations(ebb_optimizer *o) {
    return o ? o->iterations : no_optimizer("ebb_iterations", ebb_site_at(NULL, 0));
}

/* ---- slots ---- */

static int states_wanted(const ebb_optimizer *o) {
    if (o->rule == EBB_RULE_SGD) return o->sgd.momentum != 0 ? 1 : 0;
    return o->adam.amsgrad ? 3 : 2;
}

static bool make_states(ebb_optimizer *o, ebb_slot *slot) {
    static const char *const names[SLOTS] = {"momentum", "velocity", "velocity_hat"};
    ebb_context *ebb = o->context;
    const ebb_type *type = &slot->variable->type;
    for (int k = 0; k < states_wanted(o); k++) {
        EBB_SCOPE (ebb) {
            ebb_tensor *zero = ebb_zeros(ebb, type->dtype, type->shape.rank, type->shape.dim);
            slot->state[k] = own(ebb_variable_fixed(ebb, zero, names[k]));
        }
        if (!is_made(slot->state[k])) return false;
    }
    return true;
}

/* NULL: an error was recorded. */
static ebb_slot *slot_of(ebb_optimizer *o, ebb_tensor *variable) {
    for (int32_t i = 0; i < o->slots; i++)
        if (o->slot[i].variable == variable) return &o->slot[i];
    if (!ebb_mem_reserve(&o->context->allocator, &o->slot, &o->slot_capacity, o->slots + 1, sizeof *o->slot)) {
        ebb_fail_at(o->context, EBB_NO_MEMORY, ebb_site_at(NULL, 0), "no memory for an optimizer's slots");
        return NULL;
    }
    ebb_slot *slot = &o->slot[o->slots];
    *slot = (ebb_slot){.variable = variable};
    if (!make_states(o, slot)) {
        for (int k = 0; k < SLOTS; k++)
            disown(slot->state[k]);
        return NULL;
    }
    ebb_handle_retain(variable);
    o->slots++;
    return slot;
}

/* ---- the updates; x, g, m, v as in the table of the optimizers' papers ---- */

static void sgd_update(ebb_optimizer *o, ebb_slot *s, ebb_tensor *g, ebb_tensor *lr) {
    double mu = o->sgd.momentum;
    if (mu == 0) {
        ebb_assign_sub(s->variable, ebb_mul(lr, g));
        return;
    }
    ebb_tensor *m = ebb_assign(s->state[0], ebb_sub(ebb_mul(mu, s->state[0]), ebb_mul(lr, g)));
    ebb_assign_add(s->variable, o->sgd.nesterov ? ebb_sub(ebb_mul(mu, m), ebb_mul(lr, g)) : m);
}

/* lr * sqrt(1 - b2^t) / (1 - b1^t), in the variable's dtype */
static ebb_tensor *adam_rate(const ebb_optimizer *o, ebb_tensor *lr) {
    ebb_tensor *t = ebb_cast(ebb_add(o->iterations, 1), ebb_dtype_of(lr));
    ebb_tensor *p1 = ebb_pow(o->adam.beta1, t), *p2 = ebb_pow(o->adam.beta2, t);
    return ebb_div(ebb_mul(lr, ebb_sqrt(ebb_sub(1, p2))), ebb_sub(1, p1));
}

static void adam_update(ebb_optimizer *o, ebb_slot *s, ebb_tensor *g, ebb_tensor *lr) {
    ebb_tensor *m = s->state[0], *v = s->state[1];
    m = ebb_assign_add(m, ebb_mul(ebb_sub(g, m), 1.0 - o->adam.beta1));
    v = ebb_assign_add(v, ebb_mul(ebb_sub(ebb_square(g), v), 1.0 - o->adam.beta2));
    if (o->adam.amsgrad) v = ebb_assign(s->state[2], ebb_max(s->state[2], v));
    ebb_assign_sub(s->variable, ebb_div(ebb_mul(m, adam_rate(o, lr)), ebb_add(ebb_sqrt(v), o->adam.epsilon)));
}

static bool update_one(ebb_optimizer *o, ebb_tensor *g, ebb_tensor *variable) {
    ebb_slot *slot = slot_of(o, variable);
    if (!slot) return false;
    ebb_tensor *lr = ebb_cast(o->learning_rate, variable->type.dtype);
    if (o->rule == EBB_RULE_SGD)
        sgd_update(o, slot, g, lr);
    else
        adam_update(o, slot, g, lr);
    return true;
}

/* A variable and its gradient of the same type. */
static bool is_pair(ebb_optimizer *o, ebb_tensor *g, ebb_tensor *variable, ebb_site site) {
    char have[EBB_TYPE_TEXT], want[EBB_TYPE_TEXT];
    if (!ebb_usable(o->context, g, "ebb_apply_gradients: gradient", site)) return false;
    if (ebb_type_equal(&g->type, &variable->type)) return true;
    ebb_fail_at(o->context, EBB_VALUE_ERROR, site, "ebb_apply_gradients: variable %s is %s, its gradient %s",
                ebb_name(variable), ebb_type_text(&variable->type, want), ebb_type_text(&g->type, have));
    return false;
}

/* Everything is checked before anything changes. */
static bool may_apply(ebb_optimizer *o, int n, ebb_tensor *const *g, ebb_tensor *const *variables, ebb_site site) {
    ebb_context *ebb = o->context;
    int present = 0;
    if (n < 0 || (n && (!g || !variables)))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_apply_gradients: %d variables and no list of them", n),
               false;
    for (int i = 0; i < n; i++) {
        if (!ebb_usable(ebb, variables[i], "ebb_apply_gradients: variable", site)) return false;
        if (variables[i]->kind != EBB_KIND_VARIABLE)
            return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_apply_gradients: only variables can be updated"), false;
        if (g[i] && g[i]->kind == EBB_KIND_ABSENT) continue;
        if (!is_pair(o, g[i], variables[i], site)) return false;
        present++;
    }
    if (present) return true;
    ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_apply_gradients: no gradients provided for any variable");
    return false;
}

void ebb_apply_gradients_at(ebb_optimizer *o, int n, ebb_tensor *const *gradients, ebb_tensor *const *variables,
                            const char *file, int line) {
    EBB_PLAIN_FLOATS;
    ebb_site site = ebb_site_at(file, line);
    if (!o) {
        no_optimizer("ebb_apply_gradients", site);
        return;
    }
    ebb_enter(o->context);
    if (!may_apply(o, n, gradients, variables, site)) return;
    EBB_SCOPE (o->context) {
        bool good = true;
        for (int i = 0; i < n && good; i++)
            if (gradients[i]->kind != EBB_KIND_ABSENT) good = update_one(o, gradients[i], variables[i]);
        if (good) ebb_assign_add(o->iterations, 1);
    }
}

ebb_tensor *ebb_minimize_at(ebb_optimizer *o, ebb_body *loss, void *data, int n, ebb_tensor *const *variables,
                            const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    if (!o) return no_optimizer("ebb_minimize", site);
    ebb_context *ebb = o->context;
    ebb_tensor *value = NULL, *result = ebb_poison_of(ebb);
    ebb_enter(ebb);
    if (!loss || n < 0 || (n && !variables))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_minimize: %s",
                           loss ? "the list of variables is NULL" : "the loss is NULL");
    ebb_tensor **gradients = ebb_mem_new(&ebb->allocator, (size_t)n + 1, sizeof *gradients);
    if (!gradients) return ebb_fail_at(ebb, EBB_NO_MEMORY, site, "ebb_minimize: no memory");
    EBB_SCOPE (ebb) {
        ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
        if (tape) {
            loss(ebb, NULL, &value, data);
            ebb_gradients_at(tape, 1, &value, n, variables, gradients, NULL, file, line);
            ebb_apply_gradients_at(o, n, gradients, variables, file, line);
        }
        if (value && !ebb_is_poison(value)) result = ebb_keep(value);
    }
    ebb_mem_free(&ebb->allocator, gradients);
    return result;
}
