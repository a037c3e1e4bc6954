/* An optimizer with its schedule, in both directions: JSON to settings and back.  The
 * readers' pointers are relative to the value; see json_document.h.  Pure functions. */
#ifndef MLPD_API_OPTIMIZER_JSON_H
#define MLPD_API_OPTIMIZER_JSON_H

#include "api/json_document.h"
#include "api/json_write.h"
#include "core/maths/optimizer.h"

/* Of a create body: a name, or an object of settings, whose others get their defaults.
 * ERROR_INVALID. */
enum error_code optimizer_read(const json_t *value, struct optimizer_settings *settings,
                               struct error *error);

/* Of a PATCH body: an object of settings, whose others stay; a schedule is one of them,
 * and replaced whole.  ERROR_INVALID, also where it names another optimizer. */
enum error_code optimizer_change(const json_t *value, struct optimizer_settings *settings,
                                 struct error *error);

/* The object, made whole. */
void optimizer_write(struct json_writer *json, const struct optimizer_settings *settings);

#endif
