/* ebb_training.h - sections 10 and 11 of the tutorial in ebb.h: optimizers, layers, files, expressions. */
#ifndef EBB_TRAINING_H
#define EBB_TRAINING_H

#include "ebb.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------- 10. Optimizers ----
 *
 *     ebb_optimizer *sgd = ebb_sgd(ebb, &(ebb_sgd_options){.learning_rate = 0.1});
 *     EBB_SCOPE(ebb) {
 *         ebb_tape *tape = ebb_tape_start(ebb, EBB_TAPE_DEFAULT);
 *         ebb_tensor *dw = ebb_gradient(tape, ebb_sum(ebb_square(w)), w);     // [2. 4.]
 *         ebb_apply_gradients(sgd, 1, &dw, &w);                               // w is now [0.8 1.6]
 *     }
 *     ebb_assign(ebb_learning_rate(sgd), 0.01);
 *
 * Update rules as Keras 3 defines them (keras.io/api/optimizers), x the variable, g its gradient, t the step from
 * 1. All state is variables, so inside a traced function a whole training step, tape and update, is one compiled
 * program. An optimizer belongs to the context until ebb_optimizer_free. */

/* Stochastic gradient descent; zero means the default. */
typedef struct ebb_sgd_options {
    /* lr: default 0.01. mu: default 0. */
    double learning_rate, momentum;
    /* Nesterov's form of momentum. */
    bool nesterov;
} ebb_sgd_options;

/* Adam; zero means the default. */
typedef struct ebb_adam_options {
    /* lr: default 0.001. b1: 0.9. b2: 0.999. e: 1e-7. */
    double learning_rate, beta1, beta2, epsilon;
    /* Divides by the largest v so far (Reddi, Kale, Kumar, ICLR 2018). */
    bool amsgrad;
} ebb_adam_options;

/* x -= lr g. With momentum: m = mu m - lr g; x += m, or with nesterov x += mu m - lr g. NULL after an error. */
EBB_API ebb_optimizer *ebb_sgd(ebb_context *ebb, const ebb_sgd_options *options);

/* m += (1-b1)(g-m); v += (1-b2)(g^2-v); x -= lr sqrt(1-b2^t)/(1-b1^t) m/(sqrt(v)+e) (Kingma, Ba, ICLR 2015; e as in
 * Keras, outside the correction). NULL after an error. */
EBB_API ebb_optimizer *ebb_adam(ebb_context *ebb, const ebb_adam_options *options);

/* Frees the optimizer and its state, not what it updated. NULL is fine. */
EBB_API void ebb_optimizer_free(ebb_optimizer *optimizer);

/* The learning rate, a variable f64 []: read it, assign it, also 0. Belongs to the optimizer. */
EBB_API ebb_tensor *ebb_learning_rate(ebb_optimizer *optimizer);

/* How many steps were made, a variable i64 []. Belongs to the optimizer. */
EBB_API ebb_tensor *ebb_iterations(ebb_optimizer *optimizer);

/* One step: updates each variables[i] by gradients[i], of the same shape and dtype (else ValueError). Absent
 * gradients are skipped; nothing but absent ones is a ValueError, something that is no variable a TypeError, and
 * poison among them changes nothing. All are borrowed. */
#define ebb_apply_gradients(optimizer, n, gradients, variables)                                                        \
    ebb_apply_gradients_at((optimizer), (n), (gradients), (variables), __FILE__, __LINE__)

/* Tape, loss, gradient, step: runs the body `loss` once under a tape, with no arguments and one result, and steps
 * variables[n] by the gradients of that. Gives the loss before the step, a temporary. */
#define ebb_minimize(optimizer, loss, data, n, variables)                                                              \
    ebb_minimize_at((optimizer), (loss), (data), (n), (variables), __FILE__, __LINE__)

/* ---- layers ----
 *
 *     ebb_layer *hidden = ebb_dense(ebb, &(ebb_dense_options){.name = "hidden", .inputs = 3, .outputs = 4,
 *                                                             .activation = EBB_ACTIVATE_RELU});
 *     ebb_layer *last = ebb_dense(ebb, &(ebb_dense_options){.name = "last", .inputs = 4, .outputs = 1});
 *     ebb_layer *model = ebb_sequential(ebb, "model", 2, (ebb_layer *[]){hidden, last});
 *     ebb_tensor *y = ebb_layer_call(model, ebb_ones(ebb, EBB_F32, EBB_SHAPE(5, 3)));            // f32 [5,1]
 *     ebb_tensor *variables[4];                           // hidden/b, hidden/w, last/b, last/w
 *     int count = ebb_layer_variables(model, true, 4, variables);                                // 4
 *
 * A layer is a function of one tensor with variables and layers as its parts. It belongs to the context until
 * ebb_layer_free. Layers are made outside of traced functions, and called anywhere. */

