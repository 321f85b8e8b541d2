/* dataset.h - the images and labels to train on: four IDX files of the MNIST family in one folder.
 *
 * The tensors belong to the scope that is open when they are loaded; the pixels stay as the file has them, 0 to 255,
 * and are standardised (mean 0, deviation 1 over the training images) when a batch is gathered. */
#ifndef EBB_COMMON_DATASET_H
#define EBB_COMMON_DATASET_H

#include "ebb.h"

typedef struct split {
    ebb_tensor *pixels; /* f32 [count, ...] */
    ebb_tensor *labels; /* i64 [count] */
    int64_t count;
} split;

typedef struct dataset {
    char folder[4096]; /* where it was found */
    bool small;        /* the few images that come with ebb, not the real thing */
    split train, test;
    int64_t inputs; /* pixels of an image */
    int64_t classes;
    float mean, deviation;
} dataset;

/* Looks in `folder`; if that is NULL in $EBB_DATA; if that is not set where Debian's package dataset-fashion-mnist
 * puts it, and last for the small set that comes with ebb. False: the error is in `error`. */
bool dataset_load(dataset *d, ebb_context *ebb, const char *folder, char error[256]);

/* Copies n images of a split, chosen by `index`, standardised, to pixels [n, inputs], and their labels. */
void dataset_gather(const dataset *d, const split *s, const int64_t *index, int64_t n, float *pixels, int64_t *labels);

#endif
