/* Problem documents (RFC 9457): one for every error that a client can meet.
 *
 * {"type", "title", "status", "detail", "pointer", "error", "request_id"}; `pointer`, a
 * JSON Pointer, where one field is at fault; `error` repeats the detail for clients of
 * the Open Inference Protocol, which read no other; `request_id` is what X-Request-Id
 * has.  (An `instance` would have to be a URI, and an id is none.) */
#ifndef MLPD_API_PROBLEM_H
#define MLPD_API_PROBLEM_H

#include "api/call.h"
#include "core/base/error.h"

/* The one status that an error of core has over HTTP. */
unsigned problem_status(enum error_code code);

/* The reason phrase of a status that mlpd uses: "Not Found". */
const char *problem_title(unsigned status);

/* Write the document into an empty response; without an id it has no `request_id`. */
void problem_write(struct response *response, unsigned status, const struct error *error,
                   const char *request_id);

#endif
