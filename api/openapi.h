/* GET /openapi.json: the interface as an OpenAPI 3.1 document, written from the tables
 * that route, validate and answer.
 *
 * The text is the same for the life of the process: it is written at the first call, kept,
 * and has an entity tag.  Any thread. */
#ifndef MLPD_API_OPENAPI_H
#define MLPD_API_OPENAPI_H

#include "api/json_write.h"

/* The whole document (openapi_document.c). */
void openapi_write(struct json_writer *json);

/* The document's entity tag without quotes; NULL when there is no memory to write it. */
const char *openapi_tag(void);

#endif
