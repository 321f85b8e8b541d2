/* dataset.c - see dataset.h. Start reading at dataset_load. */
#include "frontend/common/dataset.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifndef EBB_SMALL_DATA
#define EBB_SMALL_DATA "tests/data"
#endif

typedef struct files {
    const char *train_images, *train_labels, *test_images, *test_labels;
    bool small;
} files;

static const files full_set = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                               "t10k-labels-idx1-ubyte.gz", false};
static const files small_set = {"fashion-small-train-images.gz", "fashion-small-train-labels.gz",
                                "fashion-small-test-images.gz", "fashion-small-test-labels.gz", true};

__attribute__((format(printf, 2, 3))) static bool complain(char error[256], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, 256, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- reading ---- */

static ebb_tensor *read_file(ebb_context *ebb, const char *folder, const char *name, ebb_dtype dtype) {
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return ebb_read_idx(ebb, path, dtype);
}

static bool read_split(split *s, ebb_context *ebb, const char *folder, const char *images, const char *labels,
                       char error[256]) {
    s->pixels = read_file(ebb, folder, images, EBB_F32);
    s->labels = read_file(ebb, folder, labels, EBB_I64);
    if (!ebb_ok(ebb)) return complain(error, "%s", ebb_error(ebb));
    s->count = ebb_dim(s->labels, 0);
    if (ebb_rank(s->labels) != 1 || ebb_rank(s->pixels) < 2 || ebb_dim(s->pixels, 0) != s->count)
        return complain(error, "%s: %s and %s do not belong together", folder, images, labels);
    if (ebb_size(s->pixels) == 0) return complain(error, "%s: %s has no images", folder, images);
    return true;
}

/* ---- checking and measuring ---- */

static bool check_labels(dataset *d, char error[256]) {
    const int64_t *train = ebb_data(d->train.labels), *test = ebb_data(d->test.labels);
    for (int64_t i = 0; i < d->train.count; i++) {
        if (train[i] < 0 || train[i] > 999) return complain(error, "%s: label %lld", d->folder, (long long)train[i]);
        if (train[i] >= d->classes) d->classes = train[i] + 1;
    }
    for (int64_t i = 0; i < d->test.count; i++)
        if (test[i] < 0 || test[i] >= d->classes)
            return complain(error, "%s: test label %lld, but the training set has %lld classes", d->folder,
                            (long long)test[i], (long long)d->classes);
    return true;
}

static bool check_sizes(dataset *d, char error[256]) {
    d->inputs = ebb_size(d->train.pixels) / d->train.count;
    if (ebb_size(d->test.pixels) / d->test.count == d->inputs) return true;
    return complain(error, "%s: the test images have another size than the training images", d->folder);
}

static void measure(dataset *d) {
    const float *pixel = ebb_data(d->train.pixels);
    int64_t n = ebb_size(d->train.pixels);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += pixel[i];
        squares += (double)pixel[i] * pixel[i];
    }
    double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
    d->mean = (float)mean;
    d->deviation = variance > 0 ? (float)sqrt(variance) : 1;
}

/* ---- looking around ---- */

static bool is_there(const char *folder, const files *names) {
    char path[4400];
    snprintf(path, sizeof path, "%s/%s", folder, names->train_images);
    FILE *file = fopen(path, "rb");
    if (file) fclose(file);
    return file != NULL;
}

/* The set in `folder`, the full one if both are there. */
static const files *set_in(const char *folder) {
    return is_there(folder, &full_set) ? &full_set : is_there(folder, &small_set) ? &small_set : NULL;
}

static const files *find_set(dataset *d, const char *folder) {
    static const char *const places[] = {"/usr/share/datasets/fashion-mnist", EBB_SMALL_DATA};
    const files *names = NULL;
    if (!folder) folder = getenv("EBB_DATA");
    if (folder && *folder) {
        snprintf(d->folder, sizeof d->folder, "%s", folder);
        return set_in(folder);
    }
    for (int i = 0; i < 2 && !names; i++) {
        names = set_in(places[i]);
        snprintf(d->folder, sizeof d->folder, "%s", places[i]);
    }
    return names;
}

bool dataset_load(dataset *d, ebb_context *ebb, const char *folder, char error[256]) {
    *d = (dataset){0};
    const files *names = find_set(d, folder);
    if (!names) return complain(error, "no IDX files such as %s in %s", full_set.train_images, d->folder);
    d->small = names->small;
    if (!read_split(&d->train, ebb, d->folder, names->train_images, names->train_labels, error) ||
        !read_split(&d->test, ebb, d->folder, names->test_images, names->test_labels, error) ||
        !check_labels(d, error) || !check_sizes(d, error))
        return false;
    measure(d);
    return true;
}

/* ---- batches ---- */

void dataset_gather(const dataset *d, const split *s, const int64_t *index, int64_t n, float *pixels, int64_t *labels) {
    const float *from = ebb_data(s->pixels), scale = 1 / d->deviation, mean = d->mean;
    const int64_t *label = ebb_data(s->labels);
    for (int64_t i = 0; i < n; i++) {
        const float *restrict row = from + index[i] * d->inputs;
        float *restrict to = pixels + i * d->inputs;
        for (int64_t k = 0; k < d->inputs; k++)
            to[k] = (row[k] - mean) * scale;
        labels[i] = label[index[i]];
    }
}
