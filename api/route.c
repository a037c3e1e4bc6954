/* Finding in the table of routes; see route.h. */
#include "api/route.h"

#include <stdio.h>
#include <string.h>

static bool segment_matches(const char *pattern, const char *segment) {
    return pattern[0] == '{' || strcmp(pattern, segment) == 0;
}

static bool matches(const struct route *route, const struct target *target) {
    size_t i = 0;
    while (i < target->segment_count && route->segments[i] != NULL &&
           segment_matches(route->segments[i], target->segments[i])) {
        i++;
    }
    return i == target->segment_count && (i == TARGET_SEGMENTS_MAX || route->segments[i] == NULL);
}

const struct route *route_find(const struct target *target) {
    for (size_t i = 0; i < route_count && !target->matches_nothing; i++) {
        if (matches(&routes[i], target)) {
            return &routes[i];
        }
    }
    return NULL;
}

const struct handler *route_handler(const struct route *route, const char *method) {
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;
    for (size_t i = 0; i < HANDLERS_MAX && route->handlers[i].method != NULL; i++) {
        if (strcmp(wanted, route->handlers[i].method) == 0) {
            return &route->handlers[i];
        }
    }
    return NULL;
}

bool route_has_segment(const struct route *route, const char *segment) {
    for (size_t i = 0; i < TARGET_SEGMENTS_MAX && route->segments[i] != NULL; i++) {
        if (strcmp(route->segments[i], segment) == 0) {
            return true;
        }
    }
    return false;
}

bool route_hears(const struct handler *handler, enum request_header header) {
    size_t i = 0;
    while (handler->hears[i] != HEADER_NONE && handler->hears[i] != header) {
        i++;
    }
    return handler->hears[i] == header;
}

/* Rows of a route that it does not use have numbers too. */
size_t route_operation_count(void) {
    return route_count * HANDLERS_MAX;
}

size_t route_operation(const struct handler *handler) {
    for (size_t i = 0; i < route_count; i++) {
        const struct handler *first = routes[i].handlers;
        if (handler != NULL && handler >= first && handler < first + HANDLERS_MAX) {
            return i * HANDLERS_MAX + (size_t)(handler - first);
        }
    }
    return route_operation_count();
}

const char *route_operation_name(size_t operation) {
    return operation < route_operation_count()
               ? routes[operation / HANDLERS_MAX].handlers[operation % HANDLERS_MAX].operation
               : NULL;
}

void route_allow(const struct route *route, char allow[ALLOW_BYTES]) {
    snprintf(allow, ALLOW_BYTES, "OPTIONS");
    for (size_t i = 0; i < HANDLERS_MAX && route->handlers[i].method != NULL; i++) {
        const char *method = route->handlers[i].method;
        const size_t used = strlen(allow);
        snprintf(allow + used, ALLOW_BYTES - used, ", %s%s", method,
                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
    }
}
