/* The guard; see guard.h. */
#include "server/guard.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The token of "Bearer TOKEN", or NULL.  Blanks around it do not matter. */
static const char *bearer_token(const char *authorization, size_t *bytes) {
    static const char scheme[] = "Bearer";
    const size_t length = sizeof scheme - 1;
    if (authorization == NULL || strncasecmp(authorization, scheme, length) != 0 ||
        strspn(authorization + length, " \t") == 0) {
        return NULL;
    }
    const char *token = authorization + length + strspn(authorization + length, " \t");
    *bytes = strlen(token);
    while (*bytes > 0 && (token[*bytes - 1] == ' ' || token[*bytes - 1] == '\t')) {
        (*bytes)--;
    }
    return *bytes > 0 ? token : NULL;
}

struct access guard_judge(const struct guard *guard, const struct guard_request *request,
                          char objection[ORIGINS_OBJECTION_BYTES]) {
    struct access access = ACCESS_GRANTED;
    const struct origins_request from = {
        .host = request->header(request->header_context, "Host"),
        .target = request->target,
        .origin = request->header(request->header_context, "Origin"),
        .fetch_site = request->header(request->header_context, "Sec-Fetch-Site"),
        .local = request->local,
    };
    if (!origins_allow(guard->origins, &from, objection)) {
        access.objection = objection;
    }
    if (guard->tokens != NULL) {
        size_t bytes;
        const char *token =
            bearer_token(request->header(request->header_context, "Authorization"), &bytes);
        access.scopes = token != NULL ? tokens_scopes(guard->tokens, token, bytes) : SCOPE_NONE;
        access.known = access.scopes != SCOPE_NONE;
    }
    return access;
}
