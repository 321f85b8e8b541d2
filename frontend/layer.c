/* layer.c - layers: a function of one tensor with named parts, which are variables and layers.
 *
 * Invariant: parts are in the order in which they are collected: by name (of a sequence: as given). Layers are counted,
 * by the user and by each layer that has them as a part. Start reading at collect. */
#include "frontend/values.h"
#include "jit/graph/plain_floats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct part {
    char *name;
    ebb_tensor *variable; /* counted; or NULL */
    ebb_layer *layer;     /* counted; or NULL */
    bool own;             /* the variable is given up with the layer */
} part;

struct ebb_layer {
    ebb_context *context;
    ebb_layer *next, *previous; /* the context's list */
    int32_t references;
    uint64_t serial;
    char *name;
    ebb_layer_body *body; /* NULL: dense or a sequence */
    void *data;
    bool sequence;
    ebb_activation activation;
    part *part;
    int32_t parts, capacity;
};

/* ---- life ---- */

static char *copy_text(ebb_context *ebb, const char *text) {
    return ebb_mem_copy(&ebb->allocator, text, strlen(text) + 1);
}

static ebb_layer *layer_new(ebb_context *ebb, const char *function, const char *name) {
    if (!ebb) return ebb_fail_at(NULL, EBB_TYPE_ERROR, (ebb_site){0}, "%s: the context is NULL", function), NULL;
    ebb_enter(ebb);
    ebb_layer *l = ebb_mem_new(&ebb->allocator, 1, sizeof *l);
    if (l) l->name = copy_text(ebb, name);
    if (!l || !l->name) {
        ebb_mem_free(&ebb->allocator, l);
        return ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "%s: no memory", function), NULL;
    }
    l->context = ebb;
    l->references = 1;
    l->serial = ++ebb->next_serial;
    l->next = ebb->layers;
    if (l->next) l->next->previous = l;
    return ebb->layers = l;
}

/* Everything but the counts of its parts. */
static void layer_destroy(ebb_layer *l) {
    ebb_context *ebb = l->context;
    for (int32_t i = 0; i < l->parts; i++) {
        if (l->part[i].own) ebb_release(l->part[i].variable);
        ebb_handle_release(l->part[i].variable);
        ebb_mem_free(&ebb->allocator, l->part[i].name);
    }
    *(l->previous ? &l->previous->next : &ebb->layers) = l->next;
    if (l->next) l->next->previous = l->previous;
    ebb_mem_free(&ebb->allocator, l->part);
    ebb_mem_free(&ebb->allocator, l->name);
    ebb_mem_free(&ebb->allocator, l);
}

/* Those that nobody needs any more form a list, so that a deep layer costs no stack. */
void ebb_layer_free(ebb_layer *layer) {
    ebb_layer *unneeded = NULL;
    if (!layer || --layer->references > 0) return;
    layer->data = NULL;
    for (unneeded = layer; unneeded;) {
        ebb_layer *l = unneeded;
        unneeded = l->data;
        for (int32_t i = 0; i < l->parts; i++) {
            ebb_layer *sub = l->part[i].layer;
            if (!sub || --sub->references > 0) continue;
            sub->data = unneeded;
            unneeded = sub;
        }
        layer_destroy(l);
    }
}

void ebb_layers_close(ebb_context *ebb) {
    while (ebb->layers)
        layer_destroy(ebb->layers);
}

const char *ebb_layer_name(const ebb_layer *layer) { return layer ? layer->name : ""; }

/* ---- parts ---- */

/* Where a part of that name belongs. */
static int32_t place_of(const ebb_layer *l, const char *name) {
    int32_t i = l->parts;
    while (!l->sequence && i > 0 && strcmp(l->part[i - 1].name, name) > 0)
        i--;
    return i;
}

static bool has_part(const ebb_layer *l, const char *name) {
    for (int32_t i = 0; i < l->parts; i++)
        if (strcmp(l->part[i].name, name) == 0) return true;
    return false;
}

