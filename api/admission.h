/* Admission: is a request, by its headers, one that mlpd serves, and of whom?
 *
 * The checks go in a fixed order, and the first that fails is the answer: address (404),
 * Host and Origin (403), method (405), token (401) and scope (403), query parameters
 * (400, 422), model (404), Accept (406), Idempotency-Key (400), If-Match (400, 412), length (413),
 * encoding and media type (415). */
#ifndef MLPD_API_ADMISSION_H
#define MLPD_API_ADMISSION_H

#include "api/call_internal.h"

/* Settle what the call is from its headers, or answer it. */
void admission_decide(struct call *call, const struct request *request);

#endif
