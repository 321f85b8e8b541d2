/* command_train.c - trains the classifier of frontend/common and reports epoch by epoch. */
#include "frontend/command/command.h"

#include "frontend/common/classifier.h"
#include "frontend/common/json.h"

/* Trains; with --json the document is written as the epochs end. */
static bool train(classifier *c, const options *o) {
    json j = {.to = stdout};
    epoch last = {0};
    if (o->json) {
        json_open(&j, '{');
        json_key(&j, "data");
        json_string(&j, c->data->folder);
        json_key(&j, "epochs");
        json_open(&j, '[');
    }
    for (int i = 1; i <= o->epochs && ebb_ok(c->ebb); i++) {
        last = classifier_epoch(c, i, o->epochs, o->json ? stderr : stdout, o->json ? NULL : stdout);
        if (o->json) epoch_write(&last, &j);
    }
    if (!o->json) return fflush(stdout) == 0 && !ferror(stdout);
    json_close(&j, ']');
    json_key(&j, "accuracy");
    json_real(&j, last.accuracy, EBB_F64);
    json_close(&j, '}');
    return json_end(&j);
}

static bool load_and_train(ebb_context *ebb, const options *o) {
    dataset data;
    classifier c;
    char error[256];
    if (!dataset_load(&data, ebb, o->data, error)) {
        if (ebb_ok(ebb)) fprintf(stderr, "ebb train: %s\n", error);
        return false;
    }
    if (!o->json)
        printf("%s: %lld training and %lld test images%s\n", data.folder, (long long)data.train.count,
               (long long)data.test.count, data.small ? " (the small set that comes with ebb)" : "");
    classifier_options settings = {
        .hidden = o->hidden, .batch = o->batch, .learning_rate = o->learning_rate, .seed = o->seed};
    bool good = classifier_open(&c, ebb, &data, &settings) && train(&c, o);
    classifier_close(&c);
    return good;
}

int command_train(const options *o) {
    ebb_context *ebb = ebb_open(&(ebb_options){.mode = o->mode, .cpu = o->cpu});
    bool good = false;
    if (ebb)
        EBB_SCOPE (ebb)
            good = load_and_train(ebb, o);
    return finish(o, ebb, good);
}