static bool add_part(ebb_layer *l, part p, const char *name) {
    ebb_context *ebb = l->context;
    p.name = copy_text(ebb, name);
    if (!p.name || !ebb_mem_reserve(&ebb->allocator, &l->part, &l->capacity, l->parts + (int64_t)1, sizeof p)) {
        ebb_mem_free(&ebb->allocator, p.name);
        return ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "%s: no memory for its part %s", l->name, name), false;
    }
    int32_t at = place_of(l, name);
    memmove(l->part + at + 1, l->part + at, (size_t)(l->parts++ - at) * sizeof p);
    l->part[at] = p;
    ebb_handle_retain(p.variable);
    if (p.layer) p.layer->references++;
    return true;
}

static bool may_add(const char *function, ebb_layer *l, const char *name) {
    ebb_context *ebb = l ? l->context : ebb_current();
    if (!l || !name)
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, (ebb_site){0}, "%s: the %s is NULL", function, l ? "name" : "layer"),
               false;
    if (!l->body || has_part(l, name))
        return ebb_fail_at(ebb, EBB_VALUE_ERROR, (ebb_site){0}, "%s: %s %s %s", function, l->name,
                           l->body ? "has a part" : "is not of ebb_layer_new and takes no", name),
               false;
    return true;
}

void ebb_layer_add_variable(ebb_layer *layer, const char *name, ebb_tensor *variable) {
    static const char *const function = "ebb_layer_add_variable";
    if (!may_add(function, layer, name) || !ebb_operands_usable(layer->context, function, 1, &variable, (ebb_site){0}))
        return;
    if (variable->kind == EBB_KIND_VARIABLE)
        add_part(layer, (part){.variable = variable}, name);
    else
        ebb_fail_at(layer->context, EBB_TYPE_ERROR, (ebb_site){0}, "%s: %s is no variable", function, name);
}

static bool is_part(const char *function, const ebb_layer *layer, const char *name, const ebb_layer *sub) {
    if (sub && sub->context == layer->context) return true;
    ebb_fail_at(layer->context, sub ? EBB_VALUE_ERROR : EBB_TYPE_ERROR, (ebb_site){0}, "%s: layer %s %s", function,
                name, sub ? "belongs to another context" : "is NULL");
    return false;
}

void ebb_layer_add_layer(ebb_layer *layer, const char *name, ebb_layer *sub) {
    static const char *const function = "ebb_layer_add_layer";
    if (may_add(function, layer, name) && is_part(function, layer, name, sub))
        add_part(layer, (part){.layer = sub}, name);
}

/* ---- collecting ---- */

/* What was found: variables or layers, each once. */
typedef struct collection {
    bool of_layers, trainable_only;
    int32_t room, count;
    ebb_tensor **variable;
    ebb_layer **layer;
    ebb_serial_map seen;
    ebb_layer **stack;
    int32_t depth, capacity;
} collection;

static void find(collection *c, const part *p) {
    bool wanted = p->layer ? c->of_layers : !c->of_layers && (p->variable->trainable || !c->trainable_only);
    if (!wanted || c->count++ >= c->room) return;
    if (p->layer)
        c->layer[c->count - 1] = p->layer;
    else
        c->variable[c->count - 1] = p->variable;
}

/* Parts of one layer: what is wanted is counted, layers wait in the order in which they stand. */
static bool collect_parts(const ebb_allocator *a, collection *c, const ebb_layer *l) {
    int32_t first = c->depth;
    for (int32_t i = 0; i < l->parts; i++) {
        const part *p = &l->part[i];
        uint64_t serial = p->layer ? p->layer->serial : p->variable->serial;
        if (ebb_map_find(&c->seen, serial) >= 0) continue;
        if (!ebb_map_put(a, &c->seen, serial, 0)) return false;
        find(c, p);
        if (!p->layer) continue;
        if (!ebb_mem_reserve(a, &c->stack, &c->capacity, c->depth + (int64_t)1, sizeof *c->stack)) return false;
        c->stack[c->depth++] = p->layer;
    }
    for (int32_t i = first, j = c->depth - 1; i < j; i++, j--) { /* the first one is taken first */
        ebb_layer *swap = c->stack[i];
        c->stack[i] = c->stack[j];
        c->stack[j] = swap;
    }
    return true;
}

