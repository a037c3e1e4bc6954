/* The scratch of a training pass: every matrix and partial sum that lives for one
 * batch, and the grids of tiles that fill them.  Only for pass.c. */
#ifndef MLPD_CORE_MATHS_PASS_LAYOUT_H
#define MLPD_CORE_MATHS_PASS_LAYOUT_H

#include "core/maths/pass.h"

/* With pass->network and pass->batch.rows given, set the grids and point the
 * matrices into `scratch`, pass_scratch_bytes long. */
void pass_lay_out(struct pass *pass, void *scratch);

#endif
