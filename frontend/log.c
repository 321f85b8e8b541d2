/* log.c - what the library says when it is asked to: EBB_LOG=graph,plan,time, and dump folders.
 *
 * Lines go to the context's log callback. Without one they go to standard error, but only because EBB_LOG asked for
 * them. Warnings (no topic) go to the callback alone. */
#include "frontend/log.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool names_topic(const char *list, const char *topic) {
    size_t length = strlen(topic);
    for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strncmp(at, topic, length) == 0 && (at[length] == ',' || !at[length])) return true;
    return false;
}

bool ebb_log_wants(const char *topic) { return names_topic(getenv("EBB_LOG"), topic); }

void ebb_say(ebb_context *ebb, const char *topic, const char *text) {
    if (topic && !ebb_log_wants(topic)) return;
    if (ebb->options.log)
        ebb->options.log(ebb->options.log_self, text);
    else if (topic)
        fprintf(stderr, "%s\n", text);
}

void ebb_say_time(void *context, const char *text) { ebb_say(context, "time", text); }

/* A folder that cannot be written is not worth an error. */
static void dump_graph(const char *folder, const char *name, const char *text) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s.graph", folder, name);
    for (char *c = path + strlen(folder) + 1; n > 0 && n < (int)sizeof path && *c; c++)
        if (*c == '/') *c = '_';
    FILE *f = n > 0 && n < (int)sizeof path ? fopen(path, "w") : NULL;
    if (!f) return;
    fputs(text, f);
    fclose(f);
}

void ebb_show_graph(ebb_context *ebb, const char *name, const ebb_graph *g) {
    const char *folder = ebb->options.dump_folder;
    if (!folder && !ebb_log_wants("graph")) return;
    ebb_diag diag = {0};
    char *text = ebb_graph_print(g, &diag);
    if (!text) return;
    if (folder) dump_graph(folder, name, text);
    ebb_say(ebb, "graph", text);
    ebb_mem_free(g->allocator, text);
}

void ebb_show_plan(ebb_context *ebb, const ebb_plan *plan) {
    char *text = ebb_log_wants("plan") ? ebb_plan_print(plan) : NULL;
    if (text) ebb_say(ebb, "plan", text);
    ebb_mem_free(plan->allocator, text);
}