static int collect(const char *function, const ebb_layer *l, collection c) {
    ebb_context *ebb = l ? l->context : ebb_current();
    if (!l || (c.room > 0 && !c.variable && !c.layer))
        return ebb_fail_at(ebb, EBB_TYPE_ERROR, (ebb_site){0}, "%s: the %s is NULL", function, l ? "list" : "layer"), 0;
    const ebb_allocator *a = &ebb->allocator;
    bool good = ebb_map_put(a, &c.seen, l->serial, 0) && collect_parts(a, &c, l);
    while (good && c.depth > 0)
        good = collect_parts(a, &c, c.stack[--c.depth]);
    ebb_map_free(a, &c.seen);
    ebb_mem_free(a, c.stack);
    if (good) return c.count;
    return ebb_fail_at(ebb, EBB_NO_MEMORY, (ebb_site){0}, "%s: no memory", function), 0;
}

int ebb_layer_variables(ebb_layer *layer, bool trainable_only, int room, ebb_tensor **variables) {
    return collect("ebb_layer_variables", layer,
                   (collection){.trainable_only = trainable_only, .room = room, .variable = variables});
}

int ebb_layer_parts(ebb_layer *layer, int room, ebb_layer **layers) {
    return collect("ebb_layer_parts", layer, (collection){.of_layers = true, .room = room, .layer = layers});
}

/* ---- kinds ---- */

