/* frames.h - how the windows of a pooling or a convolution lie over x [n,spatial...,c]. Start at ebb_frames_fit. */
#ifndef EBB_FRAMES_H
#define EBB_FRAMES_H

#include "frontend/values.h"

enum { EBB_SPATIAL = 2 }; /* spatial axes at most: each becomes two, beside n, groups and channels */

typedef struct ebb_frames {
    ebb_context *ebb;
    const char *function;
    ebb_site site;
    int axes; /* spatial ones: 1 ... axes of x */
    int64_t size[EBB_SPATIAL], stride[EBB_SPATIAL], dilation[EBB_SPATIAL], low[EBB_SPATIAL], high[EBB_SPATIAL];
    bool same;                                       /* low and high are found: ceil(length / stride) windows */
    int64_t length[EBB_SPATIAL], count[EBB_SPATIAL]; /* found: x's sizes, and how many windows */
} ebb_frames;

/* Checks x's rank and the given numbers, finds the others; false after an error. */
bool ebb_frames_fit(ebb_frames *f, const ebb_tensor *x);
bool ebb_frames_padded(const ebb_frames *f, int a);
/* Zeros around the spatial axes of x. */
ebb_tensor *ebb_frames_pad(const ebb_frames *f, ebb_tensor *x);
/* x [n,padded...,rest...] -> [n,count 0,size 0,count 1,size 1,rest...]. */
ebb_tensor *ebb_frames_cut(const ebb_frames *f, ebb_tensor *x);

#endif
