/* classifier.h - an image classifier with one hidden layer, and the loop that trains it.
 *
 * The whole training step - forward, backward, update of the weights - is one traced function of a batch. Start reading
 * at train_step in classifier.c. */
#ifndef EBB_COMMON_CLASSIFIER_H
#define EBB_COMMON_CLASSIFIER_H

#include "frontend/common/dataset.h"
#include "frontend/common/json.h"

typedef struct classifier_options { /* zero means the default */
    int hidden;                     /* 128 */
    int batch;                      /* 64 */
    double learning_rate;           /* 0.001 */
    uint64_t seed;
    ebb_mode mode;
} classifier_options;

typedef struct classifier {
    ebb_context *ebb;
    const dataset *data;
    ebb_tensor *weights[4]; /* W1 [inputs, hidden], b1 [hidden], W2 [hidden, classes], b2 [classes] */
    ebb_optimizer *adam;
    ebb_function *step;    /* (pixels [n, inputs], labels [n]) -> loss; updates the weights */
    ebb_function *correct; /* (pixels [n, inputs], labels [n]) -> how many are classified right */
    int64_t batch;
    double learning_rate;
    uint64_t random;     /* state of the shuffling */
    int64_t *order;      /* of the training images */
    int64_t *test_order; /* of the test images: never shuffled */
    float *pixels;       /* one batch */
    int64_t *labels;
} classifier;

/* He-initialised weights (He et al., ICCV 2015) from the seed, Adam. False: no memory, or the context has the error. */
bool classifier_open(classifier *c, ebb_context *ebb, const dataset *data, const classifier_options *options);
void classifier_close(classifier *c);

typedef struct epoch {
    double loss;     /* mean over the epoch */
    double accuracy; /* share of the test images that are classified right after it */
    double seconds;  /* of training */
} epoch;

/* Epoch `number` of `count`: every training image once, in a new order, the last batch perhaps smaller; in the last
 * fifth of the epochs with a tenth of the learning rate, so that the end is calm. A progress bar goes to `bar`, a line
 * at the end to `lines`, unless NULL. Stops at the context's first error. */
epoch classifier_epoch(classifier *c, int number, int count, FILE *bar, FILE *lines);

void epoch_write(const epoch *e, json *j); /* {"loss":...,"accuracy":...,"seconds":...} */

/* The first batch of the training set as arguments of `step`: temporaries of the innermost scope. */
void classifier_batch(classifier *c, ebb_tensor *batch[2]);

#endif