ebb_layer *ebb_layer_new(ebb_context *ebb, const char *name, ebb_layer_body *body, void *data) {
    if (ebb && !body) return ebb_fail_at(ebb, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_layer_new: the body is NULL"), NULL;
    ebb_layer *l = layer_new(ebb, "ebb_layer_new", name ? name : "layer");
    if (l) l->body = body, l->data = data;
    return l;
}

ebb_layer *ebb_sequential(ebb_context *ebb, const char *name, int count, ebb_layer *const *layers) {
    ebb_layer *l = layer_new(ebb, "ebb_sequential", name ? name : "sequential");
    bool good = l && (count <= 0 || layers);
    if (l && !good) ebb_fail_at(ebb, EBB_TYPE_ERROR, (ebb_site){0}, "ebb_sequential: the list of layers is NULL");
    if (good) l->sequence = true;
    for (int i = 0; i < count && good; i++) {
        char place[16];
        snprintf(place, sizeof place, "%d", i);
        good = is_part("ebb_sequential", l, place, layers[i]) && add_part(l, (part){.layer = layers[i]}, place);
    }
    if (good) return l;
    ebb_layer_free(l);
    return NULL;
}

/* A variable of the layer, named "dense/w". */
static bool own_variable(ebb_layer *l, const char *name, ebb_tensor *initial) {
    char text[256];
    snprintf(text, sizeof text, "%s/%s", l->name, name);
    ebb_tensor *v = ebb_variable(l->context, initial, text);
    if (v->kind == EBB_KIND_POISON) return false;
    if (add_part(l, (part){.variable = v, .own = true}, name)) return true;
    ebb_release(v);
    return false;
}

static ebb_tensor *first_weights(ebb_context *ebb, const ebb_dense_options *o, ebb_dtype dtype) {
    EBB_PLAIN_FLOATS;
    double limit = sqrt(6 / ((double)o->inputs + (double)o->outputs));
    char text[EBB_TYPE_TEXT];
    ebb_tensor *w = o->weights;
    if (!w) return ebb_random_uniform(ebb, dtype, EBB_SHAPE(o->inputs, o->outputs), -limit, limit);
    if (!ebb_operands_usable(ebb, "ebb_dense", 1, &w, (ebb_site){0})) return ebb_poison_of(ebb);
    ebb_type want = {dtype, {2, {o->inputs, o->outputs}}};
    if (ebb_type_equal(&w->type, &want)) return w;
    return ebb_fail_at(ebb, EBB_VALUE_ERROR, (ebb_site){0}, "ebb_dense: the weights are not %s",
                       ebb_type_text(&want, text));
}

static bool dense_variables(ebb_layer *l, const ebb_dense_options *o, ebb_dtype dtype) {
    ebb_context *ebb = l->context;
    bool good = false;
    EBB_SCOPE (ebb) {
        good = own_variable(l, "w", first_weights(ebb, o, dtype)) &&
               (o->no_bias || own_variable(l, "b", ebb_zeros(ebb, dtype, EBB_SHAPE(o->outputs))));
    }
    return good;
}

ebb_layer *ebb_dense(ebb_context *ebb, const ebb_dense_options *options) {
    static const ebb_dense_options none;
    const ebb_dense_options *o = options ? options : &none;
    ebb_dtype dtype = o->dtype ? o->dtype : EBB_F32;
    ebb_layer *l = layer_new(ebb, "ebb_dense", o->name ? o->name : "dense");
    if (!l) return NULL;
    l->activation = o->activation;
    bool good = o->inputs > 0 && o->outputs > 0 && ebb_is_float(dtype) && o->activation <= EBB_ACTIVATE_SOFTMAX;
    if (!good)
        ebb_fail_at(ebb, EBB_VALUE_ERROR, (ebb_site){0}, "ebb_dense: %s: [%lld,%lld] weights, activation %d", l->name,
                    (long long)o->inputs, (long long)o->outputs, (int)o->activation);
    if (good && dense_variables(l, o, dtype)) return l;
    ebb_layer_free(l);
    return NULL;
}

/* ---- calling ---- */

static ebb_tensor *activate(ebb_activation activation, ebb_tensor *x, ebb_site site) {
    switch (activation) {
    case EBB_ACTIVATE_NONE:
        return x;
    case EBB_ACTIVATE_RELU:
        return ebb_relu_at(x, site.file, site.line);
    case EBB_ACTIVATE_SIGMOID:
        return ebb_sigmoid_at(x, site.file, site.line);
    case EBB_ACTIVATE_TANH:
        return ebb_tanh_at(x, site.file, site.line);
    case EBB_ACTIVATE_SOFTMAX:
        return ebb_softmax_at(x, -1, site.file, site.line);
    }
    return x;
}

/* The parts of a dense layer are b, unless it has none, and w. */
static ebb_tensor *call_dense(const ebb_layer *l, ebb_tensor *x, ebb_site site) {
    ebb_tensor *y = ebb_matmul_at(x, l->part[l->parts - 1].variable, false, false, site.file, site.line);
    if (l->parts > 1)
        y = ebb_add_at(ebb_operand_tensor(y), ebb_operand_tensor(l->part[0].variable), site.file, site.line);
    return activate(l->activation, y, site);
}

/* A sequence calls its layers, which may be sequences: as deep as the user nests them. */
static ebb_tensor *call(const ebb_layer *l, ebb_tensor *x, ebb_site site) {
    if (l->body) return l->body(l->context, x, l->data);
    if (!l->sequence) return call_dense(l, x, site);
    for (int32_t i = 0; i < l->parts && x && x->kind != EBB_KIND_POISON; i++)
        x = call(l->part[i].layer, x, site);
    return x;
}

ebb_tensor *ebb_layer_call_at(ebb_layer *layer, ebb_tensor *x, const char *file, int line) {
    ebb_site site = ebb_site_at(file, line);
    ebb_context *ebb = layer ? layer->context : ebb_current();
    if (!layer) return ebb_fail_at(ebb, EBB_TYPE_ERROR, site, "ebb_layer_call: the layer is NULL");
    ebb_enter(ebb);
    if (!ebb_operands_usable(ebb, "ebb_layer_call", 1, &x, site)) return ebb_poison_of(ebb);
    ebb_tensor *y = ebb_poison_of(ebb);
    EBB_SCOPE (ebb) {
        y = call(layer, x, site);
        if (!y) y = ebb_fail_at(ebb, EBB_VALUE_ERROR, site, "ebb_layer_call: %s gave NULL", layer->name);
        y = y->kind == EBB_KIND_POISON ? y : ebb_keep(y);
    }
    return y;
}
