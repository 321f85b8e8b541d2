/* formulas_any.h - the comparisons, which every dtype has; see formulas_float.h. The includer defines COMPARE. */

COMPARE(eq, x == y)
COMPARE(ne, x != y)
COMPARE(lt, x < y)
COMPARE(le, x <= y)
COMPARE(gt, x > y)
COMPARE(ge, x >= y)
