/* Writing schemas; see schema.h. */
#include "api/schema.h"

#include <string.h>

#define FIELDS_MAX 40 /* of one object */

static const struct schema *find(const struct schema *schemas, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(schemas[i].name, name) != 0) {
        i++;
    }
    return i < count ? &schemas[i] : NULL;
}

const struct schema *schema_find(const char *name) {
    const struct schema *request = find(request_schemas, request_schema_count, name);
    return request != NULL ? request : find(answer_schemas, answer_schema_count, name);
}

static void write_member(struct json_writer *json, const char *key, const char *text) {
    if (text != NULL) {
        json_write_key(json, key);
        json_write_string(json, text);
    }
}

void schema_begin_object(struct json_writer *json, const char *title) {
    write_member(json, "title", title);
    json_write_constant(json, "'type': 'object', 'additionalProperties': false");
    json_write_key(json, "properties");
    json_write_begin_object(json);
}

void schema_write_field(struct json_writer *json, const struct schema_field *field) {
    json_write_key(json, field->name);
    json_write_begin_object(json);
    json_write_constant(json, field->keywords);
    write_member(json, "description", field->documentation);
    json_write_end_object(json);
}

void schema_end_object(struct json_writer *json, const char *const *required, size_t count) {
    json_write_end_object(json);
    if (count > 0) {
        json_write_key(json, "required");
        json_write_begin_array(json);
        for (size_t i = 0; i < count; i++) {
            json_write_string(json, required[i]);
        }
        json_write_end_array(json);
    }
}

void schema_write_object(struct json_writer *json, const struct schema_field *fields) {
    const char *required[FIELDS_MAX];
    size_t count = 0;
    schema_begin_object(json, NULL);
    for (const struct schema_field *field = fields; field->name != NULL; field++) {
        schema_write_field(json, field);
        if (field->presence == ALWAYS && count < FIELDS_MAX) {
            required[count++] = field->name;
        }
    }
    schema_end_object(json, required, count);
}

static void write_schema(struct json_writer *json, const struct schema *schema) {
    json_write_key(json, schema->name);
    json_write_begin_object(json);
    write_member(json, "description", schema->documentation);
    if (schema->fields != NULL) {
        schema_write_object(json, schema->fields);
    } else if (schema->write != NULL) {
        schema->write(json);
    } else {
        json_write_constant(json, schema->keywords);
    }
    if (schema->example != NULL) {
        json_write_key(json, "examples");
        json_write_begin_array(json);
        json_write_constant(json, schema->example);
        json_write_end_array(json);
    }
    json_write_end_object(json);
}

void schema_write_all(struct json_writer *json) {
    json_write_begin_object(json);
    for (size_t i = 0; i < request_schema_count; i++) {
        write_schema(json, &request_schemas[i]);
    }
    for (size_t i = 0; i < answer_schema_count; i++) {
        write_schema(json, &answer_schemas[i]);
    }
    json_write_end_object(json);
}