/* What ebb_dense applies to its result, element by element but for softmax. */
typedef enum ebb_activation {
    EBB_ACTIVATE_NONE = 0,
    EBB_ACTIVATE_RELU,
    EBB_ACTIVATE_SIGMOID,
    EBB_ACTIVATE_TANH,
    EBB_ACTIVATE_SOFTMAX /* along the last axis */
} ebb_activation;

/* What ebb_dense is told; zero means the default. */
typedef struct ebb_dense_options {
    /* Default "dense". Copied. */
    const char *name;
    /* Sizes of the last axis before and after; both must be at least 1, else ValueError. */
    int64_t inputs, outputs;
    /* Default EBB_F32. */
    ebb_dtype dtype;
    ebb_activation activation;
    /* Leaves the bias away. */
    bool no_bias;
    /* The first weights [inputs,outputs], instead of uniform ones within sqrt(6 / (inputs + outputs)) (Glorot, Bengio
     * 2010). */
    ebb_tensor *weights;
} ebb_dense_options;

/* activation(x w + b), x [...,inputs] -> [...,outputs], of at least two axes. Its variables are "b", zeros at first,
 * and "w". NULL after an error. */
EBB_API ebb_layer *ebb_dense(ebb_context *ebb, const ebb_dense_options *options);

/* One layer after the other; they are its parts, in this order. NULL after an error. */
EBB_API ebb_layer *ebb_sequential(ebb_context *ebb, const char *name, int count, ebb_layer *const *layers);

/* What a layer of one's own computes. */
typedef ebb_tensor *ebb_layer_body(ebb_context *ebb, ebb_tensor *x, void *data);

/* A layer of one's own; its parts are added by name. `data` is borrowed. NULL after an error. */
EBB_API ebb_layer *ebb_layer_new(ebb_context *ebb, const char *name, ebb_layer_body *body, void *data);
EBB_API void ebb_layer_add_variable(ebb_layer *layer, const char *name, ebb_tensor *variable);
EBB_API void ebb_layer_add_layer(ebb_layer *layer, const char *name, ebb_layer *part);

/* Gives up the layer, and with it the variables that ebb_dense made; layers that have it as a part keep it. NULL is
 * fine. */
EBB_API void ebb_layer_free(ebb_layer *layer);

/* Its name, borrowed; "" for NULL. */
EBB_API const char *ebb_layer_name(const ebb_layer *layer);

/* The layer's result for x, a temporary. */
#define ebb_layer_call(layer, x) ebb_layer_call_at((layer), (x), __FILE__, __LINE__)

/* All variables, or the trainable ones only, in TensorFlow's order: a layer's own by the name of the part, then those
 * of its layers, by their names too (of ebb_sequential: in their order); each once. Gives their number and stores the
 * first `room`, borrowed. */
EBB_API int ebb_layer_variables(ebb_layer *layer, bool trainable_only, int room, ebb_tensor **variables);

/* All layers that are parts of it, and parts of parts, in the same order: its own before theirs. */
EBB_API int ebb_layer_parts(ebb_layer *layer, int room, ebb_layer **layers);

/* ---------------------------------------------------------------- 11. Files and expressions ----
 *
 *     ebb_function *wave = ebb_expression(ebb, "exp(-x^2) * sin(2*pi*x + p)", 2, (const char *[]){"x", "p"});
 *     ebb_tensor *at = ebb_literal(ebb, "[0, 0.25]", EBB_F64);
 *     printf("%.4f\n", ebb_item(ebb_call(wave, at, ebb_scalar(ebb, 0.0)), 1));    // 0.9394
 */

/* (ebb, path, dtype): an IDX file, the format of MNIST (yann.lecun.com/exdb/mnist), plain or gzip'ed, as a tensor
 * of `dtype`, a temporary. EBB_NONE: bytes and integers as i32, floating point as it is. Errors name file and
 * byte: EBB_NOT_FOUND, EBB_UNAVAILABLE if the system cannot read it, EBB_DATA_ERROR for what is no IDX file or not
 * all of one, EBB_VALUE_ERROR for a number that the dtype cannot hold exactly. */
#define ebb_read_idx(ebb, ...) ebb_read_idx_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

/* (ebb, text, count, names): a function of the `count` named variables (copied), as ebb_function_new makes it, with one
 * result. In rising order of binding: == != < <= > >=, + -, * /, sign, ^ or ** (grouping from the right: -x^2 is
 * -(x^2)). Functions: those of section 6 that work element by element, but cast, by name; sum, mean, norm, logsumexp of
 * a whole tensor; dot(x, y) = sum(x*y); softmax, log_softmax along the last axis. Constants: pi, e. Numbers take the
 * dtype of what they meet. An error names the column and gives NULL: EBB_DATA_ERROR for grammar, EBB_LOOKUP_ERROR for
 * an unknown name, EBB_VALUE_ERROR for an impossible variable name. */
#define ebb_expression(ebb, ...) ebb_expression_at((ebb), __VA_ARGS__, __FILE__, __LINE__)

#ifdef __cplusplus
}
#endif

#endif
