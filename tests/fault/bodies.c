/* See bodies.h. */
#include "tests/fault/bodies.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
    size_t inputs, classes;
    const char *rest;
} kinds[KINDS] = {
    {4, 3, "'layers':[{'units':8},{'units':3}]"},
    {16, 5, "'layers':[{'units':64,'dropout':0.2},{'units':5}],'standardize':true"},
    {32, 4, "'layers':[{'units':400},{'units':400},{'units':4}]"},
    {8, 2, "'layers':[{'units':16},{'units':2}],'optimizer':{'name':'sgd','momentum':0.9}"},
};

size_t body_quote(char *text) {
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(*c == '\'' ? '"' : *c);
    }
    return strlen(text);
}

size_t body_write_model(struct client *client, unsigned name) {
    snprintf(client->body, BODY_BYTES, "{'name':'m-%u','inputs':%zu,'seed':%u,%s}", name,
             kinds[name % KINDS].inputs, name, kinds[name % KINDS].rest);
    return body_quote(client->body);
}

size_t body_write_rows(struct client *client, unsigned name, size_t rows, bool labels,
                       uint64_t min_step) {
    char *at = client->body;
    at += sprintf(at, "{\"inputs\":[");
    for (size_t r = 0; r < rows; r++) {
        at += sprintf(at, "%s[", r > 0 ? "," : "");
        for (size_t i = 0; i < kinds[name % KINDS].inputs; i++) {
            at += sprintf(at, "%s%.3f", i > 0 ? "," : "", client_random(client, 2000) * 1e-3 - 1);
        }
        at += sprintf(at, "]");
    }
    at += sprintf(at, "]");
    if (labels) {
        at += sprintf(at, ",\"labels\":[");
        for (size_t r = 0; r < rows; r++) {
            at += sprintf(at, "%s%u", r > 0 ? "," : "",
                          client_random(client, (uint32_t)kinds[name % KINDS].classes));
        }
        at += sprintf(at, "]");
    }
    if (min_step > 0) {
        at += sprintf(at, ",\"min_step\":%" PRIu64, min_step);
    }
    at += sprintf(at, "}");
    return (size_t)(at - client->body);
}
