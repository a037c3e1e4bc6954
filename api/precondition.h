/* If-Match (RFC 9110): a call on a model is served only while the model's settings are
 * those that the client has seen.
 *
 * The tag of a model is "<id>.<revision>": a new model of the same name has another id,
 * and the revision grows with each change of settings or reset, not with training.  The
 * weak form W/"…" counts as well, because proxies that compress make it.
 *
 * The header is judged once, when the headers are known; what changes a model hands the
 * revision that matched to the engine, which looks again in the instant of the change.
 * On models If-None-Match and the dates are not heeded: figures change without the tag.
 *
 * If-None-Match is for documents that are the same for all (route.h, entity_tag): 304 while
 * the client's is the present one. */
#ifndef MLPD_API_PRECONDITION_H
#define MLPD_API_PRECONDITION_H

#include "api/call_internal.h"

/* Judge the lines of a call whose model, if any, is known.  False after answering 304, 400
 * (no list of tags) or 412.  With an idempotency key the 412 has to wait: a repeat of
 * what was accepted is answered whatever has changed since. */
bool precondition_check(struct call *call, const struct request *request);

/* Answer with the error of a change; ERROR_STALE as the 412 of If-Match. */
void precondition_answer_error(struct call *call, const struct error *error);

/* Is the tag `current` (without quotes) in the list?  `found` and `broken` are only ever
 * set: lines add up. */
void precondition_read(const char *line, const char *current, bool *found, bool *broken);

/* No revision is this one: for the engine to refuse with ERROR_STALE. */
#define REVISION_STALE UINT64_MAX

#define MODEL_TAG_BYTES (MODEL_ID_BYTES + 21)
void model_tag_write(char tag[MODEL_TAG_BYTES], const struct model *model, uint64_t revision);

#endif
