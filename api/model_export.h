/* A model being taken away: what a call of exports.c keeps, from its query to the last byte
 * that is sent.  Belongs to the call. */
#ifndef MLPD_API_MODEL_EXPORT_H
#define MLPD_API_MODEL_EXPORT_H

#include "api/model_file.h"

struct model_export {
    const struct model_file_format *format;
    bool with_optimizer;
    struct settings *settings; /* referenced: in force where the state is taken; or NULL */
    struct model_file file;
};

/* NULL when there is no memory. */
struct model_export *model_export_create(const struct model_file_format *format,
                                         bool with_optimizer, struct ledger *ledger);

/* NULL is allowed. */
void model_export_destroy(struct model_export *export);

#endif
