/* log.h - what the library says when it is asked to; see log.c. */
#ifndef EBB_LOG_H
#define EBB_LOG_H

#include "frontend/internal.h"
#include "jit/graph/text.h"
#include "jit/plan/plan.h"

bool ebb_log_wants(const char *topic);                                       /* EBB_LOG names it */
void ebb_say(ebb_context *ebb, const char *topic, const char *text);         /* topic NULL: a warning */
void ebb_say_time(void *context, const char *text);                          /* the log callback of a compile */
void ebb_show_graph(ebb_context *ebb, const char *name, const ebb_graph *g); /* logged, and dumped as <name>.graph */
void ebb_show_plan(ebb_context *ebb, const ebb_plan *plan);

#endif
