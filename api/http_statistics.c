/* What the HTTP server has seen; see http_statistics.h. */
#include "api/http_statistics.h"

#include "api/route.h"
#include "core/base/memory.h"

struct http_statistics *http_statistics_create(void) {
    const size_t count = route_operation_count() + 1;
    struct http_statistics *http =
        memory_allocate_zero(1, sizeof *http + count * sizeof *http->operations);
    if (http != NULL) {
        http->operation_count = count;
    }
    return http;
}

void http_statistics_destroy(struct http_statistics *http) {
    memory_free(http);
}

/* Where a status is counted.  Who sees one for the first time takes the next place. */
static size_t place_of(struct http_statistics *http, unsigned status) {
    for (size_t i = 0; i < HTTP_STATUSES_MAX; i++) {
        unsigned found = atomic_load_explicit(&http->statuses[i], memory_order_relaxed);
        if (found == 0) {
            atomic_compare_exchange_strong_explicit(&http->statuses[i], &found, status,
                                                    memory_order_relaxed, memory_order_relaxed);
            found = found == 0 ? status : found;
        }
        if (found == status) {
            return i;
        }
    }
    return HTTP_STATUSES_MAX - 1;
}

void http_statistics_count(struct http_statistics *http, size_t operation, unsigned status,
                           double seconds) {
    struct operation_statistics *row = &http->operations[operation];
    atomic_fetch_add_explicit(&row->requests[place_of(http, status)], 1, memory_order_relaxed);
    histogram_count(&row->seconds, seconds);
}
